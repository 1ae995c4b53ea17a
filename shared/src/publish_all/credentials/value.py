"""Taking a value that a person has pasted somewhere, and saying what is wrong with it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace

from publish_all import diagnoses
from publish_all._secret import Secret, SecretName
from publish_all.config.addresses import host_of
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note, ignore
from publish_all.findings import Finding

TOKEN_USER = "__token__"  # noqa: S105 - the user name that goes with every API token of PyPI

_TOKEN_STARTS = ("pypi-", "ghp_", "ghs_", "gho_", "ghu_", "github_pat_")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_WRAPPED_USER = "_json_key_base64"


def credential_of(
    request: CredentialRequest,
    *,
    username: str,
    value: str,
    origin: str,
    kind: CredentialKind | None = None,
) -> Credential | None:
    """A credential for the host of the request, from a user name and a value as they were found.

    None when nothing is left of the value but white space. An empty value is taken where the user name
    is the secret, as Gemfury and packagecloud want it. Without `kind`, the user name tells it. Raises
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
        what = "White space" if value == raw.strip() else "Invisible characters"
        listener(Note(message=f"{what} around the value of {origin} was left out."))
    if not _is_json_object(value):
        if credential.username == _WRAPPED_USER:
            value = "".join(value.split())
        trouble = _trouble(value, credential)
        if trouble is not None:
            message = f"The value of {origin} {trouble}."
            raise refused(diagnoses.CREDENTIAL_MALFORMED.found(message, where=origin))
        if credential.kind is not CredentialKind.TOKEN and _is_quoted(value):
            listener(
                Note(message=f"The value of {origin} has quotes around it, which are sent as a part of it.")
            )
    return replace(credential, secret=Secret(value))


def refused(finding: Finding) -> CredentialError:
    """The error that one finding alone is reason enough for."""
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
    """What no server can mean in a value."""
    categories = {unicodedata.category(each) for each in value}
    if categories & {"Cc", "Zl", "Zp"}:
        return "holds a control character, such as a line break, in its middle"
    if "Cf" in categories:
        return "holds an invisible character, such as a zero-width space, in its middle"
    if credential.kind is not CredentialKind.TOKEN:
        return None
    if _is_quoted(value):
        return "has quotes around it"
    if "://" in value:
        return "is a URL"
    if re.search(r"\s", value):
        return "holds white space, such as that after the word `Bearer`"
    if value.startswith((f"{TOKEN_USER}:", f"{credential.username}:")):
        return "begins with a user name"
    return None


def _ensure_username(username: str, value: str, origin: str) -> None:
    """Raise for a user name that is a token (names are shown, tokens are not), or that would be read as another one."""
    message = hint = ""
    if value and username.startswith(_TOKEN_STARTS):
        message = f"The user name that goes with {origin} is a token."
        hint = (
            f"Give the token as the password, and {TOKEN_USER} as the user name. "
            "Where a server wants it as the user name, leave the password empty."
        )
    # RFC 7617: the first colon ends the user name.
    elif ":" in username or any(unicodedata.category(each) in {"Cc", "Cf"} for each in username):
        message = (
            f"The user name that goes with {origin} holds a colon or an invisible character, "
            "with which no server would read it as it is."
        )
        hint = "Set the user name alone."
    if message:
        raise refused(diagnoses.CREDENTIAL_MALFORMED.found(message, where=origin, hint=hint))
