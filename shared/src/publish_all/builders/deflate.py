"""Compresses each content once for all wheels and sdists of a run: most files of build variants are the same.

Backends that run in the worker go on writing with `zipfile` and `tarfile`; only the compressors in there are
replaced. Wheels are the bytes that the backend writes without this, or with isal (`compression = "fast"`) the same
files otherwise compressed. In an sdist each content is a stretch of the one deflate stream that refers to nothing
before it, so that sdists become one to seven percent larger.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from publish_all.config.model import Compression
from publish_all.errors import BuildError

# All in bytes: a smaller content of an sdist is compressed with its neighbours, a larger one is not cached.
_LEAST = 1 << 13
_LARGEST = 1 << 25
_ROOM = 1 << 26
_ISAL_LEVEL = 2
# https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3: with fixed codes, and its end of block.
_EMPTY_LAST_BLOCK = b"\x03\x00"


class DeflateCache:
    """Content → the same deflated. Raises `BuildError` for `fast` without isal."""

    def __init__(self, compression: Compression = Compression.DEFAULT) -> None:
        self.deflater = _deflater(compression)
        self._is_exact = compression is Compression.DEFAULT
        self._kept: dict[bytes, tuple[bytes, int, bytes]] = {}
        self._room = _ROOM
        self._given = self._given_again = 0

    def stream(self, content: bytearray) -> bytes:
        """A whole deflate stream, as a zip file holds it."""
        return self._deflated(content)[0]

    def segment(self, content: bytearray) -> bytes:
        """A stream without an end: it ends on a byte, and later data must not refer to it."""
        stream, length, end = self._deflated(content)
        return stream[:length] + end

    def _deflated(self, content: bytearray) -> tuple[bytes, int, bytes]:
        """The stream, the length of the common part of a segment, and the end of a segment."""
        key = hashlib.sha256(content).digest()
        self._given += len(content)
        found = self._kept.get(key)
        if found is not None:
            self._given_again += len(content)
            return found
        deflating = self.deflater()
        body = deflating.compress(content)
        if self._is_exact:
            segment_end = deflating.copy().flush(zlib.Z_FULL_FLUSH)
            found = body + deflating.flush(zlib.Z_FINISH), len(body), segment_end
        else:
            body += deflating.flush(zlib.Z_FULL_FLUSH)
            found = body + _EMPTY_LAST_BLOCK, len(body), b""
        size = len(found[0]) + len(found[2])
        if size <= self._room:
            self._room -= size
            self._kept[key] = found
        return found

    def reused(self) -> float | None:
        """The share of the bytes given since the last call that had been deflated before; None for no bytes."""
        given, again = self._given, self._given_again
        self._given = self._given_again = 0
        return again / given if given else None

    @contextlib.contextmanager
    def in_use(self, *, alone: bool = False) -> Iterator[None]:
        """Within it, `zipfile` and `gzip` compress with the code of this module.

        With `alone`, an sdist is the backend's own bytes, too: nothing is replaced, but with `fast`.
        """
        archives: Any = zipfile
        zipped: Any = gzip.GzipFile
        # The second: of a Python that is not known here.
        if (alone and self._is_exact) or not hasattr(archives, "_get_compressor"):
            yield
            return
        own, made = archives._get_compressor, zipped.__init__  # noqa: SLF001 - there is no public way to it

        def compressor(kind: int, level: int | None = None) -> object:
            return _Member(self) if kind == zipfile.ZIP_DEFLATED else own(kind, level)

        def make(file: Any, *arguments: Any, **options: Any) -> None:
            made(file, *arguments, **options)
            if file.mode == gzip.WRITE:
                file.compress = _Tar(self)

        archives._get_compressor, zipped.__init__ = compressor, make  # noqa: SLF001 - see above
        try:
            yield
        finally:
            archives._get_compressor, zipped.__init__ = own, made  # noqa: SLF001 - see above


def is_asked() -> bool:
    """Whether the `zipfile` of this Python asks us to deflate: a later one may do it in a way that is not known here."""
    cache = DeflateCache()
    with cache.in_use(), zipfile.ZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tried", b"content")
    return cache.reused() is not None


class _Member:
    """The compressor of one file in a zip file."""

    def __init__(self, cache: DeflateCache) -> None:
        self._cache = cache
        self._content = bytearray()
        self._stream: zlib._Compress | None = None

    def compress(self, data: bytes) -> bytes:
        if self._stream is not None:
            return self._stream.compress(data)
        self._content += data
        if len(self._content) <= _LARGEST:
            return b""
        self._stream = self._cache.deflater()
        return self._stream.compress(self._content)

    def flush(self) -> bytes:
        if self._stream is not None:
            return self._stream.flush()
        return self._cache.stream(self._content)


class _Tar:
    """The compressor of a tar file: headers and small contents go into a stream, in which other contents stand."""

    def __init__(self, cache: DeflateCache) -> None:
        self._cache = cache
        self._stream = cache.deflater()
        self._waiting = bytearray()
        # Bytes of a content that is kept, and then bytes up to the next header.
        self._content = self._rest = 0

    def compress(self, data: bytes) -> bytes:
        self._waiting += data
        made = bytearray()
        while self._waiting:
            if self._content:
                if len(self._waiting) < self._content:
                    break
                made += self._stream.flush(zlib.Z_FULL_FLUSH)  # what follows refers to nothing before
                made += self._cache.segment(self._taken(self._content))
                self._content = 0
            elif self._rest:
                taken = self._taken(self._rest)
                self._rest -= len(taken)
                made += self._stream.compress(taken)
            elif len(self._waiting) < tarfile.BLOCKSIZE:
                break
            else:
                made += self._stream.compress(self._header(self._taken(tarfile.BLOCKSIZE)))
        return bytes(made)

    def _header(self, header: bytearray) -> bytearray:
        size = tarfile.nti(header[124:136])  # type: ignore[attr-defined]  # POSIX.1-1988, "ustar"; 0 at the end
        self._content = size if _LEAST <= size <= _LARGEST else 0
        self._rest = size - self._content + -size % tarfile.BLOCKSIZE
        return header

    def _taken(self, length: int) -> bytearray:
        taken = self._waiting[:length]
        del self._waiting[:length]
        return taken

    def flush(self, mode: int = zlib.Z_FINISH) -> bytes:
        return self._stream.compress(self._taken(len(self._waiting))) + self._stream.flush(mode)


def _deflater(compression: Compression) -> Callable[[], zlib._Compress]:
    """Makes compressors of raw deflate streams."""
    if compression is Compression.DEFAULT:
        return lambda: zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    try:
        from isal import isal_zlib
    except ImportError as error:
        msg = 'compression = "fast" needs isal, which is not installed'
        raise BuildError(
            msg, hint='Require "publish-all[fast]" instead of "publish-all", or remove `compression`.'
        ) from error
    isal: Any = isal_zlib
    return lambda: isal.compressobj(_ISAL_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
