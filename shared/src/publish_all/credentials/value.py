"""Cleans a pasted credential, and reads the information in it without a request.

PyPI's tokens are macaroons (v2, base64): they contain their index and, in caveats, their expiry
and their projects. GitHub's tokens have a prefix for each kind:
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from publish_all import diagnoses
from publish_all._json import loads
from publish_all._secret import Secret, SecretName
from publish_all._token_shapes import GITHUB_PREFIXES
from publish_all.config.addresses import PYPI_HOSTS, TESTPYPI_HOSTS, host_of, hostname_of, is_loopback
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    with_names,
)
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note, ignore
from publish_all.findings import Finding

TOKEN_USER = "__token__"  # noqa: S105 - the user name that goes with every API token of PyPI

_MAX_LENGTH = 16 * 1024
_MAX_PACKETS = 200
_PREFIX = "pypi-"
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_WRAPPED_USER = "_json_key_base64"
_GITHUB_HOSTS = frozenset({"ghcr.io", "api.github.com", "github.com"})


def credential_of(
    request: CredentialRequest,
    *,
    username: str,
    value: str,
    origin: str,
    kind: CredentialKind | None = None,
) -> Credential | None:
    """A credential for the host of the request, from a user name and a value as they were found.

    None if the value is only white space. An empty value is allowed if the user name
    is the secret, as for Gemfury and packagecloud. Without `kind`, it follows from the user name. Raises
    `CredentialError` for a user name that cannot be right.
    """
    _ensure_username(username, value, origin)
    if (value and not _stripped(value)) or (not value and username in {"", TOKEN_USER}):
        return None
    return Credential(
        username=username if value else SecretName(username),
        secret=Secret(value),
        host=host_of(request.url),
        kind=kind or (CredentialKind.TOKEN if username == TOKEN_USER else CredentialKind.PASSWORD),
        origin=origin,
    )


def cleaned(credential: Credential, listener: Listener = ignore) -> Credential:
    """The credential without white space and invisible characters around its value.

    A service account's key (`_json_key`) is a JSON object of several lines and stays as it is; one in base64
    (`_json_key_base64`) may have been wrapped, and becomes one line. Raises `CredentialError` for other
    control or invisible characters inside, and for a token that has quotes around it or words before it.
    """
    raw, origin = credential.secret.reveal(), credential.origin
    value = _stripped(raw)
    if value != raw:
        listener(
            Note(message=f"White space or invisible characters around the value of {origin} were removed.")
        )
    if not _is_json_object(value):
        if credential.username == _WRAPPED_USER:
            value = "".join(value.split())
        trouble = _trouble(value, credential)
        if trouble is not None:
            message = f"The value of {origin} {trouble}."
            raise refused(diagnoses.CREDENTIAL_MALFORMED.found(message, where=origin))
        if credential.kind is not CredentialKind.TOKEN and _is_quoted(value):
            listener(Note(message=f"The value of {origin} has quotes around it, which are sent with it."))
    return replace(credential, secret=Secret(value))


def refused(finding: Finding) -> CredentialError:
    """The error for one finding."""
    return CredentialError(finding.message, hint=finding.hint or None, findings=(finding,))


def _stripped(value: str) -> str:
    """Without white space, and without the zero-width characters and byte order marks that are pasted along."""
    invisible = "".join({each for each in value if each.isspace() or unicodedata.category(each) == "Cf"})
    return value.strip(invisible) if invisible else value


def _is_json_object(value: str) -> bool:
    try:
        return value.startswith("{") and isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES


def _trouble(value: str, credential: Credential) -> str | None:
    """A mistake in a value that no server accepts."""
    if {unicodedata.category(each) for each in value} & {"Cc", "Cf", "Zl", "Zp"}:
        return "contains a control or invisible character, such as a line break or a zero-width space"
    if credential.kind is not CredentialKind.TOKEN:
        return None
    if _is_quoted(value):
        return "has quotes around it"
    if re.search(r"\s|://", value) or value.startswith((f"{TOKEN_USER}:", f"{credential.username}:")):
        return "is more than a token: it contains white space, a URL or a user name"
    return None


def _ensure_username(username: str, value: str, origin: str) -> None:
    """Raise for a user name that is a token (names are shown, tokens are not), or that would be read as another one."""
    if value and username.startswith((_PREFIX, *GITHUB_PREFIXES)):
        message = f"The user name that goes with {origin} is a token."
        hint = (
            f"Set the token as the password, and {TOKEN_USER} as the user name; or leave the password empty."
        )
    # RFC 7617: the first colon ends the user name.
    elif ":" in username or any(unicodedata.category(each) in {"Cc", "Cf"} for each in username):
        message = f"The user name that goes with {origin} contains a colon or an invisible character."
        hint = "Set only the user name."
    else:
        return
    raise refused(diagnoses.CREDENTIAL_MALFORMED.found(message, where=origin, hint=hint))


# Information in tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class PyPIToken:
    """The information in a PyPI token that can be read without its key.

    `location` is the index's name (`pypi.org`); `expires` is Unix time in seconds; `projects` are the
    normalised names it is limited to, `project_ids` the index's own ids of projects (in minted tokens); None for no
    such limit.
    """

    location: str
    expires: float | None = None
    projects: frozenset[str] | None = None
    project_ids: frozenset[str] | None = None


def read_pypi_token(value: str) -> PyPIToken | None:
    """Read a PyPI token; None for other values, or if it is cut off."""
    if not value.startswith(_PREFIX) or len(value) > _MAX_LENGTH:
        return None
    body = value.removeprefix(_PREFIX)
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        location, caveats = _parts(packed)
    except (ValueError, LookupError):  # binascii's and Unicode's are of the first
        return None
    return _with_limits(location, caveats)


def github_prefix(value: str) -> str | None:
    """The prefix with the kind of a GitHub token; None for other values."""
    return next((prefix for prefix in GITHUB_PREFIXES if value.startswith(prefix)), None)


def inspect(
    credential: Credential, request: CredentialRequest, *, now: Callable[[], float] = time.time
) -> tuple[Finding, ...]:
    """The problems with sending this credential for this request; empty if there are none."""
    if not credential.secret:
        return ()
    found = []
    for diagnosis, message in _problems(credential, request, now()):
        hint = with_names(diagnosis.entry.next_step, request.repository, request.project)
        found.append(diagnosis.found(message, where=credential.origin, hint=hint))
    return tuple(found)


def _problems(
    credential: Credential, request: CredentialRequest, now: float
) -> Iterator[tuple[Diagnosis, str]]:
    secret, origin, host = credential.secret.reveal(), credential.origin, hostname_of(credential.host)
    github, holds = github_prefix(secret), f"The value of {origin} is a"
    if github is not None and host in PYPI_HOSTS | TESTPYPI_HOSTS:
        message = f"{holds} GitHub token ({github}…), and {host} is not GitHub."
        yield diagnoses.TOKEN_OF_OTHER_SERVICE, message
    if secret.startswith(_PREFIX) and host in _GITHUB_HOSTS:
        yield diagnoses.TOKEN_OF_OTHER_SERVICE, f"{holds} PyPI token, and {host} is GitHub."
    if github == "github_pat_" and host == "ghcr.io":
        message = f"{holds} fine-grained token (github_pat_…), which ghcr.io does not accept."
        yield Diagnosis("PA315"), message
    token, is_partial = read_pypi_token(secret), secret.startswith(_PREFIX)
    # The index behind the host as tokens name it, for the two that we know.
    index = "pypi.org" if host in PYPI_HOSTS else "test.pypi.org" if host in TESTPYPI_HOSTS else None
    if index is not None and (token is not None or github is None):
        if credential.username != TOKEN_USER and (token is not None or not is_partial):
            message = f"The user name from {origin} is {credential.username!r}, and {host} accepts only {TOKEN_USER}."
            yield Diagnosis("PA305"), message
        elif token is None:
            what = "only a part of a PyPI token" if is_partial else "something that is not a PyPI token"
            message = f"The value of {origin} is {what}, and {host} accepts only whole PyPI tokens."
            yield Diagnosis("PA306"), message
    if token is None:
        return
    is_known = token.location in {"pypi.org", "test.pypi.org"} and not is_loopback(credential.host)
    if token.location != index and (index is not None or is_known) and host not in _GITHUB_HOSTS:
        message = f"The token in {origin} is for {token.location}, and {request.repository} is at {host}."
        yield Diagnosis("PA301"), message
    if token.expires is not None and token.expires <= now:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(token.expires))
        yield Diagnosis("PA302"), f"The token in {origin} expired at {when}."
    if token.projects is not None and request.project is not None and request.project not in token.projects:
        names = ", ".join(sorted(token.projects)) or "no project"
        message = f"The token in {origin} can upload to {names} only, not to {request.project}."
        yield Diagnosis("PA303"), message


def describe(secret: Secret) -> str:
    """The kind of the credential, in words without any part of it."""
    token, github = read_pypi_token(secret.reveal()), github_prefix(secret.reveal())
    if token is not None:
        limit = "" if token.projects is None else f", only for {', '.join(sorted(token.projects))}"
        return f"a token of {token.location}{limit}"
    return f"a GitHub token ({github}…)" if github else "a password or token of unknown kind"


def _parts(packed: bytes) -> tuple[str, list[bytes]]:
    """Location and caveat identifiers of a macaroon v2; raises `ValueError` or `LookupError` for other data.

    The format (libmacaroons, doc/format.txt): a version byte 2, then packets of type, length and data; type 0 without a
    length ends a section. The sections are the header (location 1, identifier 2), each caveat (identifier 2), and, after
    an empty one, the signature 6.
    """
    stream = io.BytesIO(packed[1:])
    packets: list[tuple[int, bytes]] = []
    while (kind := stream.read(1)) and len(packets) < _MAX_PACKETS:
        length = 0
        for shift in range(0, 28, 7) if kind[0] else ():
            byte = stream.read(1)[0]
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
        packets.append((kind[0], stream.read(length)))
    (first, location), (last, signature) = packets[0], packets[-1]
    _, *caveats = [data for kind, data in packets if kind == 2]
    if packed[0] != 2 or first != 1 or last != 6 or len(signature) != 32:
        raise ValueError("not a macaroon of version 2 with its signature")
    return location.decode("ascii"), caveats


def _with_limits(location: str, caveats: Iterable[bytes]) -> PyPIToken:
    """The token with the earliest expiry, and the projects that all caveats allow, by name and by id.

    Unknown caveats are ignored here: the server decides. `[0, expires, not before]`, `[1, [names]]` and
    `[2, [ids]]`, or as it was before: `{"exp": …, "nbf": …}` and `{"version": 1, "permissions": {"projects": [names]}}`.
    """
    ends: list[float] = []
    projects: list[frozenset[str]] = []
    allowed: list[frozenset[str]] = []
    for caveat in caveats:
        try:
            content = loads(caveat)
        except ValueError:
            continue
        end = names = ids = None
        match content:
            case [0, end, *_] | {"exp": end}:
                pass
            case [1, names, *_] | {"permissions": {"projects": names}}:
                pass
            case [2, ids, *_]:
                pass
        if isinstance(end, int | float) and not isinstance(end, bool):
            ends.append(float(end))
        if isinstance(names, list):
            projects.append(frozenset(canonicalize_name(name) for name in names if isinstance(name, str)))
        if isinstance(ids, list):
            allowed.append(frozenset(map(str, ids)))
    of_all = frozenset[str].intersection
    return PyPIToken(
        location=location,
        expires=min(ends, default=None),
        projects=of_all(*projects) if projects else None,
        project_ids=of_all(*allowed) if allowed else None,
    )
