"""The repositories that Poetry, Hatch, uv, pdm and `.pypirc` define, read from their own files and variables.

A file that is broken is its tool's business: it becomes a note, and the rest goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from publish_all._values import dataclass
from publish_all.config.folders import HostFolders
from publish_all.config.load import read_text, read_toml
from publish_all.config.model import EMPTY, ProjectConfig
from publish_all.errors import ConfigurationError

_POETRY_VARIABLE = re.compile(r"POETRY_REPOSITORIES_([A-Z0-9_]+)_URL")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRepository:
    """A repository as a tool defines it. `url` is None for a mere source, which can't be published to."""

    tool: str
    name: str
    url: str | None
    index_url: str | None = None
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRepositories:
    """What all tools define, those first that win; and notes on files that could not be read."""

    repositories: tuple[HostRepository, ...]
    notes: tuple[str, ...] = ()


def host_repositories(
    config: ProjectConfig | None, *, environment: Mapping[str, str], folders: HostFolders
) -> HostRepositories:
    """Read them all. Never raises for what is in the files."""
    root = config.root if config is not None else None
    pyproject = config.pyproject if config is not None else EMPTY
    readers: tuple[Callable[[], Iterator[HostRepository]], ...] = (
        lambda: _poetry_environment(environment),
        lambda: _poetry_file(root / "poetry.toml") if root is not None else iter(()),
        lambda: _poetry_file(folders.poetry),
        lambda: _hatch(folders.hatch),
        lambda: _uv(_at(pyproject, "tool", "uv", "index"), "pyproject.toml"),
        lambda: _uv_file(root / "uv.toml") if root is not None else iter(()),
        lambda: _uv_file(folders.uv),
        lambda: _pdm(folders.pdm),
        lambda: _pypirc(folders.pypirc),
        lambda: _poetry_sources(pyproject),
    )
    found: list[HostRepository] = []
    notes: list[str] = []
    for read in readers:
        try:
            found.extend(read())
        except ConfigurationError as error:
            notes.append(f"passed over: {error.message}")
    return HostRepositories(repositories=tuple(found), notes=tuple(notes))


def _poetry_environment(environment: Mapping[str, str]) -> Iterator[HostRepository]:
    for variable, url in environment.items():
        if (match := _POETRY_VARIABLE.fullmatch(variable)) and url:
            name = match[1].lower().replace("_", "-")
            yield HostRepository(tool="Poetry", name=name, url=url, origin=f"environment {variable}")


def _poetry_file(path: Path) -> Iterator[HostRepository]:
    return _tables("Poetry", _at(_read(path), "repositories"), path)


def _hatch(path: Path) -> Iterator[HostRepository]:
    return _tables("Hatch", _at(_read(path), "publish", "index", "repos"), path)


def _pdm(path: Path) -> Iterator[HostRepository]:
    return _tables("pdm", _at(_read(path), "repository"), path)


def _tables(tool: str, tables: Any, path: Path) -> Iterator[HostRepository]:
    """`NAME = { url = … }`, or with Hatch `NAME = "URL"`."""
    for name, stated in tables.items() if isinstance(tables, dict) else ():
        url = stated.get("url") if isinstance(stated, dict) else stated
        if isinstance(url, str) and url:
            yield HostRepository(tool=tool, name=name, url=url, origin=f"{tool} {path}")


def _uv_file(path: Path) -> Iterator[HostRepository]:
    return _uv(_at(_read(path), "index"), str(path))


def _uv(indexes: Any, file: str) -> Iterator[HostRepository]:
    """`[[tool.uv.index]]`; one without `publish-url` is for installing only."""
    for each in indexes if isinstance(indexes, list) else ():
        match each:
            case {"name": str(name), "url": str(index), "publish-url": str(url)}:
                yield HostRepository(tool="uv", name=name, url=url, index_url=index, origin=f"uv {file}")
            case {"name": str(name), "publish-url": str(url)}:
                yield HostRepository(tool="uv", name=name, url=url, origin=f"uv {file}")
            case {"name": str(name)}:
                yield HostRepository(tool="uv", name=name, url=None, origin=f"[[tool.uv.index]] in {file}")


def _poetry_sources(pyproject: Mapping[str, Any]) -> Iterator[HostRepository]:
    sources = _at(pyproject, "tool", "poetry", "source")
    for each in sources if isinstance(sources, list) else ():
        if isinstance(each, dict) and isinstance(name := each.get("name"), str):
            yield HostRepository(
                tool="Poetry", name=name, url=None, origin="[[tool.poetry.source]] in pyproject.toml"
            )


def _pypirc(path: Path) -> Iterator[HostRepository]:
    """https://packaging.python.org/specifications/pypirc/."""
    if not path.is_file():
        return
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False)
    try:
        parser.read_string(read_text(path))
    except Error as error:
        # Its message may quote a line of the file, which may be a password.
        msg = f"{path}: is not an INI file"
        raise ConfigurationError(msg) from error
    for section in parser.sections():
        if url := parser.get(section, "repository", fallback="").strip():
            yield HostRepository(tool=".pypirc", name=section, url=url, origin=str(path))


def _read(path: Path) -> Mapping[str, Any]:
    return read_toml(path)[0] if path.is_file() else EMPTY


def _at(values: Any, *keys: str) -> Any:
    """The value at a key path, None where it is not, or something on the way is no table."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
