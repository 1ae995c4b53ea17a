"""GitHub's REST API for releases and for deletes of packages: credentials, pages of lists, rate limits, and the meaning of refusals.

https://docs.github.com/rest/releases
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from packaging.utils import NormalizedName

from publish_all import diagnoses as known
from publish_all._http import BearerAuth, Body, Download, Headers, Reply, Session, next_link
from publish_all._http_errors import HttpError
from publish_all._server_text import plain
from publish_all._urls import joined, origin, shown_url
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.credential_source import CredentialRequest, Credentials, Purpose
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError
from publish_all.repositories.replies import RefusedError, UnauthorizedError, broken, ensure_host, retry_after
from publish_all.repositories.repository import Removal

PAUSE = 1.0
"""Seconds between two writes: GitHub asks for one at least."""

GIVE_CREDENTIAL = (
    "In GitHub Actions: add `permissions: contents: write` to the job, and `GITHUB_TOKEN: ${{ github.token }}` to the "
    "`env` of the step. Elsewhere run `gh auth login`, or set GITHUB_TOKEN to a fine-grained personal access token "
    "with Contents: write for this repository."
)

_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_MINUTE = 60.0
_WORTH_WAITING = 840.0
"""Seconds for which a limit is waited for. The upload engine gives a file up after a quarter of an hour."""


@dataclass(eq=False, repr=False)
class GitHubApi:
    """GitHub's API below `url`, which ends with `/repos/OWNER/REPOSITORY` for the API of one repository.

    The credential is only sent to the API and to its host for uploads. It is the credential for `registry`
    if that is set: ghcr.io uses the tokens of GitHub. `hint` is for permissions other than contents: write.
    """

    url: str
    config: RepositoryConfig
    credentials: Credentials
    session: Session
    purpose: Purpose = Purpose.UPLOAD
    registry: str = ""
    project: NormalizedName | None = None
    hint: str = ""
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _written: float = 0.0
    # The end of GitHub's rate limit, and how often in a row it was reported.
    _silent_until: float = 0.0
    _limited: int = 0

    @property
    def _asked(self) -> CredentialRequest:
        return CredentialRequest(
            config=self.config, url=self.registry or self.url, project=self.project, purpose=self.purpose
        )

    def get(self, path: str) -> Any:
        """The object at a path below the repository's; None if there is none. Raises `HttpError` and `CredentialError`."""
        reply = self._request("GET", f"{self.url}{path}")
        return None if reply.status == 404 else self._content(reply)

    def pages(self, path: str) -> Iterator[Any]:
        """All entries of a list, page after page."""
        url: str | None = f"{self.url}{path}"
        while url is not None:
            reply = self._request("GET", url)
            if reply.status == 404:
                raise self._refusal(reply)
            content = self._content(reply)
            if not isinstance(content, list):
                raise self.unreadable(url)
            yield from content
            following = next_link(reply.headers.get("Link", ""))
            url = joined(url, following) if following else None

    def write(self, method: str, url: str, body: Body | None = None, *, content_type: str = "") -> Any:
        """Send a request, at least `PAUSE` after the last one. None if the answer has no content."""
        pause = self._written + PAUSE - self.clock()
        if pause > 0:
            self.sleep(min(pause, PAUSE))
        headers = {"Content-Type": content_type} if content_type else {}
        try:
            reply = self._request(method, url, body=body, headers=headers)
        finally:
            self._written = self.clock()
        return None if reply.status == 204 else self._content(reply)

    @contextmanager
    def content(self, url: str, *, byte_range: str | None = None) -> Iterator[Download]:
        """The content of an asset, by its URL in the API, or by the public one, which gets no credential.

        GitHub redirects to another host, which gets no credential either.
        """
        headers = {**_HEADERS, "Accept": "application/octet-stream"}
        if byte_range is not None:
            headers["Range"] = byte_range
        auth = self._auth(url) if origin(url) == origin(self.url) else None
        with self.session.stream("GET", url, auth=auth, headers=headers, redirects=True) as download:
            if download.reply.status not in ({200, 206, 416} if byte_range else {200}):
                raise self._refusal(download.reply)
            yield download

    def unreadable(self, url: str) -> HttpError:
        message = f"{shown_url(url)} gave an answer that is not from GitHub's API."
        return broken(known.PAGE_INSTEAD.found(message, where=shown_url(url)))

    # --- requests

    def _request(self, method: str, url: str, *, body: Body | None = None, headers: Headers = None) -> Reply:
        rest = self._silent_until - self.clock()
        if rest > 0:  # GitHub bans clients that continue to send requests
            raise self._limit(429, rest, "its rate limit has not ended yet")
        reply = self.session.request(
            method, url, auth=self._auth(url), headers=_HEADERS | dict(headers or {}), body=body
        )
        wait = self._wait(reply)
        if wait is not None:
            self._silent_until = self.clock() + wait
            self._limited += 1
            raise self._limit(reply.status, wait, _said(reply))
        self._limited = 0
        return reply

    def _content(self, reply: Reply) -> Any:
        if not 200 <= reply.status < 300:
            raise self._refusal(reply)
        try:
            return reply.json()
        except ValueError as error:
            raise self.unreadable(reply.url) from error

    def _auth(self, url: str) -> BearerAuth | None:
        """The credential for a request. Raises `CredentialError`, also if there is none and one is needed."""
        parts = urlsplit(self.url)
        host = parts.netloc.lower()
        if host.startswith("api."):  # on an Enterprise Server, assets are uploaded to the server itself
            host = f"uploads.{host.removeprefix('api.')}"
        if origin(url) not in (origin(self.url), origin(urlunsplit(parts._replace(netloc=host)))):
            message = f"{self.config.name} redirects to another host: {shown_url(url)}"
            raise UnauthorizedError(known.CREDENTIAL_OF_OTHER_HOST.found(message, where=shown_url(self.url)))
        request = self._asked
        found = self.credentials.get(request)
        if found is None and self.purpose is Purpose.UPLOAD:
            (finding,) = explain_missing(request, self.credentials.trace(request)).findings
            raise UnauthorizedError(replace(finding, hint=self.hint or GIVE_CREDENTIAL))
        if found is None:
            return None
        ensure_host(found, request.url)
        return BearerAuth(secret=found.secret)

    def _wait(self, reply: Reply) -> float | None:
        """The seconds until the rate limit ends; None if the reply is about something else."""
        if reply.status not in {403, 429}:
            return None
        stated = retry_after(reply.headers, self.clock())
        if stated is None and reply.status == 403 and "rate limit" not in _said(reply).lower():
            return None
        return stated if stated is not None else _MINUTE * 2.0 ** min(self._limited, 4)

    # --- refusals

    def _limit(self, status: int, wait: float, said: str) -> RefusedError:
        message = f"{self.config.name} accepts no more requests for now: {said}"
        worth_waiting = wait <= _WORTH_WAITING
        if not worth_waiting:
            end = time.strftime("%H:%M UTC", time.gmtime(self.clock() + wait))
            message = f"{message.rstrip('.')}. The limit ends at {end}."
        finding = known.SERVER_BUSY.found(message, where=shown_url(self.url))
        return RefusedError(finding, status=status, retryable=worth_waiting, wait=wait)

    def _refusal(self, reply: Reply) -> HttpError | CredentialError:
        found = self.credentials.plausible(self._asked)
        said, where = f"{reply.status} {_said(reply)}".strip(), shown_url(reply.url)
        diagnosis, hint = _DIAGNOSES.get(reply.status, (known.REFUSED, ""))
        if found is not None and reply.status in {401, 403}:
            diagnosis = known.CREDENTIAL_REFUSED if reply.status == 401 else known.NOT_ALLOWED
            message = f"{self.config.name} refuses the credential from {found.origin}: {said}"
            finding = diagnosis.found(message, where=where, hint=self.hint or hint)
            return UnauthorizedError(finding, status=reply.status)
        if reply.status >= 500:
            diagnosis = known.SERVER_FAILED
        finding = diagnosis.found(f"{self.config.name} answers {said}", where=where, hint=self.hint or hint)
        return RefusedError(
            finding,
            status=reply.status,
            code=_code(reply),
            retryable=reply.retryable,
            wait=retry_after(reply.headers, self.clock()),
        )


