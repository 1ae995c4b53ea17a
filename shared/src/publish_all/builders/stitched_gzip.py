"""A gzip file of which most was deflated before, for another sdist: https://www.rfc-editor.org/rfc/rfc1952.

It is one gzip member. The contents of files are segments out of the store, each a deflate stream of its own
that is not ended; what is between them (tar headers, small files) is deflated as it comes.
"""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from publish_all.builders.member_store import Member, MemberStore
from publish_all.errors import BuildError

# In bytes. Of smaller files a segment of their own would cost more size than deflating them costs time.
_SEGMENT_FROM = 4096


class StitchedGzip:
    """Write-only, for `tarfile`. What is written is what a reader gets; closing does not close `file`."""

    def __init__(self, file: IO[bytes], *, mtime: float | None, store: MemberStore) -> None:
        self._file = file
        self._store = store
        self._running = store.running()
        self._crc = self._size = 0
        self._next: Member | None = None
        self._inside: Member | None = None
        self._left = self._inside_crc = 0
        flags, extra_flags, unknown_system = 0, 2, 255
        file.write(
            struct.pack("<3sBLBB", b"\x1f\x8b\x08", flags, int(mtime or 0), extra_flags, unknown_system)
        )

    def expect(self, path: str, size: int) -> None:
        """After the next write, which is its header, comes the content of this file, of `size` bytes."""
        if size >= _SEGMENT_FROM:
            member = self._store.segment(path)
            self._next = member if member is not None and member.size == size else None

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if self._inside is not None:
            self._pass_over(data)
            return len(data)
        self._file.write(self._running.compress(data))
        if self._next is not None:
            self._begin(self._next)
            self._next = None
        return len(data)

    def tell(self) -> int:
        return self._size

    def close(self) -> None:
        self._file.write(self._running.flush())
        self._file.write(struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF))

    def _begin(self, member: Member) -> None:
        # Forgets what came before, so that nothing after the segment refers across it.
        self._file.write(self._running.flush(zlib.Z_FULL_FLUSH))
        for block in self._store.blocks(member):
            self._file.write(block)
        self._inside, self._left, self._inside_crc = member, member.size, 0

    def _pass_over(self, data: bytes) -> None:
        """See that what comes is what the segment holds."""
        if self._inside is None:
            return
        self._inside_crc = zlib.crc32(data, self._inside_crc)
        self._left -= len(data)
        if self._left < 0 or (self._left == 0 and self._inside_crc != self._inside.crc):
            msg = "a file changed while it was put into the sdist"
            raise BuildError(msg, hint="Build again when nothing writes into the project.")
        if self._left == 0:
            self._inside = None


class StitchedSdists:
    """Builds sdists out of `store`, if that works: the first is read back, and built again without where it does not."""

    def __init__(self, store: MemberStore | None) -> None:
        self._store = store
        self._tried = False

    def build(self, build: Callable[[MemberStore | None], Path]) -> Path:
        """What `build` writes, which rests on parts of backends and `tarfile` that are not public."""
        if self._store is None or self._tried:
            return build(self._store)
        self._tried = True
        with contextlib.suppress(Exception):  # whatever another version raises; what is wrong raises again
            path = build(self._store)
            if reads_back(path):
                return path
        self._store = None
        return build(None)


def reads_back(path: Path) -> bool:
    """Whether a gzip file holds what it says by its checksum and length."""
    try:
        with gzip.open(path) as file:
            while file.read(1 << 18):
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return True
