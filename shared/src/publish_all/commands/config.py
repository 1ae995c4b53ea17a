"""The resolved configuration of a project, and where each value comes from."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.folders import Folders
from publish_all.config.known import KnownRepositories, known_repositories
from publish_all.config.load import load_project
from publish_all.config.model import ProjectConfig, RepositoryConfig, SyncPlace
from publish_all.config.parse import FIELDS, PYPROJECT, TABLE
from publish_all.config.problems import KeyPath, Problems, dotted

DEFAULT = "default"

_TOP = (
    "publish-to",
    "dist-dir",
    "include-base",
    "before-publish",
    "build-environment",
    "private",
    "sdist",
    "compression",
)
_VERSION = ("source", "path", "tag-prefix", "scheme", "local", "dirty", "shallow", "fallback", "sync")


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigOptions:
    """`folders` is None for the usual ones of the user."""

    directory: Path
    around: Surroundings = field(default_factory=Surroundings)
    folders: Folders | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One value by its full key path.

    `value` is plain: a string, boolean, list or dict, as JSON and TOML have them. `origin` is
    `pyproject.toml:12`, another file, `environment VARIABLE`, `built in` or `default`.
    """

    key: str
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigResult:
    """The settings in the order of the documentation; `file` is the project's pyproject.toml."""

    file: str
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]


def show_config(options: ConfigOptions) -> ConfigResult:
    """Resolve everything there is to configure. Raises `ConfigurationError`.

    Of repositories those are shown which the project states or publishes to.
    """
    config = load_project(options.directory)
    known = known_repositories(
        config, environment=options.around.environment, home=options.around.home, folders=options.folders
    )
    known.check_destinations(config)
    return ConfigResult(
        file=str(config.root / PYPROJECT), settings=tuple(_settings(config, known)), notes=known.notes
    )


def _settings(config: ProjectConfig, known: KnownRepositories) -> Iterator[Setting]:
    for key in _TOP:
        if (value := getattr(config, _field(key))) is not None:
            yield _setting(config, (key,), value)
    for key in _VERSION:
        if (value := getattr(config.version, _field(key))) is not None:
            yield _setting(config, ("version", key), value)
    for repository in _repositories(config, known):
        yield from _repository_settings(repository)
    for path in (("variant-defaults",), *(("variants", name) for name in config.variants), ("wheels",)):
        yield from _stated(config, path)


def _repositories(config: ProjectConfig, known: KnownRepositories) -> tuple[RepositoryConfig, ...]:
    names = (*config.repositories, *config.publish_to)
    found = {each.name: each for each in (known.get(name) for name in names)}
    return tuple(found.values())


def _repository_settings(repository: RepositoryConfig) -> Iterator[Setting]:
    for key, name in FIELDS.items():
        if (value := getattr(repository, name)) is None:
            continue
        origin = repository.origins.get(key, repository.origin if key == "url" else DEFAULT)
        yield Setting(
            key=dotted((*TABLE, "repositories", repository.name, key)), value=_plain(value), origin=origin
        )


def _stated(config: ProjectConfig, path: KeyPath) -> Iterator[Setting]:
    """The keys of a table that pyproject.toml states; the table itself where it is empty, as a variant may be."""
    table = _value_at(config, path)
    if isinstance(table, Mapping):
        yield from (_setting(config, (*path, key), table[key]) for key in table)
        if not table:
            yield _setting(config, path, table)


def _setting(config: ProjectConfig, path: KeyPath, value: Any) -> Setting:
    return Setting(key=dotted((*TABLE, *path)), value=_plain(value), origin=_origin(config, path))


def _origin(config: ProjectConfig, path: KeyPath) -> str:
    stated = _value_at(config, path)
    if path == ("private",) and config.private and stated is not True:
        return "classifier 'Private ::'"
    return DEFAULT if stated is None else Problems(PYPROJECT, config.origins).origin((*TABLE, *path))


def _value_at(config: ProjectConfig, path: KeyPath) -> Any:
    """What pyproject.toml states there, None where it states nothing."""
    value: Any = config.pyproject
    for key in (*TABLE, *path):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> Any:
    match value:
        case enum.Enum():
            return value.value
        case SyncPlace(path=path, pattern=None):
            return path
        case SyncPlace(path=path, pattern=pattern):
            return {"path": path, "pattern": pattern}
        case tuple() | list():
            return [_plain(each) for each in value]
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case bool() | str() | int() | float():
            return value
        case _:
            return str(value)  # a date or time, which JSON does not know


def _field(key: str) -> str:
    return key.replace("-", "_")
