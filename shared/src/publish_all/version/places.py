"""The places in a project that say its version: the source, and those that `sync` names.

A TOML file says it in `[project]` or `[tool.poetry]`, a Cargo.toml in its package, a package.json in `version`, a
Python file in `__version__`, any other text where its pattern fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from publish_all._build_system import poetry_version_counts
from publish_all.config.model import ProjectConfig, SyncPlace, VersionSource
from publish_all.errors import VersionError
from publish_all.version.attribute import Attribute, read_attribute
from publish_all.version.backend_places import Unwritable, backend_places
from publish_all.version.place import (
    Files,
    Place,
    attribute_place,
    cargo_places,
    key_places,
    npm_places,
    relative,
    text_places,
)
from publish_all.version.source import attribute_path
from publish_all.version.source_file import Read
from publish_all.version.static import backend_asks_us, is_dynamic, project_name
from publish_all.version.toml_text import parse

TOML_KEYS = (("project", "version"), ("tool", "poetry", "version"))
_VALUE = r"(?P<version>[0-9A-Za-z][0-9A-Za-z.!+_-]*)"


def read_place(path: Path) -> bytes:
    """What a file holds that is said to hold the version. Raises `VersionError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise VersionError(msg, hint="tool.publish-all.version names it.") from error


def find_places(config: ProjectConfig, *, read: Read = read_place) -> tuple[Place, ...]:
    """All places, the source's own first. Raises `VersionError` for a place that says no version at all.

    `read` gives the contents of a file, by default those on disk.
    """
    found = [*source_places(config, read=read)]
    for entry in config.version.sync:
        found += _entry_places(config, entry, read)
    unique = {(each.file, each.line, each.key, each.says): each for each in found}
    return tuple(unique.values())


def source_places(config: ProjectConfig, *, read: Read = read_place) -> tuple[Place, ...]:
    """The places which the version comes from; none where that is a tag, or nothing that can be written."""
    match config.version.source:
        case VersionSource.ATTRIBUTE:
            return (_python_place(config, attribute_path(config.root, config.version.path), read),)
        case VersionSource.PROJECT:
            stated = tuple(_toml_places(config, config.root / "pyproject.toml", read))
            return stated or tuple(each for each in _of_backend(config, read) if isinstance(each, Place))
        case VersionSource.GIT:
            return ()


def unwritable(config: ProjectConfig) -> tuple[str, ...]:
    """Why places cannot be written that the build backend reads the version from."""
    return tuple(each.reason for each in _of_backend(config, read_place) if isinstance(each, Unwritable))


def _of_backend(config: ProjectConfig, read: Read) -> Iterator[Place | Unwritable]:
    if not backend_asks_us(config.pyproject):
        yield from backend_places(config.root, config.pyproject, read)


def _entry_places(config: ProjectConfig, entry: SyncPlace, read: Read) -> list[Place]:
    is_glob = any(character in entry.path for character in "*?[")
    paths = sorted(config.root.glob(entry.path)) if is_glob else [config.root / entry.path]
    paths = [path for path in paths if not is_glob or path.is_file()]
    if not paths:
        msg = f"tool.publish-all.version.sync: no file is like {entry.path}"
        raise VersionError(msg, hint="Correct the path, or take it out.")
    places = [place for path in paths for place in _places_in(config, path, entry.pattern, read)]
    own = config.root / "pyproject.toml"
    if not places and not (paths == [own] and is_dynamic(config.pyproject)):
        msg = f"{entry.path}: no version is written there"
        raise VersionError(
            msg, hint="Write it there once, or take the path out of tool.publish-all.version.sync."
        )
    return places


def _places_in(config: ProjectConfig, path: Path, pattern: str | None, read: Read) -> Iterator[Place]:
    files = Files(config.root, read)
    if pattern is not None:
        yield from _pattern_places(files, path, pattern)
    elif path.name == "Cargo.toml":
        yield from cargo_places(files, path)
    elif path.name == "package.json":
        yield from npm_places(files, path)
    elif path.suffix == ".toml":
        yield from _toml_places(config, path, read)
    elif path.suffix in {".py", ".pyi"}:
        yield _python_place(config, path, read)
    else:
        msg = f"tool.publish-all.version.sync: {relative(path, config.root)} needs a pattern"
        raise VersionError(msg, hint='Write { path = "…", pattern = "Version: {version}" }.')


def _toml_places(config: ProjectConfig, path: Path, read: Read) -> Iterator[Place]:
    files = Files(config.root, read)
    values = parse(files.text(path), files.name(path))
    # Poetry asks for a placeholder beside `dynamic`.
    placeholder = is_dynamic(values) or not poetry_version_counts(values)
    return key_places(files, path, TOML_KEYS[:1] if placeholder else TOML_KEYS)


def _python_place(config: ProjectConfig, path: Path, read: Read) -> Place:
    def ask(read: Read) -> Attribute:
        return read_attribute(path, own_name=project_name(config.pyproject), read=read)

    return attribute_place(Files(config.root, read), ask)


def _pattern_places(files: Files, path: Path, pattern: str) -> Iterator[Place]:
    """Raises `VersionError` where the pattern fits several versions: one of them is not the project's."""
    expression = _pattern(pattern)

    def find(text: str) -> Sequence[tuple[int, int]]:
        return [match.span("version") for match in expression.finditer(text)]

    found = tuple(text_places(files, path, find, key=pattern))
    if len({each.says for each in found}) > 1:
        lines = ", ".join(f"{each.says} in line {each.line}" for each in found)
        msg = f"{files.name(path)}: the pattern {pattern!r} fits several versions: {lines}"
        hint = "Write more of the line into the pattern, so that it fits only the project's version."
        if path.name in {"Cargo.toml", "package.json"}:
            hint = f'Take the pattern out: sync = ["{files.name(path)}"] knows where its version is.'
        raise VersionError(msg, hint=hint)
    return iter(found)


def _pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, not as part of a longer word. White space in it is any on the line."""
    before, _, after = (
        re.sub(r"(?:\\ )+", r"[ \\t]+", re.escape(each)) for each in pattern.partition("{version}")
    )
    start = r"(?<![\w.])" if pattern[:1].isalnum() else ""
    end = r"(?![\w.+!-])" if not after else r"(?!\w)" if pattern[-1].isalnum() else ""
    return re.compile(start + before + _VALUE + after + end)
