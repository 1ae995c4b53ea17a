"""Where two builds of one file differ."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from publish_all._values import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """A member: its content, and what else is said of it."""

    sha256: str
    mode: int
    time: object


def first_difference(first: Path, second: Path) -> str | None:
    """In words, the first member of a wheel or sdist that differs from the other build's; None for the same bytes."""
    if first.read_bytes() == second.read_bytes():
        return None
    one, other = _members(first), _members(second)
    for name in (*one, *other):
        if name not in other:
            return f"{name} is only in the first build"
        if name not in one:
            return f"{name} is only in the second build"
        if one[name] != other[name]:
            return f"{name} {_what(one[name], other[name])}"
    if list(one) != list(other):
        return "the members stand in another order"
    return "the members are the same, and are compressed or described differently"


def first_content_difference(wheel: Path, rebuilt: Path) -> str | None:
    """In words, the first member that two wheels do not install alike; None if they install the same.

    Times, order and compression do not matter, nor does which version of a backend made it. RECORD follows
    from the others.
    """
    one, other = _installed(wheel), _installed(rebuilt)
    for name in (*one, *other):
        if name not in other:
            return f"{name} is in the wheel, and not in what the sdist builds to"
        if name not in one:
            return f"{name} is not in the wheel, and in what the sdist builds to"
        if one[name][0] != other[name][0]:
            return f"{name} has other content in what the sdist builds to"
        if one[name][1] != other[name][1]:
            return f"{name} is executable in only one of the two"
    return None


def _installed(path: Path) -> Mapping[str, tuple[str, bool]]:
    """Digest and executable bit of each file of a wheel."""
    found = {}
    with zipfile.ZipFile(path) as wheel:
        for each in wheel.infolist():
            if each.is_dir() or each.filename.endswith(".dist-info/RECORD"):
                continue
            if each.filename.endswith(".dist-info/WHEEL"):
                lines = wheel.read(each).splitlines()
                kept = b"\n".join(line for line in lines if not line.startswith(b"Generator:"))
                digest = hashlib.sha256(kept.strip()).hexdigest()
            else:
                digest = _digest(wheel.open(each))
            found[each.filename] = (digest, bool(each.external_attr >> 16 & 0o111))
    return found


def _what(one: _Entry, other: _Entry) -> str:
    if one.sha256 != other.sha256:
        return "has other content"
    if one.mode != other.mode:
        return f"has the mode {one.mode:o} and {other.mode:o}"
    return f"has the time {one.time} and {other.time}"


def _members(path: Path) -> Mapping[str, _Entry]:
    if path.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(path) as wheel:
            return {
                each.filename: _Entry(
                    sha256=_digest(wheel.open(each)), mode=each.external_attr >> 16, time=each.date_time
                )
                for each in wheel.infolist()
            }
    with tarfile.open(path) as sdist:
        return {
            each.name: _Entry(sha256=_digest(sdist.extractfile(each)), mode=each.mode, time=each.mtime)
            for each in sdist
            if each.isfile()
        }


def _digest(file: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    if file is not None:
        with file:
            while block := file.read(1 << 18):
                digest.update(block)
    return digest.hexdigest()
