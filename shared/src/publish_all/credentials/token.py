"""What a token says about itself, read offline.

PyPI's tokens are macaroons (v2, base64): they name the index they are for and, in caveats, until when
and for which projects they hold. GitHub's tokens tell their kind by a prefix:
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/.
"""

from __future__ import annotations

import base64
import binascii
import enum
import time
from collections.abc import Callable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from publish_all import diagnoses
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.config.addresses import (
    PYPI_HOSTS,
    TESTPYPI_HOSTS,
    is_loopback,
)
from publish_all.credentials.source import Credential, CredentialRequest, variable_part
from publish_all.credentials.value import TOKEN_USER
from publish_all.findings import Finding

_MAX_LENGTH = 16 * 1024
_MAX_CAVEATS = 64
_PREFIX = "pypi-"


class GitHubToken(enum.Enum):
    """The kinds of GitHub tokens, by prefix."""

    CLASSIC = "ghp_"
    FINE_GRAINED = "github_pat_"
    INSTALLATION = "ghs_"
    OAUTH = "gho_"
    USER_TO_SERVER = "ghu_"
    REFRESH = "ghr_"


@dataclass(frozen=True, kw_only=True, slots=True)
class PyPIToken:
    """What can be read in a PyPI token without its key.

    `location` is the index's name (`pypi.org`); `expires` is Unix time in seconds; `projects` are the
    normalised names it is limited to, None for no such limit.
    """

    location: str
    expires: float | None = None
    projects: frozenset[str] | None = None


def read_pypi_token(value: str) -> PyPIToken | None:
    """Read a PyPI token; None for anything that is not one (or is cut off)."""
    if not value.startswith(_PREFIX) or len(value) > _MAX_LENGTH:
        return None
    body = value.removeprefix(_PREFIX)
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        location, caveats = _parts(packed)
    except (ValueError, binascii.Error, IndexError, UnicodeDecodeError):
        return None
    expires, projects = _limits(caveats)
    return PyPIToken(location=location, expires=expires, projects=projects)


def github_kind(value: str) -> GitHubToken | None:
    return next((kind for kind in GitHubToken if value.startswith(kind.value)), None)


def inspect(
    credential: Credential, request: CredentialRequest, *, now: Callable[[], float] = time.time
) -> tuple[Finding, ...]:
    """What is wrong with sending this credential for this request; empty when nothing can be said against it."""
    secret = credential.secret.reveal()
    if not secret:
        return ()
    seen = _Seen(
        credential=credential,
        request=request,
        host=_hostname(credential.host),
        token=read_pypi_token(secret),
        github=github_kind(secret),
        looks_like_pypi=secret.startswith(_PREFIX),
    )
    return (*_wrong_service(seen), *_wrong_token(seen, now))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    credential: Credential
    request: CredentialRequest
    host: str
    token: PyPIToken | None
    github: GitHubToken | None
    looks_like_pypi: bool

    @property
    def origin(self) -> str:
        return self.credential.origin

    @property
    def index(self) -> str | None:
        """The index behind the host as tokens name it, for the two that we know."""
        if self.host in PYPI_HOSTS:
            return "pypi.org"
        return "test.pypi.org" if self.host in TESTPYPI_HOSTS else None

    @property
    def at_github(self) -> bool:
        return self.host in {"ghcr.io", "api.github.com", "github.com"}


def _wrong_service(seen: _Seen) -> Iterator[Finding]:
    if seen.github is not None and seen.index is not None:
        yield diagnoses.TOKEN_OF_OTHER_SERVICE.found(
            f"{_start(seen.origin)} holds a GitHub token ({seen.github.value}…), and {seen.host} is not GitHub.",
            where=seen.origin,
            hint=f"Make a token at https://{seen.index}/manage/account/token/, or set up trusted publishing.",
        )
    if seen.looks_like_pypi and seen.at_github:
        yield diagnoses.TOKEN_OF_OTHER_SERVICE.found(
            f"{_start(seen.origin)} holds a PyPI token, and {seen.host} is GitHub.",
            where=seen.origin,
            hint="Use GITHUB_TOKEN with `packages: write`, or a classic personal access token with write:packages.",
        )
    if seen.github is GitHubToken.FINE_GRAINED and seen.at_github and seen.host == "ghcr.io":
        yield diagnoses.FINE_GRAINED_TOKEN.found(
            f"{_start(seen.origin)} holds a fine-grained token (github_pat_…), which ghcr.io does not accept.",
            where=seen.origin,
            hint="Use a classic personal access token with write:packages, or GITHUB_TOKEN in GitHub Actions.",
        )


def _wrong_token(seen: _Seen, now: Callable[[], float]) -> Iterator[Finding]:
    if seen.token is None:
        if seen.index is not None and seen.github is None:
            yield _not_a_token(seen)
        return
    yield from _wrong_index(seen, seen.token)
    if seen.index is not None and seen.credential.username != TOKEN_USER:
        yield _wrong_username(seen)
    if seen.token.expires is not None and seen.token.expires <= now():
        yield diagnoses.TOKEN_EXPIRED.found(
            f"The token in {seen.origin} expired at {_when(seen.token.expires)}.",
            where=seen.origin,
            hint="Make a new one and set it in the same place.",
        )
    yield from _wrong_project(seen, seen.token)


def _not_a_token(seen: _Seen) -> Finding:
    if seen.credential.username != TOKEN_USER and not seen.looks_like_pypi:
        return _wrong_username(seen)
    what = "only a part of a PyPI token" if seen.looks_like_pypi else "something that is no PyPI token"
    return diagnoses.NOT_A_PYPI_TOKEN.found(
        f"{_start(seen.origin)} holds {what}, and {seen.host} accepts nothing else.",
        where=seen.origin,
        hint=f"Copy the whole token, which begins with pypi-; make one at https://{seen.index}/manage/account/token/.",
    )


