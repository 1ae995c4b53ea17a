"""The interface of credentials: who asks for what, what is answered, and where it was looked for."""

from __future__ import annotations

import enum
from typing import Protocol

from packaging.utils import NormalizedName

from publish_all._secret import Secret
from publish_all._values import dataclass


class Purpose(enum.Enum):
    READ = "read"
    UPLOAD = "upload"


class CredentialKind(enum.Enum):
    TOKEN = "token"  # noqa: S105 - the name of a kind
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    TRUSTED_PUBLISHING = "trusted publishing"


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialRequest:
    """A repository asks for what it needs to upload to (or read from) `url`.

    `repository` is the configured name; `username` the one that configuration states, if any;
    `project` the distribution's normalised name (tokens may be scoped to it), None when it does not matter.
    """

    repository: str
    url: str
    project: NormalizedName | None
    purpose: Purpose
    username: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """What was found, bound to the host it was found for.

    `expires` is Unix time in seconds, None when it does not expire or is not known; `origin` says
    where it came from in words a user can act on (`environment variable PUBLISH_ALL_CORP_TOKEN`).
    """

    username: str
    secret: Secret
    host: str
    kind: CredentialKind
    origin: str
    expires: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceEntry:
    """One place that was looked in: `outcome` is redacted text (`found`, `not set`, `refused: …`)."""

    source: str
    outcome: str
    found: bool = False


class CredentialSource(Protocol):
    """One place where credentials live.

    `find` returns None for "not here" and raises `CredentialError` for "here, but broken".
    `name` is what the trace and messages call it.
    """

    @property
    def name(self) -> str: ...

    def find(self, request: CredentialRequest) -> Credential | None: ...


class Credentials(Protocol):
    """What repositories are given: the chain of sources behind one question."""

    def get(self, request: CredentialRequest) -> Credential | None:
        """The credential for a request, cached; None when no source has one.

        Raises `CredentialError` when a source has one that is broken, expired or for another index.
        """

    def renew(self, request: CredentialRequest) -> Credential | None:
        """A new credential in place of one that expired or was refused; None when there is no other."""

    def plausible(self, request: CredentialRequest) -> Credential | None:
        """As `get`, but never mints: for preflight, doctor and dry runs. A trusted-publishing answer has an empty secret."""

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        """Where it was looked for this request, in order, redacted."""
