"""The places in a project that contain its version: the source, and those in `sync`. They are read, compared and written.

A TOML file has it in `[project]` or `[tool.poetry]`, a Cargo.toml in its package, a package.json in `version`, a
Python file in `__version__`, any other text where its pattern matches. If it is not in `[project]`, it is looked up at
the places that the documentation of the build backend lists. `commands.version` asks the backend for the final
version.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all._build_system import backend_name, poetry_version_counts
from publish_all._toml import read_if_valid, table
from publish_all.config.model import ProjectConfig, SyncPlace, VersionSource
from publish_all.errors import VersionError
from publish_all.version.attribute import NAME, Read, read_attribute, read_source, rewritten
from publish_all.version.static import backend_asks_us, is_dynamic, project_name
from publish_all.version.toml_text import find_string, parse

_CARGO = (("package", "version"), ("workspace", "package", "version"))
_PRE_RELEASES = {"a": "alpha", "b": "beta", "rc": "rc"}
_VALUE = r"(?P<version>[0-9A-Za-z][0-9A-Za-z.!+_-]*)"
# hatchling.version.core.DEFAULT_PATTERN, and pdm.backend.hooks.version: resolve_version_from_file.
_HATCH = r"""(?i)^(__version__|VERSION)(?: ?\: ?str)? *= *(['"])v?(?P<version>.+?)\2"""
_PDM = r"""^(?:__version__|VERSION)\s*=\s*["'](.+?)["']\s*(?:#.*)?$"""
# `version` of `[metadata]`, as long as no other section begins.
_SETUP_CFG = re.compile(
    r"^\[[ \t]*metadata[ \t]*\](?:(?!^\[)[\s\S])*?^(?i:version)[ \t]*[=:][ \t]*(?P<version>[^\r\n;#]*[^\s;#])[ \t]*\r?$",
    re.MULTILINE,
)

Find: TypeAlias = Callable[[str], "Sequence[tuple[int, int]]"]
"""The parts of a text that are the version: the first character of each and the one after its last."""


class Place(NamedTuple):
    """One place with a version.

    `path` (relative to the project) and `line` (from 1) are its position in `file`, `key` is its name
    there. `write` returns the contents of the file, which it reads with its first argument, with another version.
    `semantic`: the version is for Cargo or npm, which do not know PEP 440.
    """

    path: str
    line: int
    says: str
    key: str
    file: Path
    write: Callable[[Read, str], bytes]
    semantic: bool = False

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"

    def spelt(self, version: Version) -> str:
        """The version as it is written here. Raises `VersionError` if it cannot be written."""
        text = semantic(version) if self.semantic else str(version)
        if text is None:
            msg = f"{self.where}: {version} cannot be written as a semantic version, which this file needs"
            raise VersionError(msg, hint="Choose a version like 1.2.3 or 1.2.3rc1.")
        return text

    def agrees(self, version: Version) -> bool:
        """Whether it has this version, in any spelling."""
        try:
            return Version(self.says) == version
        except InvalidVersion:
            return False


def semantic(version: Version) -> str | None:
    """The version as Cargo and npm write it (https://semver.org); None where it has no such form: 1.2.3.post1, 1.2.3.4."""
    release = (*version.release, 0, 0)[: max(3, len(version.release))]
    if len(release) > 3 or version.epoch or version.post is not None or version.local is not None:
        return None
    labels = [] if version.pre is None else [_PRE_RELEASES[version.pre[0]], str(version.pre[1])]
    labels += [] if version.dev is None else ["dev", str(version.dev)]
    numbers = ".".join(str(each) for each in release)
    return f"{numbers}-{'.'.join(labels)}" if labels else numbers


def read_place(path: Path) -> bytes:
    """The contents of a file that should have the version. Raises `VersionError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror or error}"
        raise VersionError(msg, hint="It is configured in tool.publish-all.version.") from error


class Files(NamedTuple):
    """The files of the project at `root`, as they are or as they would be, and the places in them."""

    root: Path
    read: Read

    def text(self, path: Path, read: Read | None = None) -> str:
        """The contents; bytes that are not UTF-8 survive a round trip."""
        return (read or self.read)(path).decode("utf-8", "surrogateescape")

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def strings(self, path: Path, *keys: tuple[str, ...], semantic: bool = False) -> Iterator[Place]:
        """The strings at the key paths of a TOML or JSON file, as far as there are any."""
        for key in keys:
            find = partial(find_string, path=key, where=self.name(path))
            for place in self.spans(path, find, ".".join(key)):
                yield place._replace(semantic=semantic)

    def package_of_cargo(self, path: Path) -> Iterator[Place]:
        """The version of a Cargo.toml's own package, or of all packages of its workspace; of no dependency.

        https://doc.rust-lang.org/cargo/reference/workspaces.html#the-package-table
        """
        return self.strings(path, *_CARGO, semantic=True)

    def attribute(
        self, path: Path, name: str = NAME, find: Callable[[ast.Module], ast.expr | None] | None = None
    ) -> Place:
        """The literal that an attribute comes down to, or the expression that `find` gives."""
        found = read_attribute(path, name=name, read=self.read, find=find)

        def write(read: Read, version: str) -> bytes:
            now = read_attribute(path, name=name, read=read, find=find)
            return rewritten(now, Version(version))

        return Place(self.name(found.path), found.line, found.text.strip(), name, found.path, write)

    def spans(self, path: Path, find: Find, key: str) -> Iterator[Place]:
        """The parts of a text file that `find` finds. Another version is written into all of them."""
        text = self.text(path)

        def write(read: Read, version: str) -> bytes:
            now = self.text(path, read)
            for start, end in reversed(find(now)):
                now = now[:start] + version + now[end:]
            return now.encode("utf-8", "surrogateescape")

        for start, end in find(text):
            yield Place(self.name(path), text.count("\n", 0, start) + 1, text[start:end], key, path, write)


def find_places(config: ProjectConfig, *, read: Read = read_place) -> tuple[Place, ...]:
    """All places, those of the source first. Raises `VersionError` for a place without a version.

    `read` gives the contents of a file, by default those on disk.
    """
    found = [*source_places(config, read=read)]
    for entry in config.version.sync:
        found += _entry_places(config, entry, read)
    return tuple({(each.file, each.line, each.key, each.says): each for each in found}.values())


def source_places(config: ProjectConfig, *, read: Read = read_place) -> tuple[Place, ...]:
    """The places that the version comes from; none if it comes from a tag or cannot be written."""
    files = Files(config.root, read)
    match config.version.source:
        case VersionSource.ATTRIBUTE:
            return (files.attribute(config.root / (config.version.path or "")),)
        case VersionSource.PROJECT:
            path = config.root / "pyproject.toml"
            stated = tuple(_toml_places(files, path)) if config.pyproject else ()
            return stated or _of_backend(files, config.pyproject)[0]
        case VersionSource.GIT:
            return ()


def unwritable(config: ProjectConfig) -> str:
    """Why a place cannot be written that the build backend reads the version from; empty if there is none."""
    return _of_backend(Files(config.root, read_place), config.pyproject)[1]


def _entry_places(config: ProjectConfig, entry: SyncPlace, read: Read) -> list[Place]:
    paths = [config.root / entry.path]
    if any(character in entry.path for character in "*?["):
        paths = [each for each in sorted(config.root.glob(entry.path)) if each.is_file()]
    files = Files(config.root, read)
    places = [place for path in paths for place in _places_in(files, path, entry.pattern)]
    own = config.root / "pyproject.toml"
    if not places and not (paths == [own] and is_dynamic(config.pyproject)):
        msg = f"{entry.path}: no version is written there"
        hint = "Write it there once, or take the path out of tool.publish-all.version.sync."
        raise VersionError(msg, hint=hint)
    return places


def _places_in(files: Files, path: Path, pattern: str | None) -> Iterator[Place]:
    if pattern is not None:
        yield from _pattern_places(files, path, pattern)
    elif path.name == "Cargo.toml":
        yield from files.package_of_cargo(path)
    elif path.name == "package.json":
        yield from files.strings(path, ("version",), semantic=True)
    elif path.suffix == ".toml":
        yield from _toml_places(files, path)
    elif path.suffix in {".py", ".pyi"}:
        yield files.attribute(path)
    else:
        msg = f"tool.publish-all.version.sync: {files.name(path)} needs a pattern"
        raise VersionError(msg, hint='Write { path = "…", pattern = "Version: {version}" }.')


def _toml_places(files: Files, path: Path) -> Iterator[Place]:
    values = parse(files.text(path), files.name(path))
    # Poetry asks for a placeholder beside `dynamic`.
    placeholder = is_dynamic(values) or not poetry_version_counts(values)
    keys = [("project", "version"), *([] if placeholder else [("tool", "poetry", "version")])]
    return files.strings(path, *keys)


def _pattern_places(files: Files, path: Path, pattern: str) -> Sequence[Place]:
    """Raises `VersionError` if the pattern matches several versions, which cannot all be that of the project."""
    expression = _pattern(pattern)

    def find(text: str) -> Sequence[tuple[int, int]]:
        return [match.span("version") for match in expression.finditer(text)]

    found = tuple(files.spans(path, find, pattern))
    if len({each.says for each in found}) > 1:
        lines = ", ".join(f"{each.says} in line {each.line}" for each in found)
        msg = f"{files.name(path)}: the pattern {pattern!r} fits several versions: {lines}"
        hint = "Write more of the line into the pattern, so that it fits only the project's version."
        raise VersionError(msg, hint=hint)
    return found


def _pattern(pattern: str) -> re.Pattern[str]:
    """The pattern, not as part of a longer word. White space in it is any on the line."""
    before, _, after = (
        re.sub(r"(?:\\ )+", r"[ \\t]+", re.escape(each)) for each in pattern.partition("{version}")
    )
    start = r"(?<![\w.])" if pattern[:1].isalnum() else ""
    end = r"(?![\w.+!-])" if not after else r"(?!\w)" if pattern[-1].isalnum() else ""
    return re.compile(start + before + _VALUE + after + end)


def _of_backend(files: Files, pyproject: Mapping[str, Any]) -> tuple[tuple[Place, ...], str]:
    """The places that the build backend reads the version from, and why another one cannot be written."""
    backend = re.split(r"[.:]", backend_name(pyproject))[0]
    found: tuple[Place, ...] = ()
    if backend not in _KINDS or backend_asks_us(pyproject):
        return (), ""
    try:
        for place in _KINDS[backend](files, pyproject):
            found = (*found, place)
    except VersionError as error:
        return found, error.message.replace(f"{files.root}{os.sep}", "")
    return found, ""


def _hatchling(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place]:
    """https://hatch.pypa.io/latest/version/: `regex` by default, `code`; `env` and plugins are elsewhere."""
    own = read_if_valid(files.root / "hatch.toml")
    stated = {**table(pyproject, "tool", "hatch"), **own}.get("version", {})
    path, source = stated.get("path"), stated.get("source", "regex")
    if isinstance(path, str) and source == "regex":
        yield from _by_pattern(files, path, stated.get("pattern") or _HATCH, "version")
    elif isinstance(path, str) and source == "code":
        yield files.attribute(files.root / path, str(stated.get("expression") or NAME))


def _pdm(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place]:
    """https://backend.pdm-project.org/metadata/#dynamic-project-version."""
    stated = table(pyproject, "tool", "pdm", "version")
    path = stated.get("path")
    if isinstance(path, str) and stated.get("source", "file") == "file":
        yield from _by_pattern(files, path, stated.get("pattern") or _PDM, 1)
    elif stated.get("source") == "call":
        raise VersionError(f"pyproject.toml: {stated.get('getter')} is called for the version")


def _flit(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place]:
    """https://flit.pypa.io/en/stable/pyproject_toml.html#module-section: `__version__` of the module."""
    name = table(pyproject, "tool", "flit", "module").get("name") or project_name(pyproject)
    yield from _of_module(files, f"{str(name).replace('-', '_')}.{NAME}")


def _maturin(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place]:
    """https://www.maturin.rs/metadata: from Cargo.toml, in its package or its workspace."""
    manifest = files.root / str(table(pyproject, "tool", "maturin").get("manifest-path", "Cargo.toml"))
    return files.package_of_cargo(manifest)


def _setuptools(files: Files, pyproject: Mapping[str, Any]) -> Iterator[Place]:
    """https://setuptools.pypa.io/en/latest/userguide/pyproject_config.html#dynamic-metadata, setup.cfg, setup.py."""
    stated = table(pyproject, "tool", "setuptools", "dynamic", "version")
    if "attr" in stated:
        yield from _of_module(files, str(stated["attr"]))
    if "file" in stated:
        yield from _whole_file(files, stated["file"])
    path, find = files.root / "setup.cfg", _first_match(_SETUP_CFG, "version")
    for place in files.spans(path, find, "metadata.version") if path.is_file() else ():
        directive, _, rest = place.says.partition(":")
        if directive == "attr":
            yield from _of_module(files, rest)
        elif directive == "file":
            yield from _whole_file(files, rest.strip())
        else:
            yield place
    path = files.root / "setup.py"
    if path.is_file() and _version_of_setup(read_source(path, files.read).tree) is not None:
        yield files.attribute(path, "the version in setup()", _version_of_setup)


def _version_of_setup(tree: ast.Module) -> ast.expr | None:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="setup") | ast.Attribute(attr="setup"), keywords=keywords):
                return next((each.value for each in keywords if each.arg == "version"), None)
    return None


