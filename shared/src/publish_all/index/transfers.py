"""Bytes on their way from a source to clients: from disk, while they arrive, or straight through.

A file that is fetched is written to the cache once, and all who ask for it meanwhile read what has
arrived. Its last byte is given to nobody before the whole has been compared with its digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, TypeVar

import anyio
import anyio.to_thread

from publish_all._http import Download
from publish_all._values import dataclass
from publish_all.errors import PublishAllError
from publish_all.index.arrival import Arrival, BrokenTransferError, NotKeptError, read_pieces
from publish_all.index.blobs import BlobCache
from publish_all.index.source import FileContent, LocalFile, RemoteFile, SourceError, Trouble

T = TypeVar("T")

THREADS = 64
"""How many files are fetched at a time, how many questions are asked meanwhile, and how many uploads are worked on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """Bytes to be sent; `content` gives so many of them from a position on (None: all that there are).

    `size` is that of what `content` gives, None if it is not known. `status` is 200, or what the source
    made of a range itself: 206 and 416, with `content_range` as it states it. `file` is a whole file on
    disk, any part of which can be sent.
    """

    content: Callable[[int, int | None], AsyncIterator[bytes]]
    close: Callable[[], Awaitable[None]]
    size: int | None
    status: int = 200
    content_range: str | None = None
    file: IO[bytes] | None = None


class Transfers:
    """Opens files. For one event loop."""

    def __init__(self, cache: BlobCache) -> None:
        self._cache = cache
        # Each has threads of its own: files of a slow source must not keep pages from being made.
        self._fetching, self._asking, self._taking = (anyio.CapacityLimiter(THREADS) for _ in range(3))
        self._arriving: dict[tuple[str, str], Arrival] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Give up what is being fetched: nobody is there any more to read it."""
        self._stopped.set()

    async def asking(self, function: Callable[[], T]) -> T:
        """Run something that asks a source for a page, in a thread."""
        return await anyio.to_thread.run_sync(function, limiter=self._asking)

    async def taking(self, function: Callable[[], T]) -> T:
        """Run something that an upload waits for, in a thread."""
        return await anyio.to_thread.run_sync(function, limiter=self._taking)

    async def _fetch(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._fetching)

    async def open(self, content: FileContent, *, byte_range: str | None, permitted: bool) -> Body:
        """A file to be sent. `permitted`: this visitor was seen to be allowed to read it.

        Raises `SourceError`, and `OSError` for a local file that is gone.
        """
        if isinstance(content, LocalFile):
            return self._of_file(await self._fetch(lambda: content.path.open("rb")))
        key = (content.scope, content.sha256)
        kept = await self._fetch(lambda: self._cache.open(*key))
        if kept is None and byte_range is not None:
            return await self._straight(content, byte_range)
        try:
            arrival = self._arriving.get(key)
            if kept is None and arrival is None:
                # It may have come while we waited for the first look; from here to the fetch nothing waits.
                kept = self._cache.open(*key)
            if not permitted and (kept is not None or arrival is not None):
                await self._fetch(content.check)
            if kept is None:
                return await self._arriving_body(content, arrival or self._begin(content))
        except BaseException:
            if kept is not None:
                kept.close()
            raise
        return self._of_file(kept)

    async def _arriving_body(self, content: RemoteFile, arrival: Arrival) -> Body:
        try:
            size = await arrival.begun()
            file = await self._fetch(lambda: self._reopened(content, arrival))
        except NotKeptError:
            return await self._straight(content, None)

        async def close() -> None:
            file.close()

        return Body(content=lambda first, length: arrival.read(file, first, length), close=close, size=size)

    def _reopened(self, content: RemoteFile, arrival: Arrival) -> IO[bytes]:
        """What arrives, for one more reader: it may stand at its own place by now."""
        file = arrival.open() or self._cache.open(content.scope, content.sha256)
        if file is None:
            raise NotKeptError
        return file

    def _begin(self, content: RemoteFile) -> Arrival:
        key = (content.scope, content.sha256)
        arrival = Arrival(asyncio.get_running_loop())

        async def fetch() -> None:
            try:
                await self._fetch(lambda: _fill(content, self._cache, arrival, self._stopped))
            finally:
                self._arriving.pop(key, None)
                arrival.ended(BrokenTransferError())

        self._arriving[key] = arrival
        task = asyncio.ensure_future(fetch())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return arrival

    async def _straight(self, content: RemoteFile, byte_range: str | None) -> Body:
        """Without the cache: a part of a file, or one that the cache can't take."""
        opened = content.open(byte_range)
        download = await self._fetch(opened.__enter__)
        status = download.reply.status

        async def pieces(first: int, length: int | None) -> AsyncIterator[bytes]:
            del first, length
            checked = _checked(download.chunks, content.sha256 if status == 200 else None)
            while piece := await self._fetch(lambda: next(checked, b"")):
                yield piece

        return Body(
            content=pieces,
            close=lambda: self._left(opened),
            size=download.size,
            status=status,
            content_range=download.reply.headers.get("Content-Range"),
        )

    async def _left(self, opened: AbstractContextManager[Download]) -> None:
        with anyio.CancelScope(shield=True):
            await self._fetch(lambda: opened.__exit__(None, None, None))

    def _of_file(self, file: IO[bytes]) -> Body:
        size = file.seek(0, 2)

        async def close() -> None:
            file.close()

        def content(first: int, length: int | None) -> AsyncIterator[bytes]:
            return read_pieces(file, first, size if length is None else first + length)

        return Body(content=content, close=close, size=size, file=file)


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


def _fill(content: RemoteFile, cache: BlobCache, arrival: Arrival, stopped: threading.Event) -> None:
    """Fetch a file into the cache. Runs in a thread; tells the arrival how it goes, and raises nothing."""
    try:
        with content.open(None) as download:
            if download.reply.status != 200:
                msg = f"a file came with status {download.reply.status}"
                arrival.ended(SourceError(msg, trouble=Trouble.DOWN))
            elif download.size is None or download.size > cache.limit:
                # Without a size no room can be kept for it, and a disk that is full in its middle would end it.
                arrival.ended(NotKeptError())
            else:
                _write(content, download, download.size, cache, arrival, stopped)
    except SourceError as error:
        arrival.ended(error)
    except OSError:
        # The disk is full, or not ours. Who has read nothing yet can do without the cache.
        arrival.ended(NotKeptError())


def _write(
    content: RemoteFile,
    download: Download,
    size: int,
    cache: BlobCache,
    arrival: Arrival,
    stopped: threading.Event,
) -> None:
    part = cache.begin(size)
    try:
        arrival.began(part.path, size)
        sha256, written = hashlib.sha256(), 0
        for chunk in download.chunks:
            sha256.update(chunk)
            part.file.write(chunk)
            part.file.flush()
            written += len(chunk)
            arrival.wrote(written)
            if stopped.is_set():
                break
        whole = sha256.hexdigest() == content.sha256
        if whole:
            cache.end(part, content.scope, content.sha256)
    finally:
        cache.give_up(part)
    arrival.ended(None if whole else BrokenTransferError())