_MOVED = 'The repository was renamed or moved. Set its new name: `link = "OWNER/REPOSITORY"`.'
_DIAGNOSES: Mapping[int, tuple[Diagnosis, str]] = {
    301: (known.REDIRECTED, _MOVED),
    307: (known.REDIRECTED, _MOVED),
    401: (known.READ_NOT_ALLOWED, GIVE_CREDENTIAL),
    403: (known.READ_NOT_ALLOWED, GIVE_CREDENTIAL),
    # GitHub gives the same answer to a credential without access.
    404: (known.NO_UPLOAD_API, f"Check the owner and the name of the repository. {GIVE_CREDENTIAL}"),
}


def _code(reply: Reply) -> str:
    """`already_exists`, or the invalid field; empty if neither is given."""
    try:
        first = reply.json()["errors"][0]
        return str(first["field"] if first["code"] == "custom" else first["code"])
    except (ValueError, LookupError, TypeError):
        return ""


def _said(reply: Reply) -> str:
    said, code = plain(reply.message) or plain(reply.reason), _code(reply)
    return f"{said} ({code})" if code and code not in said else said


# --- packages: https://docs.github.com/rest/packages/packages

PACKAGE_RIGHTS = (
    "To delete, use a classic personal access token with read:packages and delete:packages, as an admin of the package. "
    "In GitHub Actions: `permissions: packages: write`, and the role Admin for the repository under Manage Actions access "
    "in the settings of the package. GitHub does not delete public versions with more than 5,000 downloads; ask its support. "
    "To yank a release, packages: write is enough."
)


def package_deletion(
    api: GitHubApi, package: str, tagged: Mapping[str, str], listed: Mapping[str, str], *, alone: bool
) -> tuple[Removal, ...]:
    """The steps that delete manifests of a package (`sep/kindling`): the `tagged` ones first, then the `listed` files.

    Both map digests to names for people. `alone`: the package has no other tags. GitHub does not delete the last version
    that has one, so the whole package goes then. Raises `RepositoryError` and `CredentialError`.
    """
    owner, _, name = package.partition("/")
    path = f"{owner}/packages/container/{quote(name, safe='')}"
    place = f"/orgs/{path}" if api.get(f"/orgs/{path}") is not None else f"/users/{path}"
    delete = partial(api.write, "DELETE")
    if alone:
        whole = f"the whole package {package}: GitHub does not delete the last version alone"
        return (Removal((whole, *listed.values()), partial(delete, f"{api.url}{place}")),)
    url = f"{place}/versions"
    try:
        numbers = {each["name"]: int(each["id"]) for each in api.pages(f"{url}?per_page=100")}
        steps = {
            digest: numbers[digest] for digest in (*tagged, *(each for each in listed if each in numbers))
        }
    except (LookupError, TypeError, ValueError) as error:
        raise api.unreadable(f"{api.url}{url}") from error
    return tuple(
        Removal(
            (f"{tagged.get(digest) or listed[digest]} (GitHub's version {number})",),
            partial(delete, f"{api.url}{url}/{number}"),
            needed=digest in tagged,
        )
        for digest, number in steps.items()
    )
