"""What was fetched, on disk: by the place it is kept at and its digest, which never changes; bounded in size."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO
from weakref import WeakValueDictionary

from publish_all._own_files import open_own
from publish_all._values import dataclass

LIMIT = 2 * 1024**3
"""How much is kept on disk unless said otherwise, in bytes."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = ".part"
_CHUNK = 1024 * 1024
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# Of file systems which cannot reserve room: a full disk shows when they are written to.
_NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}
_STALE_PART = 24 * 3600.0
_KEPT_AFTER_PRUNING = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A file that is being filled, in the folder where it will stand."""

    path: Path
    file: IO[bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Identity:
    """What is the same as long as nobody changes a file. Being used changes its time of access only."""

    device: int
    inode: int
    size: int
    modified: int


class BlobCache:
    """A folder of files. Safe for several threads; several processes may share it.

    What was used least recently goes first when it holds more than `limit` bytes.
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._total: int | None = None
        self._intact: dict[Path, _Identity] = {}
        self._checks: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()
        self.limit = limit

    @property
    def folder(self) -> Path:
        return self._folder

    def open(self, scope: str, sha256: str) -> IO[bytes] | None:
        """A file that is there, to be read; None if it is not, or no longer has its digest.

        The whole file is compared with its digest at its first use by this process, and again once it was changed:
        a power cut, a broken disk or another program may have damaged it.
        """
        path = self._path(scope, sha256)
        file = self._used(path)
        if file is None:
            return None
        with self._check_of(path):
            if self._intact.get(path) == _identity(file):
                return file
            if _sha256(file) == sha256:
                self._intact[path] = _identity(file)
                file.seek(0)
                return file
        file.close()
        self._drop(path)
        return None

    def begin(self, size: int) -> Part:
        """A new file for so many bytes, for which there is room; for `end` or `give_up`.

        Raises `OSError`: where the disk is full, before anything is written that someone reads meanwhile.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{secrets.token_hex(16)}{_PART}"
        part = Part(path=path, file=path.open("x+b"))
        try:
            try:
                self._reserve(part.file, size)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._make_room(size)
                self._reserve(part.file, size)
        except BaseException:
            self.give_up(part)
            raise
        return part

    def end(self, part: Part, scope: str, sha256: str) -> None:
        """Put a filled file under its digest, which was checked. It is just not kept where that fails."""
        path = self._path(scope, sha256)
        with contextlib.suppress(OSError):
            part.file.truncate(part.file.tell())
            part.file.flush()
            # A name must not be on disk before the bytes are.
            os.fsync(part.file.fileno())
            identity = _identity(part.file)
            part.file.close()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.path.replace(path)
            self._intact[path] = identity
            self._grown(identity.size)

    @staticmethod
    def give_up(part: Part) -> None:
        # Removed before it is closed, which fails on a full disk; Windows removes only what is closed.
        for action in (part.path.unlink, part.file.close, part.path.unlink):
            with contextlib.suppress(OSError):
                action()

    def read(self, scope: str, sha256: str) -> bytes | None:
        """A small file as a whole; None if it is not there, or no longer what it was."""
        path = self._path(scope, sha256)
        file = self._used(path)
        if file is None:
            return None
        with file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
        self._drop(path)
        return None

    def write(self, scope: str, sha256: str, content: bytes) -> None:
        """Keep a small file. It is just not kept where that fails."""
        try:
            part = self.begin(len(content))
        except OSError:
            return
        try:
            part.file.write(content)
            self.end(part, scope, sha256)
        except OSError:
            pass
        finally:
            self.give_up(part)

    def _used(self, path: Path) -> IO[bytes] | None:
        """The file at `path`, noted as used just now. What is not a regular file is none of ours."""
        try:
            file = os.fdopen(open_own(path, os.O_RDONLY), "rb")
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path, ns=(int(self._clock() * 1e9), os.fstat(file.fileno()).st_mtime_ns))
        return file

    def _check_of(self, path: Path) -> threading.Lock:
        """One for each file: many clients that want the same one wait until it was read once."""
        with self._lock:
            return self._checks.setdefault(path, threading.Lock())

    def _drop(self, path: Path) -> None:
        self._intact.pop(path, None)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)

    def _reserve(self, file: IO[bytes], size: int) -> None:
        """Raises `OSError` where there is no room for so many bytes."""
        if not hasattr(os, "posix_fallocate"):
            if shutil.disk_usage(self._folder).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif size:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno not in _NOT_SUPPORTED:
                    raise

    def _make_room(self, size: int) -> None:
        with self._lock:
            kept = self._measure()
            if kept + shutil.disk_usage(self._folder).free >= size:
                self._prune(kept - size)

    def _path(self, scope: str, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            msg = "not a digest"
            raise ValueError(msg)
        return self._folder / hashlib.sha256(scope.encode()).hexdigest()[:32] / sha256

    def _grown(self, size: int) -> None:
        with self._lock:
            self._total = (self._measure() if self._total is None else self._total + size) or 0
            if self._total > self.limit:
                # A little more than must be, so that it isn't done for each file.
                self._prune(int(self.limit * _KEPT_AFTER_PRUNING))

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of what is kept, without what is being written."""
        found = []
        for path in self._folder.rglob("*"):
            with contextlib.suppress(OSError):
                state = path.lstat()
                if path.suffix == _PART and self._clock() - state.st_mtime > _STALE_PART:
                    path.unlink(missing_ok=True)
                elif path.suffix != _PART and stat.S_ISREG(state.st_mode):
                    found.append((state.st_atime, state.st_size, path))
        return found

    def _prune(self, kept: int) -> None:
        """Remove what was used least recently, until no more than `kept` bytes are left."""
        files = sorted(self._files())
        self._total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._total <= kept:
                return
            self._intact.pop(path, None)
            with contextlib.suppress(OSError):
                path.unlink()
                self._total -= size


def _identity(file: IO[bytes]) -> _Identity:
    found = os.fstat(file.fileno())
    return _Identity(device=found.st_dev, inode=found.st_ino, size=found.st_size, modified=found.st_mtime_ns)


def _sha256(file: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        sha256.update(chunk)
    return sha256.hexdigest()
