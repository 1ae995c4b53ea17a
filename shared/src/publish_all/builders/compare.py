"""Compares two builds of one file."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

# ELF, Mach-O (also of several architectures), Windows, static libraries.
_COMPILED = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ\x90\x00", b"!<arch>")

_METADATA = (
    ".dist-info/METADATA",
    ".dist-info/RECORD",
    "/PKG-INFO",
    "/pyproject.toml",
    ".egg-info/requires.txt",
)


class _Member(NamedTuple):
    """The content and the other properties of a file. `compiled`: a linker made it."""

    sha256: str
    compiled: bool
    mode: int
    time: object


def first_difference(first: Path, second: Path) -> str | None:
    """In words, the first member of a wheel or sdist that differs from the other build's; None for the same bytes."""
    if first.read_bytes() == second.read_bytes():
        return None
    one, other = _members(first), _members(second)
    for name in (*one, *other):
        if name not in other or name not in one:
            return f"{name} is only in the {'first' if name in one else 'second'} build"
        mine, its = one[name], other[name]
        if mine.sha256 != its.sha256:
            return f"{name} has different content"
        if mine != its:
            return f"{name} has a different mode or time"
    return "the files are equal, but are in a different order, or compressed or described differently"


def first_content_difference(wheel: Path, rebuilt: Path) -> str | None:
    """In words, the first member that two wheels do not install alike; None if they install the same.

    Times, order and compression do not matter, nor does which version of a backend made it. RECORD follows
    from the others. Compiled files differ by the folder in which they were compiled.
    """
    one, other = _members(wheel), _members(rebuilt)
    for name in (*one, *other):
        # An SBOM (PEP 770) has its own identifier and times.
        if name.endswith((".dist-info/RECORD", "/")) or ".dist-info/sboms/" in name:
            continue
        if name not in other:
            return f"{name} is in the wheel, but not in the wheel built from the sdist"
        if name not in one:
            return f"{name} is in the wheel built from the sdist, but not in the wheel"
        both_compiled = one[name].compiled and other[name].compiled
        if one[name].sha256 != other[name].sha256 and not both_compiled:
            if not name.endswith(".dist-info/WHEEL") or _tags(wheel, name) != _tags(rebuilt, name):
                return f"{name} has different content in the wheel built from the sdist"
        elif bool(one[name].mode & 0o111) != bool(other[name].mode & 0o111):
            return f"{name} is executable in only one of the two wheels"
    return None


def differ_in_metadata_only(one: Path, other: Path) -> bool:
    """Whether two wheels or two sdists differ only in files with metadata and files derived from it."""
    mine, its = (
        {name: each.sha256 for name, each in _members(path).items() if not name.endswith(_METADATA)}
        for path in (one, other)
    )
    return mine == its


def _tags(path: Path, name: str) -> list[bytes]:
    """WHEEL without the version of the backend."""
    with zipfile.ZipFile(path) as wheel:
        lines = wheel.read(name).strip().splitlines()
    return [line for line in lines if not line.startswith(b"Generator:")]


def _members(path: Path) -> Mapping[str, _Member]:
    if path.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(path) as wheel:
            return {
                each.orig_filename: _Member(
                    *_content(wheel.open(each)), each.external_attr >> 16, each.date_time
                )
                for each in wheel.infolist()
            }
    with tarfile.open(path) as sdist:
        return {
            each.name: _Member(*_content(sdist.extractfile(each)), each.mode, each.mtime)
            for each in sdist
            if each.isfile()
        }


def _content(file: IO[bytes] | None) -> tuple[str, bool]:
    digest, compiled = hashlib.sha256(), False
    if file is not None:
        with file:
            block = file.read(1 << 18)
            compiled = block.startswith(_COMPILED)
            while block:
                digest.update(block)
                block = file.read(1 << 18)
    return digest.hexdigest(), compiled
