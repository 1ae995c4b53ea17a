"""Files deflated, for wheels and sdists at once: with zlib exactly as backends do it for wheels, or fast, with isal.

A wheel holds a whole deflate stream for each file. The gzip stream of an sdist holds all files: there each is
a segment, which ends on a byte and does not end the stream. The two differ in their last block.
"""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Protocol, TypeVar

from publish_all._values import dataclass
from publish_all.builders.crc import combined
from publish_all.builders.spool import Kept, Spool, SpoolWriter
from publish_all.config.model import Compression
from publish_all.errors import BuildError

# Of bytes. zlib writes the same for pieces of this size as for the whole, because a multiple of 32 KiB is
# asked for exactly when its window is full.
_BLOCK = 1 << 18
# In bytes. Smaller files have no segment.
_SEGMENT_FROM = 4096
# Whatever is at least as large has one.
_SEGMENT_ALWAYS = 65536
# So many bytes may be deflated for each sdist anew, which takes some 50 ms.
_DEFLATED_ANEW = 2_000_000
# In bytes. Each part of a file begins without what came before, which costs some hundred bytes.
_PART = 1 << 22
_ISAL_LEVEL = 2
# https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3: the last one, with fixed codes, and its end of block.
_EMPTY_LAST_BLOCK = b"\x03\x00"
_T = TypeVar("_T")


class Deflater(Protocol):
    """As `zlib.compressobj` gives it."""

    def compress(self, data: bytes | memoryview | mmap.mmap, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file deflated, with what describes its content.

    `chunks` and then `stream_end` are a raw deflate stream of `compressed_size` bytes; `chunks` and then
    `segment_end` are a segment.
    """

    crc: int
    size: int
    sha256: bytes
    compressed_size: int
    chunks: tuple[Kept, ...]
    stream_end: tuple[Kept, ...]
    segment_end: tuple[Kept, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A part of a large file, deflated to `chunks` of `compressed_size` bytes."""

    crc: int
    size: int
    compressed_size: int
    chunks: tuple[Kept, ...]


class FileDeflater:
    """Deflates files into `spool`; `pool` has `threads` of them. Raises `BuildError` for `fast` without isal.

    `step` is the number of bytes which the backend hands to zlib at once, None for the whole file: zlib-ng
    writes different bytes for it.
    """

    def __init__(
        self,
        compression: Compression,
        *,
        step: int | None,
        spool: Spool,
        pool: ThreadPoolExecutor,
        threads: int,
    ) -> None:
        self.deflater = deflater(compression)
        self.is_exact = compression is Compression.DEFAULT
        self._step = step
        self._spool = spool
        self._pool = pool
        self._threads = threads

    def member(self, path: str) -> Member:
        """Raises `OSError`, and where it is done fast `BuildError` for a file that changes meanwhile."""
        return self._exact(path) if self.is_exact else self._fast(path)

    def _exact(self, path: str) -> Member:
        deflating, digest = _zlib(), hashlib.sha256()
        crc = size = 0
        writer = SpoolWriter(self._spool)
        with Path(path).open("rb") as file:
            for block in _blocks(file, whole=self._step is None and is_zlib_ng()):
                crc = zlib.crc32(block, crc)
                digest.update(block)
                size += len(block)
                for piece in _pieces(block, self._step):
                    writer.write(deflating.compress(piece))
        segment_end: tuple[Kept, ...] = ()
        if size >= _SEGMENT_FROM:
            segment_end = (self._spool.put(deflating.copy().flush(zlib.Z_SYNC_FLUSH)),)
        chunks = writer.close()
        stream_end = deflating.flush()
        return Member(
            crc=crc,
            size=size,
            sha256=digest.digest(),
            compressed_size=writer.size + len(stream_end),
            chunks=chunks,
            stream_end=(self._spool.put(stream_end),),
            segment_end=segment_end,
        )

    def _fast(self, path: str) -> Member:
        before = _status(path)
        size = before[0]
        digest = hashlib.sha256()
        parts = self._in_parts(path, size, digest) if size > _PART else [self._part(path, 0, size, digest)]
        if _status(path) != before or sum(each.size for each in parts) != size:
            msg = f"{path} was changed while it was being read"
            raise BuildError(msg, hint="Build again when nothing writes to it any more.")
        return Member(
            crc=_crc(parts),
            size=size,
            sha256=digest.digest(),
            compressed_size=sum(each.compressed_size for each in parts) + len(_EMPTY_LAST_BLOCK),
            chunks=tuple(itertools.chain.from_iterable(each.chunks for each in parts)),
            stream_end=(_EMPTY_LAST_BLOCK,),
            segment_end=(),
        )

    def _in_parts(self, path: str, size: int, digest: hashlib._Hash) -> list[_Part]:
        """Deflated by whoever is free: streams which do not look back can be put one behind the other."""
        starts = range(0, size, _PART)
        read: Future[None] = Future()
        parts: list[Future[_Part]] = [Future() for _ in starts]
        jobs: deque[Callable[[], None]] = deque([partial(_settle, read, partial(_read, path, size, digest))])
        for part, start in zip(parts, starts, strict=True):
            jobs.append(partial(_settle, part, partial(self._part, path, start, min(_PART, size - start))))
        for _ in range(min(len(parts), self._threads) - 1):
            self._pool.submit(_work_off, jobs)
        _work_off(jobs)
        found = [each.result() for each in parts]
        read.result()
        return found

    def _part(self, path: str, start: int, length: int, digest: hashlib._Hash | None = None) -> _Part:
        deflating, writer = self.deflater(), SpoolWriter(self._spool)
        crc = size = 0
        for block in _blocks_of(path, start, length):
            crc = zlib.crc32(block, crc)
            size += len(block)
            if digest is not None:
                digest.update(block)
            writer.write(deflating.compress(block))
        writer.write(deflating.flush(zlib.Z_SYNC_FLUSH))
        return _Part(crc=crc, size=size, compressed_size=writer.size, chunks=writer.close())


def _crc(parts: Sequence[_Part]) -> int:
    whole = parts[0].crc
    for each in parts[1:]:
        whole = combined(whole, each.crc, each.size)
    return whole


def is_zlib_ng() -> bool:
    """Whether Python's zlib is zlib-ng, whose bytes differ from zlib's: CPython from 3.14 on Windows, some Linux."""
    return hasattr(zlib, "ZLIBNG_VERSION")


def deflater(compression: Compression) -> Callable[[], Deflater]:
    """Makes compressors of raw deflate streams. Raises `BuildError` where isal is asked for and missing."""
    if compression is Compression.DEFAULT:
        return _zlib
    try:
        from isal import isal_zlib
    except ImportError as error:
        msg = 'compression = "fast" needs isal, which is not installed here'
        raise BuildError(
            msg, hint='Require "publish-all[fast]" instead of "publish-all", or leave `compression` out.'
        ) from error
    return lambda: isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, -zlib.MAX_WBITS)


