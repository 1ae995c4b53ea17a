"""Bytes kept for later, without memory that grows with them."""

from __future__ import annotations

import tempfile
import threading
import weakref
from typing import IO, TypeAlias

from publish_all._values import dataclass

# In bytes.
_IN_MEMORY = 1 << 25
# Less is gathered before it is kept.
_LEAST = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Where in the temporary file some bytes are."""

    offset: int
    length: int


Kept: TypeAlias = "bytes | Extent"


class Spool:
    """Keeps bytes for later: in memory up to a bound, beyond it in a temporary file. Threads may share it."""

    def __init__(self, *, in_memory: int = _IN_MEMORY) -> None:
        self._room = in_memory
        self._file: IO[bytes] | None = None
        self._end = 0
        self._lock = threading.Lock()

    def put(self, data: bytes) -> Kept:
        with self._lock:
            if len(data) <= self._room:
                self._room -= len(data)
                return data
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="publish-all-")  # noqa: SIM115 - lives as long as the spool
                weakref.finalize(self, self._file.close)
            self._file.seek(self._end)
            self._file.write(data)
            kept = Extent(offset=self._end, length=len(data))
            self._end += len(data)
            return kept

    def get(self, kept: Kept) -> bytes:
        if isinstance(kept, bytes):
            return kept
        with self._lock:
            if self._file is None:
                msg = "nothing was spooled"
                raise ValueError(msg)
            self._file.seek(kept.offset)
            return self._file.read(kept.length)


class SpoolWriter:
    """Gathers the little that a compressor gives at a time into blocks."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pending: list[bytes] = []
        self._waiting = 0
        self._kept: list[Kept] = []
        self.size = 0

    def write(self, data: bytes) -> None:
        if not data:
            return
        self.size += len(data)
        self._pending.append(data)
        self._waiting += len(data)
        if self._waiting >= _LEAST:
            self._put()

    def close(self) -> tuple[Kept, ...]:
        if self._pending:
            self._put()
        return tuple(self._kept)

    def _put(self) -> None:
        self._kept.append(self._spool.put(b"".join(self._pending)))  # which copies only if there are several
        self._pending.clear()
        self._waiting = 0
