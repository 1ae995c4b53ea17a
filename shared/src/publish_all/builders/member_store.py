"""Each distinct file deflated once, however many wheels hold it.

Backends read, hash and deflate every file again for each variant, and deflating is what takes the time.
The store does it once per content, in threads, with the settings of the backend: what comes out are the
bytes that the backend alone would write.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import mmap
import os
import stat
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol, TypeAlias

from publish_all._values import dataclass
from publish_all.config.model import Compression
from publish_all.errors import BuildError

# Of bytes. zlib writes the same for pieces of this size as for the whole, because a multiple of 32 KiB is
# asked for exactly when its window is full.
_BLOCK = 1 << 18
_IN_MEMORY = 1 << 23
# A time stamp this near to now (in ns) does not tell whether the file changes again: FAT counts in 2 s.
_UNSETTLED = 2_000_000_000
_ISAL_LEVEL = 2
# What gzip.GzipFile, and so every backend's sdist, uses.
_GZIP_LEVEL = 9


class Deflater(Protocol):
    """As `zlib.compressobj` gives it."""

    def compress(self, data: bytes | memoryview | mmap.mmap, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Where in the temporary file some bytes are."""

    offset: int
    length: int


Kept: TypeAlias = "bytes | Extent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file as an archive holds it: a raw deflate stream (`chunks`), with what describes the content."""

    crc: int
    size: int
    compressed_size: int
    sha256: bytes
    chunks: tuple[Kept, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    """A file as it was when it was asked for: its mode in the file system, and what is being made of it."""

    mode: int
    member: Future[Member]


# Says that a file is still the one that was read: form, path, device, inode, size, and the times of its content
# and of its inode, which hooks cannot set. A plain tuple, since there is one for each file of each archive.
_Identity: TypeAlias = "tuple[_Form, str, int, int, int, int, int]"


class _Form(enum.Enum):
    """What is wanted of a file: a whole deflate stream, or a segment of a longer one."""

    STREAM = "stream"
    SEGMENT = "segment"

    # It is part of the keys for each file of each archive, and Enum's own is written in Python.
    __hash__ = object.__hash__


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


class MemberStore:
    """The files of one worker's run, deflated. Raises `BuildError` for `fast` without isal.

    `root` is the project's: what a file there holds is known by its path, inode, size and times; of others
    (temporary ones, whose inode the next one gets) by its bytes alone. `step` is the number of bytes which
    the backend hands to zlib at once, None for the whole file: zlib-ng writes different bytes for it.
    `is_exact` says that streams are those which the backend would write.
    """

    def __init__(
        self,
        root: Path,
        *,
        step: int | None,
        compression: Compression = Compression.DEFAULT,
        threads: int | None = None,
        spool: Spool | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inside = os.path.realpath(root) + os.sep
        self._step = step
        self._deflaters = {
            _Form.STREAM: deflater(compression),
            _Form.SEGMENT: deflater(compression, level=_GZIP_LEVEL),
        }
        self.is_exact = compression is Compression.DEFAULT
        self._spool = spool or Spool()
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads or min(os.cpu_count() or 1, 8), "publish-all-deflate")
        self._lock = threading.Lock()
        self._known: dict[_Identity, Future[Member]] = {}
        self._expected: dict[tuple[_Form, str], _Expected] = {}
        self._unsettled: set[_Identity] = set()
        self._contents: dict[tuple[_Form, bytes], Member] = {}
        self._sizes: set[tuple[_Form, int]] = set()
        self._given: set[tuple[_Form, bytes]] = set()
        self._bytes_given = self._bytes_given_again = 0

    def expect(self, paths: Iterable[str], *, segments: bool = False) -> None:
        """Begin to deflate the files of the next archive. What may have changed since the last one is read anew.

        For this archive they are as they are now, and are not looked at again. `segments` for an archive
        that takes `segment`s.
        """
        self._forget(self._unsettled)
        form = _Form.SEGMENT if segments else _Form.STREAM
        for path in paths:
            # What can't be read is reported when it is asked for, as the backend reports it.
            with contextlib.suppress(OSError):
                found = self._found(path, form)
                if found is not None:
                    self._expected[form, path] = found

    def forget(self) -> None:
        """Read all files anew: project code has run that may write them. Their bytes are still known."""
        self._forget(set(self._known))

    def deflated(self, path: str | Path) -> tuple[Member, int] | None:
        """The file as a member, and its mode; None for what is no regular file. Raises `OSError` if it can't be read."""
        return self._give(path, _Form.STREAM)

    def segment(self, path: str | Path) -> tuple[Member, int] | None:
        """As `deflated`, to go on from a full flush and be gone on from: it ends on a byte, and not the stream."""
        return self._give(path, _Form.SEGMENT)

    def reused(self) -> float | None:
        """The share of the bytes given since this was last asked that had been given before; None for no bytes."""
        given, again = self._bytes_given, self._bytes_given_again
        self._bytes_given = self._bytes_given_again = 0
        return again / given if given else None

    def running(self) -> Deflater:
        """A compressor for what stands between segments."""
        return self._deflaters[_Form.SEGMENT]()

    def blocks(self, member: Member) -> Iterator[bytes]:
        """The member's deflate stream."""
        return map(self._spool.get, member.chunks)

    def _give(self, path: str | Path, form: _Form) -> tuple[Member, int] | None:
        path = os.fspath(path)
        found = self._expected.get((form, path)) or self._found(path, form)
        if found is None:
            return None
        member = found.member.result()
        key = (form, member.sha256)
        self._bytes_given += member.size
        self._bytes_given_again += member.size if key in self._given else 0
        self._given.add(key)
        return member, found.mode

    def _forget(self, identities: Iterable[_Identity]) -> None:
        for each in list(identities):
            self._known.pop(each, None)
        self._unsettled.clear()
        self._expected.clear()

    def _found(self, path: str, form: _Form) -> _Expected | None:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the question
        if not stat.S_ISREG(found.st_mode):
            return None
        times = found.st_mtime_ns, found.st_ctime_ns
        identity = form, path, found.st_dev, found.st_ino, found.st_size, *times
        future = self._known.get(identity)
        if future is None:
            future = self._known[identity] = self._pool.submit(self._read, path, found.st_size, form)
            if max(times) > self._clock() - _UNSETTLED or not path.startswith(self._inside):
                self._unsettled.add(identity)
        return _Expected(mode=found.st_mode, member=future)

    def _read(self, path: str, size: int, form: _Form) -> Member:
        """From its bytes if they are known, which reading tells much faster than deflating again."""
        if (form, size) in self._sizes:
            known = self._contents.get((form, _sha256(path)))
            if known is not None:
                return known
        member = self._deflate(path, form)
        with self._lock:
            self._sizes.add((form, member.size))
            return self._contents.setdefault((form, member.sha256), member)

    def _deflate(self, path: str, form: _Form) -> Member:
        deflating, digest = self._deflaters[form](), hashlib.sha256()
        crc = size = 0
        writer = _ChunkWriter(self._spool)
        with Path(path).open("rb") as file:
            for block in _blocks(file, whole=self._step is None and is_zlib_ng()):
                crc = zlib.crc32(block, crc)
                digest.update(block)
                size += len(block)
                for piece in _pieces(block, self._step):
                    writer.write(deflating.compress(piece))
        writer.write(deflating.flush(zlib.Z_FINISH if form is _Form.STREAM else zlib.Z_SYNC_FLUSH))
        return Member(
            crc=crc,
            size=size,
            compressed_size=writer.size,
            sha256=digest.digest(),
            chunks=writer.close(),
        )


class _ChunkWriter:
    """Gathers the little that a compressor gives at a time into blocks."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pending: list[bytes] = []
        self._waiting = 0
        self._kept: list[Kept] = []
        self.size = 0

    def write(self, data: bytes) -> None:
        if data:
            self._pending.append(data)
            self._waiting += len(data)
            self.size += len(data)
        if self._waiting >= _BLOCK:
            self._put()

    def close(self) -> tuple[Kept, ...]:
        if self._pending:
            self._put()
        return tuple(self._kept)

    def _put(self) -> None:
        self._kept.append(self._spool.put(b"".join(self._pending)))
        self._pending.clear()
        self._waiting = 0


def is_zlib_ng() -> bool:
    """Whether Python's zlib is zlib-ng, whose bytes differ from zlib's: CPython from 3.14 on Windows, some Linux."""
    return hasattr(zlib, "ZLIBNG_VERSION")


def deflater(compression: Compression, *, level: int = zlib.Z_DEFAULT_COMPRESSION) -> Callable[[], Deflater]:
    """Makes compressors of raw deflate streams. Raises `BuildError` where isal is asked for and missing."""
    if compression is Compression.DEFAULT:  # as zipfile does
        return lambda: zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    try:
        from isal import isal_zlib
    except ImportError as error:
        msg = 'compression = "fast" needs isal, which is not installed here'
        raise BuildError(
            msg, hint='Require "publish-all[fast]" instead of "publish-all", or leave `compression` out.'
        ) from error
    return lambda: isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, -zlib.MAX_WBITS)


def _sha256(path: str) -> bytes:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _blocks(file: IO[bytes], *, whole: bool) -> Iterator[bytes | mmap.mmap]:
    if not whole:
        while block := file.read(_BLOCK):
            yield block
    elif os.fstat(file.fileno()).st_size:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def _pieces(block: bytes | mmap.mmap, step: int | None) -> Iterator[bytes | memoryview | mmap.mmap]:
    if step is None or len(block) <= step:
        yield block
        return
    view = memoryview(block)
    for start in range(0, len(view), step):
        yield view[start : start + step]
