"""One place in a project that says the version: read, compared with another one, and written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError
from publish_all.version.attribute import NAME, Read, read_attribute, rewritten
from publish_all.version.toml_text import find_string, with_string

_CARGO = (("package", "version"), ("workspace", "package", "version"))
_PRE_RELEASES = {"a": "alpha", "b": "beta", "rc": "rc"}

Find: TypeAlias = Callable[[str], "Sequence[tuple[int, int]]"]
"""The parts of a text that are the version: the first character of each and the one after its last."""


class Place(NamedTuple):
    """One place that says a version.

    `path` (relative to the project) and `line` (from 1) are where it is written, in `file`; `key` is what it
    is called there. `write` gives the contents of the file, which it reads by its first argument, with a version as
    it is spelt there. `semantic`: Cargo and npm read it, which know no PEP 440.
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
        """The version as it is written here. Raises `VersionError` for one that can't be."""
        text = semantic(version) if self.semantic else str(version)
        if text is None:
            msg = f"{self.where}: {version} has no form in Semantic Versioning, which this file is read by"
            raise VersionError(msg, hint="Choose a version like 1.2.3 or 1.2.3rc1.")
        return text

    def agrees(self, version: Version) -> bool:
        """Whether it says this version, if perhaps in another spelling."""
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
    """What a file holds that is said to hold the version. Raises `VersionError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise VersionError(msg, hint="tool.publish-all.version names it.") from error


class Files(NamedTuple):
    """The files of the project at `root`, as they are or as they would be, and the places in them."""

    root: Path
    own_name: str | None
    read: Read

    def text(self, path: Path, read: Read | None = None) -> str:
        """The contents; bytes that are not UTF-8 survive a round trip."""
        return (read or self.read)(path).decode("utf-8", "surrogateescape")

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def strings(self, path: Path, *keys: tuple[str, ...], semantic: bool = False) -> Iterator[Place]:
        """The strings at the key paths of a TOML or JSON file, as far as there are any."""
        text, name = self.text(path), self.name(path)
        for key in keys:
            if (span := find_string(text, key, where=name)) is not None:

                def write(read: Read, version: str, *, key: tuple[str, ...] = key) -> bytes:
                    return _encoded(with_string(self.text(path, read), key, version, where=name))

                yield Place(name, span.line, span.says, ".".join(key), path, write, semantic)

    def package_of_cargo(self, path: Path) -> Iterator[Place]:
        """The version of a Cargo.toml's own package, or of all packages of its workspace; of no dependency.

        https://doc.rust-lang.org/cargo/reference/workspaces.html#the-package-table
        """
        return self.strings(path, *_CARGO, semantic=True)

    def attribute(
        self, path: Path, name: str = NAME, find: Callable[[ast.Module], ast.expr | None] | None = None
    ) -> Place:
        """The literal that an attribute comes down to, or the expression that `find` gives."""
        found = read_attribute(path, name=name, own_name=self.own_name, read=self.read, find=find)

        def write(read: Read, version: str) -> bytes:
            now = read_attribute(path, name=name, own_name=self.own_name, read=read, find=find)
            return rewritten(now, Version(version))

        return Place(self.name(found.path), found.line, found.text.strip(), name, found.path, write)

    def spans(self, path: Path, find: Find, key: str) -> Iterator[Place]:
        """The parts of a text file that `find` finds. Another version is written into all of them."""
        text = self.text(path)

        def write(read: Read, version: str) -> bytes:
            now = self.text(path, read)
            for start, end in reversed(find(now)):
                now = now[:start] + version + now[end:]
            return _encoded(now)

        for start, end in find(text):
            line = text.count("\n", 0, start) + 1
            yield Place(self.name(path), line, text[start:end], key, path, write)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
