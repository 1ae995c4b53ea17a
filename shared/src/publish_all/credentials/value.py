"""Taking a value that a person has pasted somewhere, and saying what is wrong with it."""

from __future__ import annotations

from publish_all._secret import Secret
from publish_all.credentials import diagnoses
from publish_all.credentials.address import host_of
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note
from publish_all.findings import Finding

TOKEN_USER = "__token__"  # noqa: S105 - the user name that goes with every API token of PyPI

_TOKEN_STARTS = ("pypi-", "ghp_", "ghs_", "gho_", "ghu_", "github_pat_")


def clean(value: str, *, origin: str, listener: Listener) -> str | None:
    """The value without white space around it; None when nothing is left.

    Raises `CredentialError` when control characters are inside.
    """
    stripped = value.strip()
    if not stripped:
        return None
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in stripped):
        raise refused(
            diagnoses.CREDENTIAL_MALFORMED.found(
                f"The value of {origin} holds a control character, such as a line break, in its middle.",
                where=origin,
                hint="Set it again, as one line and without quotes.",
            )
        )
    if stripped != value:
        listener(Note(message=f"White space around the value of {origin} was left out."))
    return stripped


def made(
    request: CredentialRequest, *, username: str, secret: str, origin: str, kind: CredentialKind | None = None
) -> Credential:
    """A credential for the host of the request; without `kind`, the user name tells it.

    Raises `CredentialError` when the user name is a token: names are shown, tokens are not.
    """
    if username.startswith(_TOKEN_STARTS):
        raise refused(
            diagnoses.CREDENTIAL_MALFORMED.found(
                f"The user name that goes with {origin} is a token.",
                where=origin,
                hint=f"Give the token as the password, and {TOKEN_USER} as the user name.",
            )
        )
    told = CredentialKind.TOKEN if username == TOKEN_USER else CredentialKind.PASSWORD
    return Credential(
        username=username, secret=Secret(secret), host=host_of(request.url), kind=kind or told, origin=origin
    )


def refused(finding: Finding) -> CredentialError:
    """The error that one finding alone is reason enough for."""
    return CredentialError(finding.message, hint=finding.hint or None, findings=(finding,))
