"""Archives that two readers may read in two ways, which PyPI refuses.

https://blog.pypi.org/posts/2025-08-07-wheel-archive-confusion-attacks/, and its server in summer 2026:
https://github.com/pypi/warehouse, warehouse/utils/zipfiles.py.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_LARGE, _RATIO = 64 << 20, 50
_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END, _END_LENGTH = b"PK\x05\x06", 22
_DESCRIBED = 0x08


def of_wheel(wheel: zipfile.ZipFile) -> Iterator[str]:
    """The oddities of an opened wheel."""
    described, other, size, packed = [], [], 0, 0
    for each in wheel.infolist():
        if each.flag_bits & _DESCRIBED:
            described.append(each.filename)
        if each.compress_type not in _KNOWN:
            other.append(each.filename)
        size += each.file_size
        packed += each.compress_size
    if described:
        yield f"members with data descriptors: {_some(described)}"
    if other:
        yield f"members compressed otherwise than by deflate: {_some(other)}"
    if size > _LARGE and size > _RATIO * packed:
        yield f"it unpacks to {size >> 20} MiB, over {_RATIO} times its size"
    file = wheel.fp
    if file is None:
        return
    file.seek(0)
    if file.read(2) != _END[:2]:
        yield "there are bytes before the ZIP archive, so that the file may be of two kinds"
    file.seek(-_END_LENGTH - len(wheel.comment), 2)
    if file.read(4) != _END:
        yield "there are bytes after the end of the ZIP archive"


def of_sdist(path: Path, sparse: Sequence[str]) -> Iterator[str]:
    """The oddities of an sdist with these `sparse` members."""
    if sparse:
        yield f"members of which the archive stores only parts (sparse files): {_some(sparse)}"
    if zipfile.is_zipfile(path):
        yield "the file is a ZIP archive and a tar archive at the same time"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3])
