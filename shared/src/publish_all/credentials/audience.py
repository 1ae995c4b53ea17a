"""The index's side of trusted publishing: the audience it asks for, and whether it may have a token for that.

The exchange is PyPI's: https://docs.pypi.org/trusted-publishers/internals/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from publish_all import diagnoses
from publish_all._http_errors import HttpError
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.credentials.address import PYPI_HOSTS, TESTPYPI_HOSTS, host_of, hostname_of, split
from publish_all.credentials.binding import variable_part
from publish_all.credentials.source import CredentialRequest
from publish_all.credentials.value import refused

ATTEMPTS = 3
_AUDIENCE_ATTEMPTS = 2  # it is asked in preflight, where a server that is down must be told soon
RETRYABLE = frozenset({429, 500, 502, 503, 504})

_OWN_AUDIENCES: Mapping[str, frozenset[str]] = MappingProxyType(
    {"pypi": PYPI_HOSTS, "testpypi": TESTPYPI_HOSTS}
)


class Answer(Protocol):
    """A reply, as `_http.Session` gives it."""

    @property
    def status(self) -> int: ...

    def json(self) -> Any: ...


class Http(Protocol):
    """Sends one request, without following redirects. Raises `HttpError` when no reply comes."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """What a host says about trusted publishing: an audience, or why there is none."""

    audience: str | None
    why: str = ""


def base_of(url: str) -> str:
    """Scheme and host that answer `/_/oidc/…` for an upload URL; PyPI's are not on its upload host."""
    if hostname_of(url) in PYPI_HOSTS:
        return "https://pypi.org"
    return f"{split(url).scheme.lower()}://{host_of(url)}"


def ask_for_audience(http: Http, base: str, *, sleep: Callable[[float], None] = time.sleep) -> Offer:
    """Ask a host for its audience; what may pass is tried again."""
    url = f"{base}/_/oidc/audience"
    why = ""
    for attempt in range(_AUDIENCE_ATTEMPTS):
        if attempt:
            sleep(1.0)
        try:
            answer = http.request("GET", url, headers={"Accept": "application/json"})
        except HttpError as error:
            why = error.message
            if error.retryable:
                continue
            return Offer(None, why)
        if answer.status == 200:
            return _audience_in(answer)
        why = "it has disabled it" if answer.status == 403 else f"{url} answers {answer.status}"
        if answer.status not in RETRYABLE:
            break
    return Offer(None, why)


def ensure_own(audience: str, request: CredentialRequest, base: str, *, configured: str | None) -> None:
    """Raise unless a JWT for this audience is worth nothing but at the host that asks for it.

    That is so for the audiences of PyPI and TestPyPI at these, for a host's own name, and for the one that
    the user has `configured`. Any other name may mean a service that knows the job by it.
    """
    host = hostname_of(request.url)
    own = {host, host_of(request.url), base, f"{base}/"}
    if host in _OWN_AUDIENCES.get(audience, ()) or audience.lower() in own or audience == configured:
        return
    variable = f"PUBLISH_ALL_REPOSITORIES_{variable_part(request.repository)}_AUDIENCE"
    raise refused(
        diagnoses.AUDIENCE_OF_OTHER_SERVICE.found(
            f"{base} asked for an identity token for {plain(audience)}, with which it might act there in our name. It got none.",
            where=f"{base}/_/oidc/audience",
            hint=f"Look whether the url of {request.repository} is right. If it is, and the index means itself by "
            f"this name, set {variable}; or publish with a token: `--auth token`.",
        )
    )


def _audience_in(answer: Answer) -> Offer:
    audience = object_in(answer).get("audience")
    if isinstance(audience, str) and audience.strip():
        return Offer(audience)
    return Offer(None, "it answers without an audience")


def object_in(answer: Answer) -> Mapping[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
