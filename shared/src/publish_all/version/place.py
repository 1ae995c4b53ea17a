"""One place in a project that says the version, and how another version is written there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all._values import dataclass
from publish_all.errors import VersionError
from publish_all.version.attribute import NAME, Attribute
from publish_all.version.rewrite import rewritten
from publish_all.version.semver import semantic
from publish_all.version.source_file import Read
from publish_all.version.toml_text import JSON, TOML, Syntax, find_string, parse, with_string

_ENCODING = "utf-8"

Contents: TypeAlias = "dict[Path, bytes]"
"""The files that are to change, as they will be."""

Write: TypeAlias = Callable[[Read, str], bytes]
"""The new contents of a place's file, which is read by the first argument, with the version as it is spelt there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One place that says a version.

    `path` (relative to the project) and `line` (from 1) are where it is written, in `file`; `key` is what it
    is called there. `semantic`: Cargo and npm read it, which know no PEP 440.
    """

    path: str
    line: int
    says: str
    key: str
    file: Path
    write: Write = field(compare=False, repr=False)
    semantic: bool = False

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"

    def spelt(self, version: Version) -> str:
        """The version as it is written here. Raises `VersionError` for one that can't be."""
        if not self.semantic:
            return str(version)
        text = semantic(version)
        if text is None:
            msg = f"{self.where}: {version} has no form in Semantic Versioning, which this file is read by"
            raise VersionError(msg, hint="Choose a version like 1.2.3 or 1.2.3rc1.")
        return text

    def says_just(self, version: Version) -> bool:
        """Whether it says this version, spelt as it would be written."""
        return self.says == self.spelt(version)

    def agrees(self, version: Version) -> bool:
        """Whether it says this version, if perhaps in another spelling."""
        try:
            return Version(self.says) == version
        except InvalidVersion:
            return False


class Files(NamedTuple):
    """The files of the project at `root`, as they are or as they would be."""

    root: Path
    read: Read

    def text(self, path: Path) -> str:
        """The contents; bytes that are not UTF-8 survive a round trip."""
        return self.read(path).decode(_ENCODING, "surrogateescape")

    def name(self, path: Path) -> str:
        return relative(path, self.root)


def key_places(
    files: Files,
    path: Path,
    keys: Iterable[tuple[str, ...]],
    *,
    syntax: Syntax = TOML,
    semantic: bool = False,
) -> Iterator[Place]:
    """The strings at the key paths of a TOML or JSON file, as far as there are any."""
    text, name = files.text(path), files.name(path)
    for key in keys:
        span = find_string(text, key, where=name, syntax=syntax)
        if span is None:
            continue

        def write(read: Read, version: str, *, key: tuple[str, ...] = key) -> bytes:
            now = Files(files.root, read).text(path)
            return _encoded(with_string(now, key, version, where=name, syntax=syntax))

        found: object = parse(text, name, syntax=syntax)
        for each in key:
            found = found[each] if isinstance(found, dict) else ""
        yield Place(
            path=name,
            line=span.line,
            says=str(found),
            key=".".join(key),
            file=path,
            write=write,
            semantic=semantic,
        )


def cargo_places(files: Files, path: Path) -> Iterator[Place]:
    """The version of a Cargo.toml's own package, or of all packages of its workspace; of no dependency.

    https://doc.rust-lang.org/cargo/reference/workspaces.html#the-package-table
    """
    keys = (("package", "version"), ("workspace", "package", "version"))
    return key_places(files, path, keys, semantic=True)


def npm_places(files: Files, path: Path) -> Iterator[Place]:
    """The version of a package.json's own package."""
    return key_places(files, path, [("version",)], syntax=JSON, semantic=True)


def attribute_place(files: Files, ask: Callable[[Read], Attribute], *, key: str = NAME) -> Place:
    """The literal that an attribute or an expression of a Python file comes down to. `ask` reads it."""
    found = ask(files.read)

    def write(read: Read, version: str) -> bytes:
        return rewritten(ask(read), Version(version), again=ask, read=read)

    return Place(
        path=files.name(found.path),
        line=found.line,
        says=found.text.strip(),
        key=key,
        file=found.path,
        write=write,
    )


Find: TypeAlias = Callable[[str], "Sequence[tuple[int, int]]"]
"""The parts of a text that are the version: the first character of each and the one after its last."""


def text_places(files: Files, path: Path, find: Find, *, key: str) -> Iterator[Place]:
    """The parts of a text file that `find` finds. Another version is written into all of them."""
    text = files.text(path)

    def write(read: Read, version: str) -> bytes:
        now = Files(files.root, read).text(path)
        for start, end in reversed(find(now)):
            now = now[:start] + version + now[end:]
        return _encoded(now)

    for start, end in find(text):
        yield Place(
            path=files.name(path),
            line=text.count("\n", 0, start) + 1,
            says=text[start:end],
            key=key,
            file=path,
            write=write,
        )


def first_match(pattern: re.Pattern[str], group: str | int) -> Find:
    """What a backend reads that looks for the first match of a pattern."""

    def find(text: str) -> Sequence[tuple[int, int]]:
        match = pattern.search(text)
        return [match.span(group)] if match else []

    return find


def _encoded(text: str) -> bytes:
    return text.encode(_ENCODING, "surrogateescape")


def relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
