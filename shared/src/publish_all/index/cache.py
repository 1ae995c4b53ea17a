"""Caches of limited size: answers in memory, and downloaded files on disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import math
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Generic, TypeVar

from publish_all._own_files import open_own, replace_open

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

LIMIT = 2 * 1024**3
"""How much is kept on disk unless said otherwise, in bytes."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = ".part"
_CHUNK = 1024 * 1024
# Of file systems which cannot reserve room: a full disk shows when they are written to.
_NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}
_STALE_PART = 24 * 3600.0
_KEPT_AFTER_PRUNING = 0.9


@dataclass(eq=False, repr=False)
class Recent(Generic[K, V]):
    """A cache of the values used last, up to a total `weight` of `limit`. Safe for several threads."""

    limit: int
    weight: Callable[[V], int] = lambda _: 1
    clock: Callable[[], float] = time.monotonic
    total: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: OrderedDict[K, tuple[V, float, int]] = field(default_factory=OrderedDict)

    def get(self, key: K) -> V | None:
        with self._lock:
            value, until, _ = self._kept.get(key, (None, math.inf, 0))
            if until <= self.clock():
                return None
            if value is not None:
                self._kept.move_to_end(key)
            return value

    def put(self, key: K, value: V, seconds: float = math.inf) -> None:
        """Keep a value for so many seconds."""
        weight = self.weight(value)
        with self._lock:
            self._drop(key)
            if weight > self.limit:
                return  # it would drive out all others, and then itself
            self._kept[key] = value, self.clock() + seconds, weight
            self.total += weight
            while self.total > self.limit:
                self._drop(next(iter(self._kept)))

    def forget(self, wanted: Callable[[K], bool]) -> None:
        with self._lock:
            for key in [each for each in self._kept if wanted(each)]:
                self._drop(key)

    def _drop(self, key: K) -> None:
        self.total -= self._kept.pop(key, (None, 0, 0))[2]


@dataclass(eq=False, repr=False)
class AnswerCache(Generic[K, V]):
    """Answers, each loaded once however many clients ask for it at a time, and kept for `seconds`. For one event loop."""

    recent: Recent[K, V]
    seconds: Callable[[V], float]
    _loading: dict[K, asyncio.Task[V]] = field(default_factory=dict)

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The answer for a key. What `load` raises reaches all who wait for it, and is not kept."""
        kept = self.recent.get(key)
        if kept is not None:
            return kept
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(self._loading.get(key) or self._start(key, load))

    def forget(self, wanted: Callable[[K], bool]) -> None:
        """Drop the answers for some keys; those that are being loaded are not kept either."""
        self.recent.forget(wanted)
        for key in [each for each in self._loading if wanted(each)]:
            del self._loading[key]

    def _start(self, key: K, load: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        def ended(task: asyncio.Task[V]) -> None:
            current = self._loading.get(key) is task
            if current:
                del self._loading[key]
            # The exception is read here, because the caller may have gone.
            if not task.cancelled() and task.exception() is None and current:
                self.recent.put(key, task.result(), self.seconds(task.result()))

        task = asyncio.ensure_future(load())
        self._loading[key] = task
        task.add_done_callback(ended)
        return task


class BlobCache:
    """A folder of files, by the place that each is from and its digest, which never changes.

    Safe for several threads; several processes may share it. If it has more than `limit`
    bytes, the files used least recently are removed first.
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._intact: dict[Path, tuple[int, ...]] = {}
        self._checking = threading.Lock()

    def open(self, scope: str, sha256: str) -> IO[bytes] | None:
        """A file that is there, to be read; None if it is not, or no longer has its digest.

        The whole file is compared with its digest at its first use by this process, and again once it was changed:
        a power cut, a broken disk or another program may have damaged it.
        """
        path = self._path(scope, sha256)
        try:
            file = os.fdopen(open_own(path, os.O_RDONLY), "rb")
        except OSError:
            return None
        with contextlib.suppress(OSError):  # noted as used just now
            os.utime(path, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
        if self._intact.get(path) == _identity(file):
            return file
        # Many clients that want the same file wait until it was read once.
        with self._checking:
            if self._intact.get(path) == _identity(file) or _sha256(file) == sha256:
                self._intact[path] = _identity(file)
                file.seek(0)
                return file
        file.close()
        self._intact.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None

    def begin(self, size: int) -> IO[bytes]:
        """A new file for so many bytes, for which there is room; for `end` and then `give_up`.

        Raises `OSError`: where the disk is full, before anything is written that someone reads meanwhile.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{secrets.token_hex(16)}{_PART}"
        self._make_room(size)
        file = open(path, "x+b", opener=lambda _, flags: open_own(path, flags))  # noqa: SIM115 - the caller closes it
        try:
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                self.give_up(file)
                raise
        return file

    def end(self, file: IO[bytes], scope: str, sha256: str) -> None:
        """Put a filled file under its digest, which was checked. It is just not kept where that fails."""
        path = self._path(scope, sha256)
        with contextlib.suppress(OSError):
            file.truncate(file.tell())
            file.flush()
            identity = _identity(file)
            file.close()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_open(Path(file.name), path)
            self._intact[path] = identity
            with self._lock:
                self._prune(self.limit)

    @staticmethod
    def give_up(file: IO[bytes]) -> None:
        """Remove a file that did not come to its end; after `end` there is nothing to remove."""
        path = Path(file.name)
        # Removed before it is closed, which fails on a full disk; Windows removes only closed files.
        for action in (path.unlink, file.close, path.unlink):
            with contextlib.suppress(OSError):
                action()

    def _make_room(self, size: int) -> None:
        """Raises `OSError` where there is no room for so many bytes, even without the files used least recently."""
        free = shutil.disk_usage(self.folder).free
        if free >= size:
            return
        with self._lock:
            kept = sum(each for _, each, _ in self._files())
            if kept + free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._prune(kept + free - size)

    def _path(self, scope: str, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            msg = "not a digest"
            raise ValueError(msg)
        return self.folder / hashlib.sha256(scope.encode()).hexdigest()[:32] / sha256

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of the complete files."""
        found = []
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                state = path.lstat()
                if path.suffix == _PART and time.time() - state.st_mtime > _STALE_PART:
                    path.unlink(missing_ok=True)
                elif path.suffix != _PART and stat.S_ISREG(state.st_mode):
                    found.append((state.st_atime, state.st_size, path))
        return found

    def _prune(self, most: int) -> None:
        """If the cache has more bytes than this, remove the files used least recently, and a few more."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files if total > most else ():
            if total <= most * _KEPT_AFTER_PRUNING:
                return
            self._intact.pop(path, None)
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _identity(file: IO[bytes]) -> tuple[int, ...]:
    """A key that is the same while a file does not change. Reading changes only its access time."""
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _sha256(file: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        sha256.update(chunk)
    return sha256.hexdigest()
