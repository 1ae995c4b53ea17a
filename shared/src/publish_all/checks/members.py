"""What is in an archive, read in one pass: wheels and sdists alike."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterator
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

    `fingerprint` is the same for members with the same bytes, None where it is not to be had cheaply.
    """

    name: str
    size: int
    link: str | None = None
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
                special=not linked and not each.isreg(),
            )
            yield member, file.read() if file is not None else None


def _is_read(name: str, size: int) -> bool:
    return size <= (NOTEBOOK_LIMIT if name.endswith(".ipynb") else READ_LIMIT)
