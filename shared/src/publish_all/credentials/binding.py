"""What a stored value is bound to: a repository's name, or an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from publish_all._values import dataclass
from publish_all.config.builtin import normalized
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.address import host_of, same_url
from publish_all.credentials.source import CredentialRequest, Purpose


def variable_part(name: str) -> str:
    """A repository's or project's name as part of a variable's name: `corp-eu` is `CORP_EU`."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def with_names(hint: str, repository: str, project: str | None = None) -> str:
    """Advice with the names of this repository and project in place of `<REPOSITORY>` and `<PROJECT>`."""
    named = hint.replace("<REPOSITORY>", variable_part(repository))
    return named.replace("<PROJECT>", variable_part(project)) if project is not None else named


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownNames:
    """The names of repositories that one tool knows, with the URL to which that tool would send.

    Keys are as `config.builtin.normalized` gives them.
    """

    urls: Mapping[str, str] = field(default_factory=dict)

    def url_of(self, name: str) -> str | None:
        return self.urls.get(normalized(name))

    def serving(self, repository: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """The names under which the tool may keep what belongs to this repository.

        They are those that mean one of its addresses; and the repository's own, unless the tool knows
        another URL by it: then a project has given a known name to an address of its own.
        """
        at = tuple(addresses)
        names = [name for name, url in self.urls.items() if any(same_url(url, address) for address in at)]
        own = normalized(repository)
        if own not in self.urls:
            names.insert(0, own)
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Bindings:
    """The configured repositories, as far as credentials must know them."""

    repositories: Mapping[str, RepositoryConfig] = field(default_factory=dict)

    def config_of(self, request: CredentialRequest) -> RepositoryConfig | None:
        return next(
            (each for each in self.repositories.values() if _is_named(each, request.repository)), None
        )

    def addresses(self, request: CredentialRequest) -> tuple[str, ...]:
        """The URLs that a value for this request may be stored for.

        An index is read with what its upload URL was given, if both are on one host.
        """
        config = self.config_of(request)
        own = (request.url,)
        if config is None or request.purpose is Purpose.UPLOAD:
            return own
        stated = [url for url in (config.url, config.index_url) if url is not None]
        return own + tuple(url for url in stated if host_of(url) == host_of(request.url) and url not in own)

    def by_name(self, request: CredentialRequest) -> bool:
        """Whether values made for the repository's name may go to the URL of the request.

        Uploads go to the repository's URL. For reading, a project can state an `index-url` on a host
        of its own beside an upload URL that it cannot change; so that must be on the same host.
        """
        config = self.config_of(request)
        if config is None or config.url is None or request.purpose is Purpose.UPLOAD:
            return True
        return host_of(config.url) == host_of(request.url)

    def ambiguous_with(self, repository: str) -> str | None:
        """Another repository whose name makes the same variables, if there is one."""
        own = variable_part(repository)
        others = sorted({each.name for each in self.repositories.values()} - {repository})
        return next((name for name in others if variable_part(name) == own), None)


def _is_named(config: RepositoryConfig, name: str) -> bool:
    return normalized(config.name) == normalized(name)
