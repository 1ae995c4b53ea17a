"""The resolved configuration of a project and the repositories that are known, and where each value comes from.

Also all keys of the configuration with types, defaults and meanings, for `config --keys` and the docs.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from publish_all._toml import table
from publish_all.commands.context import Runtime, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.builtin import ALIASES
from publish_all.config.known import KnownRepositories
from publish_all.config.load import load_project
from publish_all.config.model import (
    ProjectConfig,
    RepositoryConfig,
    SyncPlace,
    VariantConfig,
    VersionConfig,
    WheelConfig,
    WorkspaceConfig,
)
from publish_all.config.parse import FIELDS, PROJECT, PYPROJECT, REPOSITORY, TABLE, VERSION, WORKSPACE
from publish_all.config.reading import Key, KeyPath, Problems, dotted, field_of
from publish_all.config.variants import VARIANT, WHEEL
from publish_all.credentials.credential_source import CredentialRequest, Credentials, Purpose
from publish_all.errors import CredentialError, RepositoryError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEFAULT = "default"
COLUMNS = ("name", "also", "kind", "url", "index", "credential", "origin")
"""Of the repositories."""


class Setting(NamedTuple):
    """One value by its full key path.

    `value` is one line of TOML. `origin` is
    `pyproject.toml:12`, another file, `environment VARIABLE`, `built in` or `default`.
    """

    key: str
    value: str
    origin: str


def show_config(directory: Path, *, runtime: Runtime) -> tuple[Setting, ...]:
    """All settings, in the order of the documentation. Raises `ConfigurationError`.

    Of repositories those are shown which the project states or publishes to.
    """
    config = load_project(directory)
    known = runtime.known(config)
    known.check_destinations(config)
    runtime.note(*known.notes)
    return tuple(_settings(config, known))


def _settings(config: ProjectConfig, known: KnownRepositories) -> Iterator[Setting]:
    top = [(config, (each.name,)) for each in PROJECT if not each.type.startswith("table")]
    for holder, path in (*top, *((config.version, ("version", each.name)) for each in VERSION)):
        if (value := getattr(holder, field_of(path[-1]))) is not None:
            yield _setting(config, path, value)
    used = {each.name: each for each in map(known.get, (*config.repositories, *config.publish_to))}
    for repository in used.values():
        for key, name in FIELDS.items():
            if (value := getattr(repository, name)) is not None:
                origin = repository.origins.get(key, repository.origin if key == "url" else DEFAULT)
                full = dotted((*TABLE, "repositories", repository.name, key))
                yield Setting(key=full, value=_toml(value), origin=origin)
    tables = [("workspace",), ("checks",), ("variant-defaults",), ("wheels",)]
    for path in (*tables, *(("variants", name) for name in config.variants)):
        # The keys that pyproject.toml states; the table itself where it is empty, as a variant may be.
        stated = _value_at(config, path)
        if isinstance(stated, Mapping):
            yield from (_setting(config, (*path, key), stated[key]) for key in stated)
            if not stated:
                yield _setting(config, path, stated)


def _setting(config: ProjectConfig, path: KeyPath, value: Any) -> Setting:
    stated = _value_at(config, path)
    origin = DEFAULT if stated is None else Problems(PYPROJECT, config.origins).origin((*TABLE, *path))
    if path == ("private",) and config.private and stated is not True:
        origin = "classifier 'Private ::'"
    return Setting(key=dotted((*TABLE, *path)), value=_toml(value), origin=origin)


def _value_at(config: ProjectConfig, path: KeyPath) -> Any:
    """The value in pyproject.toml, None if it is not set."""
    *above, key = map(str, path)
    return table(config.pyproject, *TABLE, *above).get(key)


def _toml(value: Any) -> str:
    """A value as one line of TOML. For texts, numbers and booleans, TOML and JSON are the same."""
    match value:
        case enum.Enum():
            return _toml(value.value)
        case SyncPlace(path=path, pattern=None):
            return _toml(path)
        case SyncPlace(path=path, pattern=pattern):
            return _toml({"path": path, "pattern": pattern})
        case tuple() | list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case Mapping():
            pairs = (f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
            return "{ " + ", ".join(pairs) + " }"
        case bool() | str() | int() | float():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return json.dumps(str(value))  # a date or time


class Section(NamedTuple):
    """A table of TOML. `NAME` and `TAG` are placeholders."""

    table: str
    keys: tuple[Key, ...]


def _section(table: str, model: type[DataclassInstance], keys: tuple[Key, ...]) -> Section:
    """A section with the defaults of the model for keys that do not describe theirs."""
    defaults = {}
    for each in fields(model):
        if each.default not in (None, MISSING):
            defaults[each.name] = _toml(each.default)
    found = (each._replace(default=each.default or defaults.get(field_of(each.name))) for each in keys)
    return Section(table, tuple(found))


SECTIONS = (
    _section("[tool.publish-all]", ProjectConfig, PROJECT),
    _section("[tool.publish-all.repositories.NAME]", RepositoryConfig, REPOSITORY),
    _section("[tool.publish-all.version]", VersionConfig, VERSION),
    _section("[tool.publish-all.workspace]", WorkspaceConfig, WORKSPACE),
    _section("[tool.publish-all.variants.NAME]", VariantConfig, VARIANT),
    _section("[tool.publish-all.variants.NAME.wheels.TAG]", WheelConfig, WHEEL),
)
"""In the order of docs/reference/configuration.md, whose tables are generated from them."""


def list_repositories(directory: Path, *, runtime: Runtime) -> tuple[tuple[str, ...], ...]:
    """Rows of `COLUMNS`: repositories of the project, the user, other tools, and the built-in ones. It also works outside of a project.

    `index` is empty where it is guessed from `url`; `credential` says which credential an upload would use, and
    where it is from, never what it is; `origin` says who states the URL. Names that someone defines and that can't be published to are told in notes. Nothing is minted or uploaded;
    where trusted publishing is possible, a repository may be asked whether it offers it.
    Raises `ConfigurationError` when a configuration of ours is wrong.
    """
    config = project_of_files(directory, optional=True)
    known = runtime.known(config)
    options = ConnectionOptions(repositories=known.names, runtime=runtime)
    connection = open_connection(config, options)
    for name, refusal in known.refusals.items():
        runtime.note(f"{name}: {refusal.message}")
    aliases = {real: alias for alias, real in ALIASES.items() if alias not in known.refusals}
    return tuple(
        (
            each.name,
            aliases.get(each.name, ""),
            each.kind.name,
            each.url or "",
            each.index_url or "",
            _credential(each, connection.credentials),
            each.origin,
        )
        for each in connection.chosen
    )


def _credential(config: RepositoryConfig, credentials: Credentials) -> str:
    """Which credential an upload would use, in words; never its value."""
    if config.kind.local or config.url is None:
        return "not needed"
    url = config.url if "://" in config.url else f"https://{config.url}"
    url = url.replace("{owner}", config.owner or "owner")
    request = CredentialRequest(config=config, url=url, project=None, purpose=Purpose.UPLOAD)
    try:
        found = credentials.plausible(request)
    except CredentialError as error:
        return f"refused: {error.message}"
    except RepositoryError as error:
        return f"unknown: {error.message}"
    return f"{found.username}, {found.origin}" if found is not None else "none found"
