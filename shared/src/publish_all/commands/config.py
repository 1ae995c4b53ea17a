"""The resolved configuration of a project, and where each value comes from."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.known import KnownRepositories
from publish_all.config.load import load_project
from publish_all.config.model import ProjectConfig, SyncPlace
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
    directory: Path
    around: Surroundings = field(default_factory=Surroundings)


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
    known = options.around.known(config)
    known.check_destinations(config)
    return ConfigResult(
        file=str(config.root / PYPROJECT), settings=tuple(_settings(config, known)), notes=known.notes
    )


def _settings(config: ProjectConfig, known: KnownRepositories) -> Iterator[Setting]:
    for path in (*((key,) for key in _TOP), *(("version", key) for key in _VERSION)):
        holder = config if len(path) == 1 else config.version
        if (value := getattr(holder, path[-1].replace("-", "_"))) is not None:
            yield _setting(config, path, value)
    used = {each.name: each for each in map(known.get, (*config.repositories, *config.publish_to))}
    for repository in used.values():
        for key, name in FIELDS.items():
            if (value := getattr(repository, name)) is not None:
                origin = repository.origins.get(key, repository.origin if key == "url" else DEFAULT)
                full = dotted((*TABLE, "repositories", repository.name, key))
                yield Setting(key=full, value=_plain(value), origin=origin)
    for path in (("variant-defaults",), *(("variants", name) for name in config.variants), ("wheels",)):
        # The keys that pyproject.toml states; the table itself where it is empty, as a variant may be.
        table = _value_at(config, path)
        if isinstance(table, Mapping):
            yield from (_setting(config, (*path, key), table[key]) for key in table)
            if not table:
                yield _setting(config, path, table)


def _setting(config: ProjectConfig, path: KeyPath, value: Any) -> Setting:
    stated = _value_at(config, path)
    if path == ("private",) and config.private and stated is not True:
        origin = "classifier 'Private ::'"
    elif stated is None:
        origin = DEFAULT
    else:
        origin = Problems(PYPROJECT, config.origins).origin((*TABLE, *path))
    return Setting(key=dotted((*TABLE, *path)), value=_plain(value), origin=origin)


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
