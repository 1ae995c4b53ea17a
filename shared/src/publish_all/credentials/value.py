"""Taking a value that a person has pasted somewhere, and saying what is wrong with it."""

from __future__ import annotations

import json
import unicodedata

from publish_all import diagnoses
from publish_all._secret import Secret, SecretName
from publish_all.credentials.address import host_of
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note
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
    listener: Listener,
    kind: CredentialKind | None = None,
) -> Credential | None:
    """A credential for the host of the request, from a user name and a value as they were found.

    None when nothing is left of the value but white space. An empty value is taken where the user name
    is the secret, as Gemfury and packagecloud want it. Without `kind`, the user name tells it. Raises
    `CredentialError` for what no server can mean, before it is sent anywhere.
    """
    kind = kind or (CredentialKind.TOKEN if username == TOKEN_USER else CredentialKind.PASSWORD)
    _examine_username(username, value, origin)
    if value:
        secret = clean(value, origin=origin, listener=listener, username=username, kind=kind)
        if secret is None:
            return None
    elif username in {"", TOKEN_USER}:
        return None
    else:
        username, secret = SecretName(username), ""
    return Credential(
        username=username, secret=Secret(secret), host=host_of(request.url), kind=kind, origin=origin
    )


def clean(
    value: str,
    *,
    origin: str,
    listener: Listener,
    username: str = "",
    kind: CredentialKind = CredentialKind.PASSWORD,
) -> str | None:
    """The value without white space and invisible characters around it; None when nothing is left.

    A service account's key (`_json_key`) is a JSON object of several lines and stays as it is; one in base64
    (`_json_key_base64`) may have been wrapped, and becomes one line. Raises `CredentialError` for other
    control or invisible characters inside, and for a token that has quotes around it or words before it.
    """
    stripped = _stripped(value)
    if not stripped:
        return None
    if stripped != value.strip():
        listener(Note(message=f"Invisible characters around the value of {origin} were left out."))
    elif stripped != value:
        listener(Note(message=f"White space around the value of {origin} was left out."))
    if _is_json_object(stripped):
        return stripped
    if username == _WRAPPED_USER:
        stripped = "".join(stripped.split())
    _examine(stripped, origin, username, kind, listener)
    return stripped


def refused(finding: Finding) -> CredentialError:
    """The error that one finding alone is reason enough for."""
    return CredentialError(finding.message, hint=finding.hint or None, findings=(finding,))


def _stripped(value: str) -> str:
    """Without white space, and without the zero-width characters and byte order marks that are pasted along."""
    start, end = 0, len(value)
    while start < end and _is_blank(value[start]):
        start += 1
    while end > start and _is_blank(value[end - 1]):
        end -= 1
    return value[start:end]


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _is_json_object(value: str) -> bool:
    if not value.startswith("{"):
        return False
    try:
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _examine(value: str, origin: str, username: str, kind: CredentialKind, listener: Listener) -> None:
    categories = {unicodedata.category(each) for each in value}
    if categories & {"Cc", "Zl", "Zp"}:
        raise _malformed(
            origin,
            "holds a control character, such as a line break, in its middle",
            "Set it again, as one line and without quotes.",
        )
    if "Cf" in categories:
        raise _malformed(
            origin,
            "holds an invisible character, such as a zero-width space, in its middle",
            "Copy it again from where it was made, or type it.",
        )
    quoted = len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES
    if kind is not CredentialKind.TOKEN:
        if quoted:
            listener(
                Note(message=f"The value of {origin} has quotes around it, which are sent as a part of it.")
            )
        return
    if quoted:
        raise _malformed(origin, "has quotes around it", "Set it again without the quotes.")
    if "://" in value:
        raise _malformed(origin, "is a URL", "Set the token itself.")
    if any(each.isspace() for each in value):
        raise _malformed(
            origin, "holds white space", "Set the token alone, without a word such as `Bearer` before it."
        )
    if value.startswith((f"{TOKEN_USER}:", f"{username}:")):
        raise _malformed(origin, "begins with a user name", "Set the token alone, without `USER:` before it.")


def _examine_username(username: str, value: str, origin: str) -> None:
    """Raise for a user name that is a token (names are shown, tokens are not), or that would be read as another one."""
    if value and username.startswith(_TOKEN_STARTS):
        raise refused(
            diagnoses.CREDENTIAL_MALFORMED.found(
                f"The user name that goes with {origin} is a token.",
                where=origin,
                hint=f"Give the token as the password, and {TOKEN_USER} as the user name. "
                "Where a server wants it as the user name, leave the password empty.",
            )
        )
    # RFC 7617: the first colon ends the user name.
    if ":" in username or any(unicodedata.category(each) in {"Cc", "Cf"} for each in username):
        raise refused(
            diagnoses.CREDENTIAL_MALFORMED.found(
                f"The user name that goes with {origin} holds a colon or an invisible character, "
                "with which no server would read it as it is.",
                where=origin,
                hint="Set the user name alone.",
            )
        )


def _malformed(origin: str, trouble: str, hint: str) -> CredentialError:
    return refused(
        diagnoses.CREDENTIAL_MALFORMED.found(f"The value of {origin} {trouble}.", where=origin, hint=hint)
    )
