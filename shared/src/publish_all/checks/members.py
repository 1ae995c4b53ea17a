"""What is in an archive, read in one pass: wheels and sdists alike."""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from publish_all._values import dataclass
from publish_all.distributions.distribution import Distribution, DistributionKind

READ_LIMIT = 1 << 20
"""The longest file that is looked into, in bytes: longer ones are data, and reading them takes long."""
NOTEBOOK_LIMIT = 16 << 20
"""The same for notebooks, which hold images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member that is not a folder. `link` is where a link leads, `special` says a device or pipe.

    The `link` of a `hard` link is the name of an earlier member; that of a symbolic one is relative to its folder.

    `fingerprint` is the same for members with the same bytes, None where it is not to be had cheaply.
    """

    name: str
    size: int
    link: str | None = None
    hard: bool = False
    special: bool = False
    fingerprint: tuple[int, int] | None = None


def read_members(distribution: Distribution) -> Iterator[tuple[Member, bytes | None]]:
    """Each member with its content, which is None for links and for files over the limits.

    Raises `OSError`, `BadZipFile`, `TarError` and what zlib does.
    """
    if distribution.kind is DistributionKind.WHEEL:
        yield from _of_wheel(distribution.path)
    else:
        yield from _of_sdist(distribution.path)


def installed_paths(wheel: Distribution) -> Mapping[str, tuple[int, int]]:
    """Path in site-packages → fingerprint, for each file that the wheel puts there; empty if it can't be read."""
    try:
        with zipfile.ZipFile(wheel.path) as opened:
            return {
                path: (each.file_size, each.CRC)
                for each in opened.infolist()
                if not each.is_dir() and (path := installed_path(each.filename)) is not None
            }
    except (OSError, zipfile.BadZipFile):
        return {}


def installed_path(name: str) -> str | None:
    """The path in site-packages of a wheel's member; None for one that goes elsewhere.

    https://packaging.python.org/specifications/binary-distribution-format/#the-data-directory
    """
    first, _, rest = name.partition("/")
    if first.endswith(".dist-info") and rest:
        return None
    if not first.endswith(".data") or not rest:
        return name
    scheme, _, inside = rest.partition("/")
    return inside if scheme in {"purelib", "platlib"} and inside else None


def sdist_files(
    sdist: Distribution, *, read: Callable[[str], bool] = lambda _: False
) -> Mapping[str, bytes | None]:
    """Path below the sdist's folder → content of the files that `read` wants, None for others.

    Links are in it without content. Empty if the sdist can't be read.
    """
    try:
        with tarfile.open(sdist.path) as opened:
            return {
                path: file.read()
                if each.isreg() and read(path) and (file := opened.extractfile(each))
                else None
                for each in opened
                if not each.isdir() and (path := each.name.removeprefix("./").partition("/")[2])
            }
    except (OSError, tarfile.TarError, EOFError, zlib.error):
        return {}


def _of_wheel(path: Path) -> Iterator[tuple[Member, bytes | None]]:
    with zipfile.ZipFile(path) as opened:
        for each in opened.infolist():
            if each.is_dir():
                continue
            linked = stat.S_ISLNK(each.external_attr >> 16)
            content = opened.read(each) if linked or _is_read(each.filename, each.file_size) else None
            member = Member(
                name=each.filename,
                size=each.file_size,
                link=(content or b"").decode(errors="replace") if linked else None,
                fingerprint=(each.file_size, each.CRC),
            )
            yield member, None if linked else content


def _of_sdist(path: Path) -> Iterator[tuple[Member, bytes | None]]:
    with tarfile.open(path) as opened:
        for each in opened:
            if each.isdir():
                continue
            linked = each.issym() or each.islnk()
            file = opened.extractfile(each) if each.isreg() and _is_read(each.name, each.size) else None
            member = Member(
                name=each.name,
                size=each.size,
                link=each.linkname if linked else None,
                hard=each.islnk(),
                special=not linked and not each.isreg(),
            )
            yield member, file.read() if file is not None else None


def _is_read(name: str, size: int) -> bool:
    return size <= (NOTEBOOK_LIMIT if name.endswith(".ipynb") else READ_LIMIT)
