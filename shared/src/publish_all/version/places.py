"""The places in a project that say its version: the source, and those that `sync` names.

A TOML file says it in `[project]` or `[tool.poetry]`, a Python file in `__version__`, any other text
where its pattern fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all._build_system import poetry_version_counts
from publish_all._values import dataclass
from publish_all.config.model import ProjectConfig, SyncPlace, VersionSource
from publish_all.errors import VersionError
from publish_all.version.attribute import Attribute, read_attribute
from publish_all.version.rewrite import rewritten
from publish_all.version.source import attribute_path
from publish_all.version.static import is_dynamic, project_name
from publish_all.version.toml_text import find_string, parse, with_string

TOML_KEYS = (("project", "version"), ("tool", "poetry", "version"))
_VALUE = r"(?P<version>[0-9A-Za-z][0-9A-Za-z.!+_-]*)"
_ENCODING = "utf-8"

Contents: TypeAlias = "dict[Path, bytes]"
"""The files that are to change, as they will be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One place that says a version.

    `path` (relative to the project) and `line` (from 1) are where it is written, in `file`; `entry` is
    the file that was named, from which imports may have led there.
    """

    path: str
    line: int
    says: str
    key: str
    file: Path
    entry: Path
    pattern: str | None = None

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"

    def agrees(self, version: Version) -> bool:
        """Whether it says this version, if perhaps in another spelling."""
        try:
            return Version(self.says) == version
        except InvalidVersion:
            return False


def find_places(config: ProjectConfig) -> tuple[Place, ...]:
    """All places, the source's own first. Raises `VersionError` for a place that says no version at all."""
    found = [*_source_places(config)]
    for entry in config.version.sync:
        found += _entry_places(config, entry)
    unique = {(each.file, each.line, each.key, each.says): each for each in found}
    return tuple(unique.values())


def _source_places(config: ProjectConfig) -> Iterator[Place]:
    match config.version.source:
        case VersionSource.ATTRIBUTE:
            yield from _python_places(config, attribute_path(config.root, config.version.path))
        case VersionSource.PROJECT:
            yield from _toml_places(config, config.root / "pyproject.toml")
        case VersionSource.GIT:
            return


def _entry_places(config: ProjectConfig, entry: SyncPlace) -> list[Place]:
    is_glob = any(character in entry.path for character in "*?[")
    paths = sorted(config.root.glob(entry.path)) if is_glob else [config.root / entry.path]
    paths = [path for path in paths if not is_glob or path.is_file()]
    if not paths:
        msg = f"tool.publish-all.version.sync: no file is like {entry.path}"
        raise VersionError(msg, hint="Correct the path, or take it out.")
    places = [place for path in paths for place in _places_in(config, path, entry.pattern)]
    own = config.root / "pyproject.toml"
    if not places and not (paths == [own] and is_dynamic(config.pyproject)):
        msg = f"{entry.path}: no version is written there"
        raise VersionError(
            msg, hint="Write it there once, or take the path out of tool.publish-all.version.sync."
        )
    return places


def _places_in(config: ProjectConfig, path: Path, pattern: str | None) -> Iterator[Place]:
    if pattern is not None:
        yield from _text_places(config, path, pattern)
    elif path.suffix == ".toml":
        yield from _toml_places(config, path)
    elif path.suffix in {".py", ".pyi"}:
        yield from _python_places(config, path)
    else:
        msg = f"tool.publish-all.version.sync: {relative(path, config.root)} needs a pattern"
        raise VersionError(msg, hint='Write { path = "…", pattern = "Version: {version}" }.')


def _toml_places(config: ProjectConfig, path: Path) -> Iterator[Place]:
    text = _read(path).decode(_ENCODING, "surrogateescape")
    name = relative(path, config.root)
    values = parse(text, name)
    placeholder = is_dynamic(values) or not poetry_version_counts(values)
    for key in TOML_KEYS:
        if placeholder and key[0] == "tool":
            continue  # Poetry asks for one beside `dynamic`
        if (span := find_string(text, key, where=name)) is not None:
            said = _value(values, key)
            yield Place(path=name, line=span.line, says=said, key=".".join(key), file=path, entry=path)


def _value(values: Mapping[str, object], key: tuple[str, ...]) -> str:
    found: object = values
    for each in key:
        found = found[each] if isinstance(found, Mapping) else ""
    return str(found)


def _python_places(config: ProjectConfig, path: Path) -> Iterator[Place]:
    found = _attribute(config, path)
    yield Place(
        path=relative(found.path, config.root),
        line=found.line,
        says=found.text.strip(),
        key="__version__",
        file=found.path,
        entry=path,
    )


def _text_places(config: ProjectConfig, path: Path, pattern: str) -> Iterator[Place]:
    text = _read(path).decode(_ENCODING, "surrogateescape")
    for match in _pattern(pattern).finditer(text):
        line = text.count("\n", 0, match.start("version")) + 1
        yield Place(
            path=relative(path, config.root),
            line=line,
            says=match["version"],
            key=pattern,
            file=path,
            entry=path,
            pattern=pattern,
        )


def _pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, not as part of a longer word. White space in it is any on the line."""
    before, _, after = (
        re.sub(r"(?:\\ )+", r"[ \\t]+", re.escape(each)) for each in pattern.partition("{version}")
    )
    start = r"(?<![\w.])" if pattern[:1].isalnum() else ""
    end = r"(?![\w.+!-])" if not after else r"(?!\w)" if pattern[-1].isalnum() else ""
    return re.compile(start + before + _VALUE + after + end)


def write_into(contents: Contents, place: Place, config: ProjectConfig, version: Version) -> None:
    """Put the version into `contents[place.file]`, in memory. Raises `VersionError`."""

    def read(path: Path) -> bytes:
        return contents[path] if path in contents else _read(path)

    if place.key == "__version__":
        name = project_name(config.pyproject)
        found = read_attribute(place.entry, own_name=name, read=read)
        contents[place.file] = rewritten(place.entry, found, version, own_name=name, read=read)
        return
    text = read(place.file).decode(_ENCODING, "surrogateescape")
    if place.pattern is None:
        text = with_string(text, tuple(place.key.split(".")), str(version), where=place.path)
    else:
        text = _substituted(text, place.pattern, str(version))
    contents[place.file] = text.encode(_ENCODING, "surrogateescape")


def _substituted(text: str, pattern: str, version: str) -> str:
    def replace(match: re.Match[str]) -> str:
        start, end = match.span("version")
        return text[match.start() : start] + version + text[end : match.end()]

    return _pattern(pattern).sub(replace, text)


def _attribute(config: ProjectConfig, path: Path) -> Attribute:
    return read_attribute(path, own_name=project_name(config.pyproject), read=_read)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise VersionError(msg, hint="tool.publish-all.version names it.") from error


def relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
