"""The repositories that every project knows, and how names of repositories are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from publish_all.config.addresses import PYPI_HOSTS, TESTPYPI_HOSTS
from publish_all.config.kinds import DIRECTORY, GITHUB_RELEASE, LEGACY, OCI, Kind
from publish_all.config.model import RepositoryConfig, Scope

ALIASES: Mapping[str, str] = MappingProxyType({"main": "pypi", "test": "testpypi"})
"""The names that Hatch uses."""

HOSTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pypi": frozenset({*PYPI_HOSTS, "pypi.python.org"}),
        "testpypi": frozenset({*TESTPYPI_HOSTS, "testpypi.python.org"}),
        "github": frozenset({"ghcr.io"}),
        "releases": frozenset({"api.github.com", "uploads.github.com"}),
    }
)
"""The hosts of the built-in repositories, with former hosts of PyPI, which old files still contain."""

FIXED = frozenset(HOSTS)
"""Repositories whose URL a project cannot change, so that a pull request cannot redirect a token."""

ADDRESS = ("kind", "url", "index-url")
"""The keys with the location of a repository."""

_SEPARATORS = re.compile(r"[-_.]+")


def normalized(name: str) -> str:
    """The name by which repositories are compared: `Corp_EU` and `corp-eu` are one."""
    return _SEPARATORS.sub("-", name).lower()


def canonical(name: str) -> str:
    """As `normalized`, with aliases replaced by the names of the built-in repositories."""
    key = normalized(name)
    return ALIASES.get(key, key)


def of_one_origin(
    name: str,
    kind: Kind,
    url: str | None,
    index_url: str | None = None,
    *,
    scope: Scope = Scope.BUILT_IN,
    origin: str = "built in",
) -> RepositoryConfig:
    """A repository whose keys all have the same origin."""
    origins = dict.fromkeys(("kind", "url", "index-url"), origin)
    if url is None:
        del origins["url"]
    if index_url is None:
        del origins["index-url"]
    return RepositoryConfig(
        name=name,
        kind=kind,
        url=url,
        index_url=index_url,
        scope=scope,
        origin=origin,
        origins=MappingProxyType(origins),
    )


BUILT_IN: Mapping[str, RepositoryConfig] = MappingProxyType(
    {
        each.name: each
        for each in (
            of_one_origin("pypi", LEGACY, "https://upload.pypi.org/legacy/", "https://pypi.org/simple/"),
            of_one_origin(
                "testpypi", LEGACY, "https://test.pypi.org/legacy/", "https://test.pypi.org/simple/"
            ),
            of_one_origin("github", OCI, "ghcr.io/{owner}"),
            of_one_origin("releases", GITHUB_RELEASE, "https://api.github.com/repos/{owner}/{repository}"),
            of_one_origin("local", DIRECTORY, None),
        )
    }
)
"""By name. `local` has no URL here: `config.known` puts in the user's folder."""
