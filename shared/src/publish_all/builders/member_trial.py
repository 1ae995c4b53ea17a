"""Tries whether an archive written from the store is the one that the backend writes by itself.

What the store hooks into is not public, of the backends and of `zipfile`: on versions where it does not give
the same, the backend is left alone.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from publish_all.builders.member_store import MemberStore

# Of two with a plain name and the same mode the second has its tar header made like the first one's; the large
# ones are segments in sdists.
_SAMPLES = (
    ("ä empty", b"", 0o644),
    ("ö large", b"print('\xc3\xa4')\n" * 6000, 0o644),
    ("first.py", b"x = 1\n", 0o644),
    ("small.py", b"x = 22\n", 0o644),
    ("large.py", b"x = 333\n" * 9000, 0o644),
    ("tool", b"#!/bin/sh\n", 0o755),
)


class WriteSample(Protocol):
    """Writes a wheel of these files, from the store or without; gives its bytes, and what RECORD would say."""

    def __call__(self, files: Sequence[Path], store: MemberStore | None, /) -> tuple[bytes, Any]: ...


class WriteSampleSdist(Protocol):
    """Writes an sdist of these files, from the store or without; gives the bytes of its tar."""

    def __call__(self, files: Sequence[Path], store: MemberStore | None, /) -> bytes: ...


def agree(write: WriteSample, store: MemberStore) -> bool:
    """Whether the bytes of wheels are the same, or with another compression all that is not compressed."""

    def same(files: Sequence[Path]) -> bool:
        stored, records = write(files, store)
        own, own_records = write(files, None)
        return bool(records == own_records) and (
            stored == own if store.is_exact else _content(stored) == _content(own)
        )

    return _tried(same, store)


def agree_in_sdists(write: WriteSampleSdist, store: MemberStore) -> bool:
    """Whether the tars in sdists are the same."""
    return _tried(lambda files: write(files, store) == write(files, None), store)


def _tried(same: Callable[[Sequence[Path]], bool], store: MemberStore) -> bool:
    try:
        with TemporaryDirectory(prefix="publish-all-") as folder, store.uncounted():
            return same([_sample(Path(folder, name), content, mode) for name, content, mode in _SAMPLES])
    except Exception:  # noqa: BLE001 - whatever another version raises, it means no
        return False


def _sample(path: Path, content: bytes, mode: int) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def _content(archive: bytes) -> list[Any]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [
            (each.filename, each.date_time, each.external_attr, each.flag_bits, opened.read(each))
            for each in opened.infolist()
        ]
