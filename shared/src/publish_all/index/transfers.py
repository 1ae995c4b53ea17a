"""Bytes on their way from a source to clients: from disk, while they arrive, or straight through.

A file is downloaded to the cache once. Requests for it in the meantime read the part that has
arrived. The last byte is sent only after the whole file was compared with its digest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import anyio
import anyio.to_thread

from publish_all._http import Download
from publish_all._own_files import open_own
from publish_all.errors import PublishAllError
from publish_all.index.cache import BlobCache
from publish_all.index.index_source import RemoteFile, ServeError

T = TypeVar("T")

THREADS = 64
"""How many files are fetched at a time."""
CHUNK = 256 * 1024
"""Bytes that are handed on at a time: of each slow client we hold about twice as much."""


_RANGE = re.compile(r"\s*bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


class BrokenTransferError(Exception):
    """The rest of a file does not come: the client must see that it has not got all of it."""


class NotKeptError(Exception):
    """The cache can't take this file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """Bytes to send. `pieces` yields them; `size` is their number, None if it is not known.

    `status` is 200, or 206 or 416 for a range, with its `content_range`. `held` is closed at the end.
    """

    pieces: AsyncIterator[bytes]
    size: int | None
    held: IO[bytes] | contextlib.ExitStack
    status: int = 200
    content_range: str | None = None
    on_disk: bool = False

    async def close(self) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.held.close)


class Progress(NamedTuple):
    """How far a file is: where it is written, its announced size, and how it ended."""

    path: Path | None = None
    size: int = 0
    written: int = 0
    done: bool = False
    error: Exception | None = None


class Arrival:
    """A file while it is fetched: a thread writes it and calls `tell`, and the event loop does all else."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._progress = Progress()

    def tell(self, **news: Any) -> None:
        """Change the `Progress`, unless it is done."""

        def change() -> None:
            if not self._progress.done:
                self._progress = self._progress._replace(**news)
                self._moved.set()
                self._moved = asyncio.Event()

        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            self._loop.call_soon_threadsafe(change)

    async def begun(self) -> tuple[Path, int]:
        """Wait until bytes come; where to, and how many are announced. Raises what kept them from coming."""
        while self._progress.path is None:
            if self._progress.done:
                raise self._progress.error or NotKeptError
            await self._moved.wait()
        return self._progress.path, self._progress.size

    async def read(self, file: IO[bytes]) -> AsyncIterator[bytes]:
        """The bytes, as they come. Raises `BrokenTransferError` if they stop coming."""
        position = 0
        while (available := await self._available(position)) > position:
            async for piece in read_pieces(file, position, available):
                position += len(piece)
                yield piece

    async def _available(self, position: int) -> int:
        """How many bytes may be read, once that is more than `position` or all has come."""
        while True:
            now = self._progress
            if now.error is not None:
                raise BrokenTransferError from now.error
            available = now.written if now.done else now.written - 1
            if now.done or available > position:
                return available
            await self._moved.wait()


