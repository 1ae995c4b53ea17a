"""`[repositories.NAME]` tables, of a project or of the user's own configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from publish_all.config.builtin import ALIASES, BUILT_IN, FIXED, canonical
from publish_all.config.kinds import KINDS, LEGACY, RESERVED_KINDS
from publish_all.config.model import RepositoryConfig, Scope, When
from publish_all.config.table import Table

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "kind": "kind",
        "url": "url",
        "index-url": "index_url",
        "username": "username",
        "owner": "owner",
        "link": "link",
        "attestations": "attestations",
        "trusted-publishing": "trusted_publishing",
        "audience": "audience",
    }
)
"""The keys of a repository in TOML, and the fields they become."""

ADDRESS = ("kind", "url", "index-url")
"""The keys that say where a repository is."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_RESERVED = (
    (r"_TOKEN_FOR(_|$)", "those with a token for one project"),
    (r"^REPOSITORIES(_|$)", "those with the URLs of repositories"),
    (r"^SERVE$", "that with the password of `publish-all serve`"),
    (r"^VERSION_FOR(_|$)", "those with the version of a project"),
)
"""Parts of names of variables which mean something else, and what."""
_OWNER = re.compile(r"[A-Za-z0-9_.-]+")


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a repository, or None. Variables are named after it.

    A variable must not be readable in two ways, or a token for one repository would go to another:
    PUBLISH_ALL_PYPI_TOKEN_FOR_JWT_TOKEN is the token of `pypi` for the project jwt-token, and would be
    that of a repository `pypi-token-for-jwt`.
    """
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} can't name a repository: letters, digits, '-', '_' and '.' only, no mark at either end"
        )
    part = re.sub(r"[^A-Z0-9]", "_", name.upper())
    read_as = next((meaning for pattern, meaning in _RESERVED if re.search(pattern, part)), None)
    if read_as is None:
        return None
    return f"{name!r} can't name a repository: the variables named after it would be read as {read_as}"


def owner_problem(owner: str) -> str | None:
    """What is wrong with the name of a GitHub user or organisation: it becomes a part of a URL."""
    return None if _OWNER.fullmatch(owner) and owner.strip(".") else f"{owner!r} is not the name of an owner"


def parse_repositories(tables: Table | None, *, scope: Scope) -> Mapping[str, RepositoryConfig]:
    """The stated repositories by name, in order; a built-in one under its own name, whatever alias is used."""
    found: dict[str, RepositoryConfig] = {}
    written: dict[str, str] = {}
    for name, table in tables.tables() if tables is not None else ():
        if (trouble := name_problem(name)) is not None:
            table.problems.add(table.path, trouble)
            continue
        key = canonical(name)
        if key in written:
            table.problems.add(
                table.path, _same_name(written[key], name), hint="Give one of them another name."
            )
            continue
        written[key] = name
        shown = key if key in BUILT_IN else name
        found[shown] = _parse_repository(shown, name, table, scope)
    return MappingProxyType(found)


def _same_name(first: str, second: str) -> str:
    if canonical(first) in ALIASES.values():
        return f"{first!r} and {second!r} are the same repository"
    return f"{first!r} and {second!r} differ only by '-', '_', '.' or case"


def _parse_repository(name: str, written: str, table: Table, scope: Scope) -> RepositoryConfig:
    if scope is Scope.PROJECT:
        table = _without_audience(name, table)
    if scope is Scope.PROJECT and name in FIXED:
        table = _without_address(name, written, table)
    built_in = BUILT_IN.get(name)
    stated = table.choice("kind", KINDS, reserved=RESERVED_KINDS)
    kind = KINDS[stated] if stated else built_in.kind if built_in else LEGACY
    config = RepositoryConfig(
        name=name,
        kind=kind,
        url=table.string("url", kind.url_problem),
        index_url=table.string("index-url", kind.index_url_problem),
        username=table.string("username", _not_empty),
        owner=table.string("owner", owner_problem),
        link=table.string("link", _link_problem),
        attestations=_when(table, "attestations"),
        trusted_publishing=_when(table, "trusted-publishing"),
        audience=table.string("audience", _not_empty),
        scope=scope,
        origin=table.problems.origin((*table.path, "url")),
        origins=MappingProxyType({key: table.problems.origin((*table.path, key)) for key in table.values}),
    )
    table.close()
    return config


def _without_audience(name: str, table: Table) -> Table:
    """Report an audience of a project's, who could have the job's identity made out to any service; the rest of the table."""
    variable = f"PUBLISH_ALL_REPOSITORIES_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_AUDIENCE"
    table.refuse(
        "audience",
        "a project can't say for whom identity tokens are made out: with one for another service, that "
        "service could be used in your name",
        hint=f"Set {variable}, or state it in your own publish-all/config.toml, where only you can.",
    )
    rest = {key: value for key, value in table.values.items() if key != "audience"}
    return Table(rest, table.path, table.problems)


def _without_address(name: str, written: str, table: Table) -> Table:
    """Report each key by which a project would send a built-in repository's uploads elsewhere; the rest of the table."""
    variable = f"PUBLISH_ALL_REPOSITORIES_{name.upper()}_URL"
    also = "" if name == written else f" ({written!r} is another name of it)"
    for key in ADDRESS:
        table.refuse(
            key,
            f"a project can't change where the built-in repository {name!r} is{also}: "
            "anyone who can change this file could redirect your token with it",
            hint=f"Give another address another name, as [tool.publish-all.repositories.my-{name}]; or set "
            f"{variable}, or your own publish-all/config.toml, where only you can.",
        )
    rest = {key: value for key, value in table.values.items() if key not in ADDRESS}
    return Table(rest, table.path, table.problems)


def _when(table: Table, key: str) -> When:
    return When(table.choice(key, tuple(each.value for each in When)) or "auto")


def _not_empty(value: str) -> str | None:
    return None if value.strip() else "must not be empty"


def _link_problem(value: str) -> str | None:
    owner, slash, repository = value.partition("/")
    if slash and owner_problem(owner) is None and owner_problem(repository) is None:
        return None
    return f"{value!r} must be OWNER/REPOSITORY on GitHub"
