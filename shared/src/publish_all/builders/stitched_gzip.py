"""A gzip file of which most was deflated before, for another sdist: https://www.rfc-editor.org/rfc/rfc1952.

It is one gzip member. The contents of files are segments out of the store, each a deflate stream of its own
that is not ended; what is between them (tar headers, small files) is deflated as it comes. A file in the store
is not read again: its checksum is known, too.
"""

from __future__ import annotations

import struct
import zlib
from typing import IO

from publish_all.builders.crc import combined
from publish_all.builders.deflate import Member
from publish_all.builders.member_store import MemberStore


class StitchedGzip:
    """Write-only, for a `StitchedTar`. What is written is what a reader gets; closing does not close `file`."""

    def __init__(self, file: IO[bytes], *, mtime: float | None, store: MemberStore) -> None:
        self._file = file
        self._store = store
        self._running = store.running()
        self._crc = self._size = 0
        flags, extra_flags, unknown_system = 0, 0, 255
        file.write(
            struct.pack("<3sBLBB", b"\x1f\x8b\x08", flags, int(mtime or 0), extra_flags, unknown_system)
        )

    def write(self, data: bytes) -> int:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        deflated = self._running.compress(data)
        if deflated:
            self._file.write(deflated)
        return len(data)

    def member(self, path: str, size: int) -> Member | None:
        """The content of a file as `put` takes it; None where that is not worth while, or not to be had."""
        if size < self._store.segment_from:
            return None
        found = self._store.deflated(path)
        return found[0] if found is not None and found[0].size == size else None

    def put(self, member: Member) -> None:
        """As `write`, of a whole file."""
        # Forgets what came before, so that nothing after the segment refers across it.
        self._file.write(self._running.flush(zlib.Z_FULL_FLUSH))
        for block in self._store.segment(member):
            self._file.write(block)
        self._crc = combined(self._crc, member.crc, member.size)
        self._size += member.size

    def tell(self) -> int:
        return self._size

    def close(self) -> None:
        self._file.write(self._running.flush())
        self._file.write(struct.pack("<LL", self._crc, self._size & 0xFFFFFFFF))
