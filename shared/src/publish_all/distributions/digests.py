"""The digests of a file: taken in one pass, at once or while something else is waited for."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Queue
from typing import BinaryIO, Protocol, TypeAlias

from publish_all._values import dataclass
from publish_all.errors import CheckError

_CHUNK = 1024 * 1024
_WAITING = 4
# In bytes: what takes about as long as a round trip to an index, or longer.
_LATE_FROM = 8 * _CHUNK
# Device, inode, size, time of the content.
_Identity: TypeAlias = "tuple[int, int, int, int]"


class DistributionError(CheckError):
    """A file is not a distribution that can be published. The message names the file."""


class Digests(Protocol):
    """Hex digests of a file's bytes. `blake2_256` is BLAKE2b with 32 bytes.

    Those of a large file may still be being taken: whoever asks waits, and gets the `DistributionError`
    where the file can't be read.
    """

    @property
    def md5(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def blake2_256(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownDigests:
    """Implements `Digests`."""

    md5: str
    sha256: str
    blake2_256: str


class Digest(Protocol):
    """Takes the digests of a file; its size in bytes goes with them. Raises `OSError`."""

    def __call__(self, path: Path, /) -> tuple[int, Digests]: ...


def digests_of(path: Path) -> tuple[int, KnownDigests]:
    """Implements `Digest`: all in one pass, with memory that does not depend on the size."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha256 = hashlib.sha256()
    blake2 = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        size = _feed(file, (md5.update, sha256.update, blake2.update))
    return size, KnownDigests(md5=md5.hexdigest(), sha256=sha256.hexdigest(), blake2_256=blake2.hexdigest())


class LateDigests:
    """Implements `Digest`: large files are digested one after another in a thread of its own.

    Asking an index takes no digests, so both can go on at once. The thread is a daemon: nobody waits for
    digests that are not asked for any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Path, _Identity, Future[Digests]]] = deque()
        self._working = False

    def __call__(self, path: Path) -> tuple[int, Digests]:
        status = path.stat()
        if status.st_size < _LATE_FROM:
            return digests_of(path)
        taken: Future[Digests] = Future()
        with self._lock:
            self._waiting.append((path, _identity(status), taken))
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="publish-all-digests", daemon=True).start()
        return status.st_size, _Awaited(taken)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._working = False
                    return
                path, identity, taken = self._waiting.popleft()
            try:
                taken.set_result(_unchanged(path, identity))
            except BaseException as error:  # noqa: BLE001 - whoever asks for the digests gets it
                taken.set_exception(error)


class _Awaited:
    """Implements `Digests`."""

    def __init__(self, taken: Future[Digests]) -> None:
        self._taken = taken

    @property
    def md5(self) -> str:
        return self._taken.result().md5

    @property
    def sha256(self) -> str:
        return self._taken.result().sha256

    @property
    def blake2_256(self) -> str:
        return self._taken.result().blake2_256


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _unchanged(path: Path, identity: _Identity) -> Digests:
    """The digests of the very file whose metadata was read."""
    try:
        before = _identity(path.stat())
        _, digests = digests_of(path)
        after = _identity(path.stat())
    except OSError as error:
        raise unreadable(path, error) from error
    if not before == after == identity:
        raise DistributionError(
            f"{path} was changed after it was looked at.",
            hint="Publish again when nothing writes to it any more.",
        )
    return digests


def unreadable(path: Path, error: OSError) -> DistributionError:
    return DistributionError(f"{path} can't be read: {error.strerror or error}.")


def _feed(file: BinaryIO, updates: Sequence[Callable[[bytes], object]]) -> int:
    """Give all of the file to each of `updates`, in one pass; its size.

    hashlib lets other threads run meanwhile, so all take about as long as the slowest: each has a few
    chunks waiting, and none waits for the others. For a small file threads would cost more than they save.
    """
    chunk = file.read(_CHUNK)
    size = len(chunk)
    if size < _CHUNK:
        for each in updates:
            each(chunk)
        return size
    waiting = [Queue[bytes](_WAITING) for _ in updates]
    threads = [
        threading.Thread(target=_consume, args=(queue, update), daemon=True)
        for queue, update in zip(waiting, updates, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        while chunk:
            for queue in waiting:
                queue.put(chunk)
            chunk = file.read(_CHUNK)
            size += len(chunk)
    finally:
        for queue in waiting:
            queue.put(b"")
        for thread in threads:
            thread.join()
    return size


def _consume(queue: Queue[bytes], update: Callable[[bytes], object]) -> None:
    while chunk := queue.get():
        update(chunk)
