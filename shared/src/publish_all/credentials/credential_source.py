"""The interface of credentials: requests, answers, and the places that were searched."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from packaging.utils import NormalizedName

from publish_all._secret import Secret
from publish_all.config.addresses import host_of
from publish_all.config.model import RepositoryConfig
from publish_all.config.rules import variable_part
from publish_all.findings import Finding


class Purpose(enum.Enum):
    READ = "read"
    UPLOAD = "upload"


class CredentialKind(enum.Enum):
    TOKEN = "token"  # noqa: S105 - the name of a kind
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    TRUSTED_PUBLISHING = "trusted publishing"


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialRequest:
    """A request of a repository for a credential to upload to (or read from) `url`.

    `project` is the distribution's normalised name (tokens may be scoped to it), None when it does not matter;
    `username` a user name that is stated outside of the repository's configuration.
    """

    config: RepositoryConfig
    url: str
    project: NormalizedName | None
    purpose: Purpose
    username: str | None = None

    @property
    def repository(self) -> str:
        return self.config.name

    @property
    def addresses(self) -> tuple[str, ...]:
        """The URLs that a credential for this request may be stored for.

        An index is read with the credential of its upload URL, if both are on one host.
        """
        if self.purpose is Purpose.UPLOAD:
            return (self.url,)
        stated = (self.url, self.config.url, self.config.index_url)
        return tuple(dict.fromkeys(each for each in stated if each and host_of(each) == host_of(self.url)))

    @property
    def by_name(self) -> bool:
        """Whether credentials made for the repository's name may go to the URL.

        Uploads go to the repository's URL. For reading, a project can state an `index-url` on a host
        under its control, while it cannot change the upload URL. So both must be on the same host.
        """
        upload = self.config.url
        return self.purpose is Purpose.UPLOAD or upload is None or host_of(upload) == host_of(self.url)


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """A credential, bound to the host for which it was found.

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
    """One place that was searched: `outcome` is redacted text (`found`, `not set`, `refused: …`)."""

    source: str
    outcome: str
    found: bool = False


Tell: TypeAlias = Callable[[str, str], None]
"""Called with a place where no credential was found, and with the reason."""


def tell_nobody(place: str, outcome: str) -> None:
    del place, outcome


class CredentialSource(Protocol):
    """One source of credentials. `name` is its name in the trace and in messages.

    A source that `mints` makes new ones elsewhere when it is asked. If it fails, the sources behind it are asked.
    """

    name: str
    mints: bool = False

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        """The credential, None if the source has none. Raises `CredentialError` for a broken one."""
        ...

    def renew(self, request: CredentialRequest) -> Credential | None:
        """Another credential in place of one that was refused or has expired."""
        return self.find(request)

    def promise(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        """As `find`, but without minting: then the secret is empty."""
        return self.find(request, tell)

    def username(self, request: CredentialRequest) -> str | None:
        """A user name that is stated for the request without a secret, which another source may have."""
        del request
        return None

    def unused(self, request: CredentialRequest, credential: Credential) -> Finding | None:
        """A note if this credential of another source is used instead."""
        del request, credential
        return None


class Credentials(Protocol):
    """The interface for repositories to the chain of sources."""

    def get(self, request: CredentialRequest) -> Credential | None:
        """The credential for a request, cached; None when no source has one.

        Raises `CredentialError` when a source has one that is broken, expired or for another index.
        """

    def renew(self, request: CredentialRequest) -> Credential | None:
        """A new credential in place of one that expired or was refused; None when there is no other."""

    def plausible(self, request: CredentialRequest) -> Credential | None:
        """As `get`, but never mints: for preflight, doctor and dry runs. A trusted-publishing answer has an empty secret."""

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        """The places that were searched for this request, in order, redacted."""


def with_names(hint: str, repository: str, project: str | None = None) -> str:
    """Advice with the names of this repository and project in place of `<REPOSITORY>` and `<PROJECT>`."""
    named = hint.replace("<REPOSITORY>", variable_part(repository))
    return named.replace("<PROJECT>", variable_part(project)) if project is not None else named
