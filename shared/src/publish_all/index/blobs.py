"""What was fetched, on disk: by the place it is kept at and its digest, which never changes; bounded in size."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from publish_all._values import dataclass

LIMIT = 2 * 1024**3
"""How much is kept on disk unless said otherwise, in bytes."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = ".part"
_STALE_PART = 24 * 3600.0
_KEPT_AFTER_PRUNING = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A file that is being filled, in the folder where it will stand."""

    path: Path
    file: IO[bytes]


class BlobCache:
    """A folder of files. Safe for several threads; several processes may share it.

    What was used least recently goes first when it holds more than `limit` bytes.
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._total: int | None = None
        self.limit = limit

    @property
    def folder(self) -> Path:
        return self._folder

    def open(self, scope: str, sha256: str) -> IO[bytes] | None:
        """A file that is there, to be read; None if it is not."""
        path = self._path(scope, sha256)
        try:
            file = path.open("rb")
        except OSError:
            return None
        now = self._clock()
        with contextlib.suppress(OSError):
            os.utime(path, (now, now))
        return file

    def begin(self) -> Part:
        """A new file to be written to, for `end` or `give_up`. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{secrets.token_hex(16)}{_PART}"
        return Part(path=path, file=path.open("x+b"))

    def end(self, part: Part, scope: str, sha256: str) -> None:
        """Put a filled file under its digest, which was checked. It is just not kept where that fails."""
        with contextlib.suppress(OSError):
            part.file.close()
            size = part.path.stat().st_size
            path = self._path(scope, sha256)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.path.replace(path)
            self._grown(size)

    @staticmethod
    def give_up(part: Part) -> None:
        part.file.close()
        with contextlib.suppress(OSError):
            part.path.unlink(missing_ok=True)

    def read(self, scope: str, sha256: str) -> bytes | None:
        """A small file as a whole; None if it is not there, or no longer what it was."""
        file = self.open(scope, sha256)
        if file is None:
            return None
        with file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
        with contextlib.suppress(OSError):
            self._path(scope, sha256).unlink(missing_ok=True)
        return None

    def write(self, scope: str, sha256: str, content: bytes) -> None:
        """Keep a small file. It is just not kept where that fails."""
        try:
            part = self.begin()
        except OSError:
            return
        try:
            part.file.write(content)
            self.end(part, scope, sha256)
        except OSError:
            pass
        finally:
            self.give_up(part)

    def _path(self, scope: str, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            msg = "not a digest"
            raise ValueError(msg)
        return self._folder / hashlib.sha256(scope.encode()).hexdigest()[:32] / sha256

    def _grown(self, size: int) -> None:
        with self._lock:
            self._total = (self._measure() if self._total is None else self._total + size) or 0
            if self._total > self.limit:
                self._prune()

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of last use, size and path of what is kept, without what is being written."""
        found = []
        for path in self._folder.rglob("*"):
            with contextlib.suppress(OSError):
                state = path.stat()
                if path.suffix == _PART and self._clock() - state.st_mtime > _STALE_PART:
                    path.unlink(missing_ok=True)
                elif path.suffix != _PART and path.is_file():
                    found.append((state.st_mtime, state.st_size, path))
        return found

    def _prune(self) -> None:
        """Remove what was used least recently, and a little more than must be, so that it isn't done for each file."""
        files = sorted(self._files())
        self._total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._total <= self.limit * _KEPT_AFTER_PRUNING:
                return
            with contextlib.suppress(OSError):
                path.unlink()
                self._total -= size


class Manifests:
    """The cache as the reader of OCI registries wants it. `registry` is scheme and host.

    What is new is written by a thread of its own, for which no client waits.
    """

    def __init__(self, cache: BlobCache, registry: str) -> None:
        self._cache = cache
        self._registry = registry
        self._waiting: dict[tuple[str, str], bytes] = {}
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publish-all cache")

    def get(self, repository: str, digest: str) -> bytes | None:
        waiting = self._waiting.get((repository, digest))
        if waiting is not None:
            return waiting
        return self._cache.read(self._scope(repository), digest.removeprefix("sha256:"))

    def put(self, repository: str, digest: str, content: bytes) -> None:
        self._waiting[repository, digest] = content
        self._writer.submit(self._write, repository, digest)

    def _write(self, repository: str, digest: str) -> None:
        content = self._waiting.get((repository, digest))
        if content is None:  # the same, put twice
            return
        sha256 = digest.removeprefix("sha256:")
        known = self._cache.open(self._scope(repository), sha256)
        if known is None:
            self._cache.write(self._scope(repository), sha256, content)
        else:
            known.close()
        self._waiting.pop((repository, digest), None)

    def _scope(self, repository: str) -> str:
        return f"manifests of {self._registry}/{repository}"