def _of_module(files: Files, attribute: str) -> Iterator[Place]:
    """`package.module.NAME`, in `src`, `lib` or at the root."""
    module, _, name = attribute.strip().rpartition(".")
    for folder in ("src", "lib", ""):
        stem = files.root / folder / module.replace(".", "/")
        for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if path.is_file():
                yield files.attribute(path, name)
                return
    raise VersionError(f"no file of the module {module!r} of {attribute!r} was found")


def _by_pattern(files: Files, path: str, pattern: object, group: str | int) -> Iterator[Place]:
    try:
        find = _first_match(re.compile(str(pattern), re.MULTILINE), group)
        yield from files.spans(files.root / path, find, str(pattern))
    except (re.error, IndexError) as error:
        raise VersionError(f"{path}: the pattern {pattern!r} cannot be used: {error}") from error


def _first_match(pattern: re.Pattern[str], group: str | int) -> Find:
    def find(text: str) -> Sequence[tuple[int, int]]:
        match = pattern.search(text)
        return [match.span(group)] if match else []

    return find


def _whole_file(files: Files, stated: object) -> Iterator[Place]:
    """A file that holds the version and nothing else but white space."""
    (name, *others) = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else [""]
    path = files.root / str(name)
    if others or len(files.text(path).split()) != 1:
        raise VersionError(f"{name}: it contains more than the version")
    yield from files.spans(path, _first_match(re.compile(r"\S+"), 0), "the whole file")


_KINDS: Mapping[str, Callable[[Files, Mapping[str, Any]], Iterator[Place]]] = {
    "hatchling": _hatchling,
    "pdm": _pdm,
    "flit_core": _flit,
    "maturin": _maturin,
    "setuptools": _setuptools,
}