async def read_pieces(file: IO[bytes], first: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a file from `first` to before `end`. Raises `BrokenTransferError` if it has become shorter."""

    def read(position: int) -> bytes:
        file.seek(position)
        return file.read(min(CHUNK, end - position))

    position = first
    while position < end:
        piece = await anyio.to_thread.run_sync(read, position)
        if not piece:
            raise BrokenTransferError
        position += len(piece)
        yield piece


class Transfers:
    """Opens files. For one event loop."""

    def __init__(self, cache: BlobCache) -> None:
        self._cache = cache
        self._threads = anyio.CapacityLimiter(THREADS)
        self._arriving: dict[tuple[str, str], Arrival] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Stop the running downloads: there are no readers any more."""
        self._stopped.set()

    async def _thread(self, function: Callable[[], T]) -> T:
        # Separate threads: files of a slow source must not delay pages.
        return await anyio.to_thread.run_sync(function, limiter=self._threads)

    async def open(self, content: Path | RemoteFile, *, byte_range: str | None, permitted: bool) -> Body:
        """A file to be sent. `permitted`: this visitor was seen to be allowed to read it.

        Raises `ServeError`, and `OSError` for a local file that is gone.
        """
        if isinstance(content, Path):
            return _on_disk(await self._thread(lambda: content.open("rb")), byte_range)
        key = (content.scope, content.sha256)
        kept = await self._thread(lambda: self._cache.open(*key))
        if kept is None and byte_range is not None:
            return await self._straight(content, byte_range)
        try:
            arrival = self._arriving.get(key)
            if kept is None and arrival is None:
                # It may have come while we waited for the first look; from here to the fetch nothing waits.
                kept = self._cache.open(*key)
            if not permitted and (kept is not None or arrival is not None):
                await self._thread(content.check)
            if kept is None:
                return await self._arriving_body(content, arrival or self._begin(content))
        except BaseException:
            if kept is not None:
                kept.close()
            raise
        return _on_disk(kept, byte_range)

    async def _arriving_body(self, content: RemoteFile, arrival: Arrival) -> Body:
        def reopened(path: Path) -> IO[bytes]:
            """The arriving file, opened for one more reader; it may have its final path already."""
            with contextlib.suppress(OSError):
                # Unbuffered: room is kept for the whole file, so more can be read than was written.
                return os.fdopen(open_own(path, os.O_RDONLY), "rb", buffering=0)
            found = self._cache.open(content.scope, content.sha256)
            if found is None:
                raise NotKeptError
            return found

        try:
            path, size = await arrival.begun()
            file = await self._thread(lambda: reopened(path))
        except NotKeptError:
            return await self._straight(content, None)
        return Body(pieces=arrival.read(file), size=size, held=file)

    def _begin(self, content: RemoteFile) -> Arrival:
        key = (content.scope, content.sha256)
        arrival = Arrival()

        async def fetch() -> None:
            try:
                await self._thread(lambda: self._fill(content, arrival))
            finally:
                self._arriving.pop(key, None)
                arrival.tell(done=True, error=BrokenTransferError())

        self._arriving[key] = arrival
        task = asyncio.ensure_future(fetch())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return arrival

    def _fill(self, content: RemoteFile, arrival: Arrival) -> None:
        """Fetch a file into the cache. Runs in a thread; reports progress to the arrival, and raises nothing."""
        try:
            with content.open(None) as download:
                if download.reply.status != 200:
                    raise ServeError(f"a file came with status {download.reply.status}")
                if download.size is None or download.size > self._cache.limit:
                    # Without a size no room can be kept for it, and a disk that is full in its middle would end it.
                    raise NotKeptError
                self._write(content, download, download.size, arrival)
        except (ServeError, NotKeptError, BrokenTransferError) as error:
            arrival.tell(done=True, error=error)
        except OSError:
            # The disk is full, or not ours. Who has read nothing yet can do without the cache.
            arrival.tell(done=True, error=NotKeptError())
        else:
            arrival.tell(done=True)

    def _write(self, content: RemoteFile, download: Download, size: int, arrival: Arrival) -> None:
        file = self._cache.begin(size)
        try:
            arrival.tell(path=Path(file.name), size=size)
            sha256 = hashlib.sha256()
            for chunk in download.chunks:
                sha256.update(chunk)
                file.write(chunk)
                file.flush()
                arrival.tell(written=file.tell())
                if self._stopped.is_set():
                    break
            if sha256.hexdigest() != content.sha256:
                raise BrokenTransferError
            self._cache.end(file, content.scope, content.sha256)
        finally:
            self._cache.give_up(file)

    async def _straight(self, content: RemoteFile, byte_range: str | None) -> Body:
        """Without the cache: a part of a file, or one that the cache can't take."""
        held = contextlib.ExitStack()
        download = await self._thread(lambda: held.enter_context(content.open(byte_range)))
        status = download.reply.status
        checked = _checked(download.chunks, content.sha256 if status == 200 else None)

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await self._thread(lambda: next(checked, b"")):
                yield piece

        return Body(
            pieces=pieces(),
            size=download.size,
            held=held,
            status=status,
            content_range=download.reply.headers.get("Content-Range") if status != 200 else None,
        )


def _on_disk(file: IO[bytes], asked: str | None) -> Body:
    size = file.seek(0, 2)
    wanted = byte_range(asked, size)
    if wanted is None:
        return Body(pieces=read_pieces(file, 0, size), size=size, held=file, on_disk=True)
    shown = f"{wanted.start}-{wanted.stop - 1}" if wanted else "*"
    return Body(
        pieces=read_pieces(file, wanted.start, wanted.stop),
        size=len(wanted),
        held=file,
        status=206 if wanted else 416,
        content_range=f"bytes {shown}/{size}",
        on_disk=True,
    )


def _checked(chunks: Iterator[bytes], sha256: str | None) -> Iterator[bytes]:
    """The chunks, the last one only if all together have that digest. Raises `BrokenTransferError`."""
    found = hashlib.sha256()
    held = b""
    try:
        for chunk in chunks:
            found.update(chunk)
            if held:
                yield held
            held = chunk
    except PublishAllError as error:
        raise BrokenTransferError from error
    if sha256 is not None and found.hexdigest() != sha256:
        raise BrokenTransferError
    if held:
        yield held


def one_range(header: str | None) -> str | None:
    """A Range header that asks for one part of a file, which any source may be asked for; None for all others.

    Of several ranges a source would make one body, which it alone can say the parts of.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    return None if found[1] and found[2] and int(found[2]) < int(found[1]) else found[0].strip()


def byte_range(header: str | None, size: int) -> range | None:
    """The bytes that are asked for; empty where the file ends before them, None for the whole file.

    Several ranges and invalid ranges are answered with the whole file, as RFC 9110 14.2 allows.
    """
    found = _RANGE.fullmatch(one_range(header) or "")
    if found is None:
        return None
    if not found[1]:
        return range(max(size - int(found[2]), 0), size)
    return range(int(found[1]), min(int(found[2] or size) + 1, size))