def _zlib() -> zlib._Compress:
    """As zipfile has it."""
    return zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)


def segment_from(sizes: Iterable[int]) -> int:
    """From which size on the files of an sdist are segments, in bytes.

    A segment knows nothing of the files before it, which costs the more size the smaller it is: of trees with
    many small files more than a third. So small ones are left to the sdist, as long as that takes little time.
    """
    total = 0
    for size in sorted(sizes):
        total += size
        if total > _DEFLATED_ANEW:
            return min(max(size, _SEGMENT_FROM), _SEGMENT_ALWAYS)
    return _SEGMENT_ALWAYS


def sha256_of(path: str) -> bytes:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()


def _work_off(jobs: deque[Callable[[], None]]) -> None:
    """Do jobs as long as there are any; other threads may take some."""
    while True:
        try:
            job = jobs.popleft()
        except IndexError:
            return
        job()


def _settle(future: Future[_T], job: Callable[[], _T]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)


def _read(path: str, length: int, digest: hashlib._Hash) -> None:
    for block in _blocks_of(path, 0, length):
        digest.update(block)


def _status(path: str) -> tuple[int, int, int]:
    found = os.stat(path)  # noqa: PTH116 - a Path costs more than the question
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _blocks_of(path: str, start: int, length: int) -> Iterator[memoryview]:
    """Each is overwritten by the next one."""
    buffer = memoryview(bytearray(min(_BLOCK, length)))
    with Path(path).open("rb", buffering=0) as file:
        file.seek(start)
        while length and (read := file.readinto(buffer[:length])):
            length -= read
            yield buffer[:read]


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