def _wrong_username(seen: _Seen) -> Finding:
    return diagnoses.USERNAME_NOT_TOKEN.found(
        f"The user name from {seen.origin} is {seen.credential.username!r}, and {seen.host} accepts only {TOKEN_USER} with an API token.",
        where=seen.origin,
        hint=f"Set the user name to {TOKEN_USER} and the password to an API token, which begins with pypi-.",
    )


def _wrong_index(seen: _Seen, token: PyPIToken) -> Iterator[Finding]:
    known = token.location in {"pypi.org", "test.pypi.org"}
    if seen.index is None and (not known or is_loopback(seen.credential.host)):
        return
    if seen.index != token.location and not seen.at_github:
        yield diagnoses.TOKEN_FOR_OTHER_INDEX.found(
            f"The token in {seen.origin} is for {token.location}, and {seen.request.repository} is at {seen.host}.",
            where=seen.origin,
            hint=f"Set the token of {seen.host} there, or publish to the repository of {token.location}.",
        )


def _wrong_project(seen: _Seen, token: PyPIToken) -> Iterator[Finding]:
    project = seen.request.project
    if token.projects is None or project is None or project in token.projects:
        return
    names = ", ".join(sorted(token.projects)) or "no project"
    part, own = variable_part(seen.request.repository), variable_part(project)
    yield diagnoses.TOKEN_FOR_OTHER_PROJECT.found(
        f"The token in {seen.origin} may upload to {names} only, not to {project}.",
        where=seen.origin,
        hint=f"Set a token for this project in PUBLISH_ALL_{part}_TOKEN_FOR_{own}, or use one for the whole account.",
    )


def _parts(packed: bytes) -> tuple[str, tuple[bytes, ...]]:
    """Location and caveat identifiers of a macaroon v2; raises `ValueError` or `IndexError` when it is none.

    The format (libmacaroons, doc/format.txt): a version byte 2, then packets of type, length and
    data; type 0 without a length ends a section; sections are the header, each caveat, and, after an
    empty one, the signature.
    """
    if packed[0] != 2:
        msg = "not version 2"
        raise ValueError(msg)
    header, position = _section(packed, 1)
    caveats: list[bytes] = []
    while len(caveats) < _MAX_CAVEATS:
        section, position = _section(packed, position)
        if not section:
            break
        caveats.append(section[2])
    kind, signature, _ = _packet(packed, position)
    if kind != 6 or len(signature) != 32 or 2 not in header:
        msg = "no signature"
        raise ValueError(msg)
    return header[1].decode("ascii"), tuple(caveats)


def _section(packed: bytes, position: int) -> tuple[dict[int, bytes], int]:
    fields: dict[int, bytes] = {}
    while packed[position] != 0:
        kind, data, position = _packet(packed, position)
        fields[kind] = data
    if fields and 2 not in fields:
        msg = "a section without an identifier"
        raise ValueError(msg)
    return fields, position + 1


def _packet(packed: bytes, position: int) -> tuple[int, bytes, int]:
    kind = packed[position]
    length, start = _varint(packed, position + 1)
    end = start + length
    if end > len(packed):
        msg = "cut off"
        raise ValueError(msg)
    return kind, packed[start:end], end


def _varint(packed: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 28, 7):
        byte = packed[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
    msg = "a length beyond reason"
    raise ValueError(msg)


def _limits(caveats: tuple[bytes, ...]) -> tuple[float | None, frozenset[str] | None]:
    """The earliest expiry and the projects that all caveats allow. What is not understood limits nothing here: the server decides."""
    expires: float | None = None
    projects: frozenset[str] | None = None
    for caveat in caveats:
        try:
            content = loads(caveat)
        except ValueError:
            continue
        end, names = _expiry(content), _project_names(content)
        if end is not None:
            expires = end if expires is None else min(expires, end)
        if names is not None:
            projects = names if projects is None else projects & names
    return expires, projects


def _expiry(content: Any) -> float | None:
    """`[0, expires, not before]`, or as it was before: `{"exp": …, "nbf": …}`."""
    value = None
    if isinstance(content, list) and len(content) > 1 and content[0] == 0:
        value = content[1]
    elif isinstance(content, dict):
        value = content.get("exp")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _project_names(content: Any) -> frozenset[str] | None:
    """`[1, [names]]`, or as it was before: `{"version": 1, "permissions": {"projects": [names]}}`."""
    names = None
    if isinstance(content, list) and len(content) > 1 and content[0] == 1:
        names = content[1]
    elif isinstance(content, dict) and isinstance(permissions := content.get("permissions"), dict):
        names = permissions.get("projects")
    if not isinstance(names, list):
        return None
    return frozenset(canonicalize_name(name) for name in names if isinstance(name, str))


def _hostname(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _when(expires: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(expires))


def _start(origin: str) -> str:
    return f"The {origin}" if origin.startswith("environment variable") else origin[:1].upper() + origin[1:]


def describe(secret: Secret) -> str:
    """What kind of credential this is, in words that hold none of it."""
    value = secret.reveal()
    token, github = read_pypi_token(value), github_kind(value)
    if token is not None:
        limit = "" if token.projects is None else f", only for {', '.join(sorted(token.projects))}"
        return f"a token of {token.location}{limit}"
    if github is not None:
        return f"a GitHub token ({github.value}…)"
    return "a password or token of unknown kind"
