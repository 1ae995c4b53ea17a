"""A file while it is fetched: a thread writes it, and clients read what has come so far."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO

import anyio.to_thread

CHUNK = 128 * 1024
"""Bytes that are handed on at a time: of each slow client we hold about twice as much."""


class BrokenTransferError(Exception):
    """The rest of a file does not come: the client must see that it has not got all of it."""


class NotKeptError(Exception):
    """The cache can't take this file."""


class Arrival:
    """How far a file has come. `began`, `wrote` and `ended` are called by the thread, all else in the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._path: Path | None = None
        self._size: int | None = None
        self._written = 0
        self._done = False
        self._error: Exception | None = None
        self._moved = asyncio.Event()

    # --- the thread that fetches

    def began(self, path: Path, size: int | None) -> None:
        """Its bytes are being written to `path`; `size` is what the source announces."""
        self._tell(self._set, path, size)

    def wrote(self, total: int) -> None:
        self._tell(self._advance, total)

    def ended(self, error: Exception | None) -> None:
        """It is whole and has the right digest, or never will be. Only the first call counts."""
        self._tell(self._finish, error)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            self._loop.call_soon_threadsafe(function, *arguments)

    # --- readers

    async def begun(self) -> int | None:
        """Wait until bytes come, and give the size that is announced. Raises what kept them from coming."""
        while self._path is None and not self._done:
            await self._moved.wait()
        if self._path is None:
            raise self._error or NotKeptError
        return self._size

    def open(self) -> IO[bytes] | None:
        """The file that is being written, for one more reader; None if it stands elsewhere by now."""
        try:
            # Unbuffered: room is kept for the whole file, so more can be read than was written.
            return self._path.open("rb", buffering=0) if self._path is not None else None
        except OSError:
            return None

    async def read(self, file: IO[bytes], first: int, length: int | None) -> AsyncIterator[bytes]:
        """The bytes from a position on, as they come. Raises `BrokenTransferError` if they stop coming."""
        position, end = first, None if length is None else first + length
        while end is None or position < end:
            available = await self._available(position)
            if available <= position:
                return
            stop = available if end is None else min(available, end)
            async for piece in read_pieces(file, position, stop):
                position += len(piece)
                yield piece

    async def _available(self, position: int) -> int:
        """How many bytes may be read, once that is more than `position` or all has come."""
        while True:
            if self._error is not None:
                raise BrokenTransferError from self._error
            available = self._written if self._done else self._written - 1
            if self._done or available > position:
                return available
            await self._moved.wait()

    # --- the loop

    def _set(self, path: Path, size: int | None) -> None:
        self._path, self._size = path, size
        self._wake()

    def _advance(self, total: int) -> None:
        self._written = total
        self._wake()

    def _finish(self, error: Exception | None) -> None:
        if not self._done:
            self._done, self._error = True, error
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


async def read_pieces(file: IO[bytes], first: int, end: int) -> AsyncIterator[bytes]:
    """The bytes of a file from `first` to before `end`. Raises `BrokenTransferError` if it has become shorter."""
    position = first
    while position < end:
        piece = await anyio.to_thread.run_sync(_read_at, file, position, min(CHUNK, end - position))
        if not piece:
            raise BrokenTransferError
        position += len(piece)
        yield piece


def _read_at(file: IO[bytes], position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)
