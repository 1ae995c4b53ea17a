"""Each distinct file deflated once, however many wheels hold it.

Backends read, hash and deflate every file again for each variant, and deflating is what takes the time.
The store does it once per content, in threads, with the settings of the backend: what comes out are the
bytes that the backend alone would write.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from publish_all._values import dataclass
from publish_all.builders.deflate import Deflater, FileDeflater, Member, segment_from, sha256_of
from publish_all.builders.spool import Spool
from publish_all.config.model import Compression

# A time stamp this near to now (in ns) does not tell whether the file changes again: FAT counts in 2 s.
_UNSETTLED = 2_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    """A file as it was when it was asked for: its mode in the file system, and what is being made of it."""

    mode: int
    member: Future[Member]


# Says that a file is still the one that was read: path, device, inode, size, and the times of its content
# and of its inode, which hooks cannot set. A plain tuple, since there is one for each file of each archive.
_Identity: TypeAlias = "tuple[str, int, int, int, int, int]"


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
        self._spool = spool or Spool()
        self._clock = clock
        threads = threads or min(os.cpu_count() or 1, 8)
        self._pool = ThreadPoolExecutor(threads, "publish-all-deflate")
        self._deflating = FileDeflater(
            compression, step=step, spool=self._spool, pool=self._pool, threads=threads
        )
        self.is_exact = self._deflating.is_exact
        self.segment_from = segment_from(())
        self._lock = threading.Lock()
        self._known: dict[_Identity, Future[Member]] = {}
        self._expected: dict[str, _Expected] = {}
        self._unsettled: set[_Identity] = set()
        self._contents: dict[bytes, Member] = {}
        self._sizes: set[int] = set()
        self._given: set[bytes] = set()
        self._bytes_given = self._bytes_given_again = 0

    def expect(self, paths: Iterable[str], *, segments: bool = False) -> None:
        """Begin to deflate the files of the next archive. What may have changed since the last one is read anew.

        For this archive they are as they are now, and are not looked at again. `segments` for an sdist, which
        takes files from `segment_from` bytes on.
        """
        self._forget(self._unsettled)
        found: dict[str, os.stat_result] = {}
        for path in paths:
            # What can't be read is reported when it is asked for, as the backend reports it.
            with contextlib.suppress(OSError):
                status = os.stat(path)  # noqa: PTH116 - a Path costs more than the question
                if stat.S_ISREG(status.st_mode):
                    found[path] = status
        if segments:
            self.segment_from = segment_from(each.st_size for each in found.values())
        least = self.segment_from if segments else 0
        for path, status in found.items():
            if status.st_size >= least:
                self._expected[path] = self._begun(path, status)

    def forget(self) -> None:
        """Read all files anew: project code has run that may write them. Their bytes are still known."""
        self._forget(set(self._known))

    def deflated(self, path: str | Path) -> tuple[Member, int] | None:
        """The file as a member, and its mode; None for what is no regular file. Raises `OSError` if it can't be read."""
        path = os.fspath(path)
        found = self._expected.get(path) or self._found(path)
        if found is None:
            return None
        member = found.member.result()
        self._bytes_given += member.size
        self._bytes_given_again += member.size if member.sha256 in self._given else 0
        self._given.add(member.sha256)
        return member, found.mode

    @contextlib.contextmanager
    def uncounted(self) -> Iterator[None]:
        """What is given within does not count in `reused`."""
        before = set(self._given), self._bytes_given, self._bytes_given_again
        try:
            yield
        finally:
            self._given, self._bytes_given, self._bytes_given_again = before

    def reused(self) -> float | None:
        """The share of the bytes given since this was last asked that had been given before; None for no bytes."""
        given, again = self._bytes_given, self._bytes_given_again
        self._bytes_given = self._bytes_given_again = 0
        return again / given if given else None

    def running(self) -> Deflater:
        """A compressor for what stands between segments."""
        return self._deflating.deflater()

    def stream(self, member: Member) -> Iterator[bytes]:
        """The member's deflate stream."""
        return map(self._spool.get, (*member.chunks, *member.stream_end))

    def segment(self, member: Member) -> Iterator[bytes]:
        """As `stream`, to go on from a full flush and be gone on from. The file must not be a small one."""
        return map(self._spool.get, (*member.chunks, *member.segment_end))

    def _forget(self, identities: Iterable[_Identity]) -> None:
        for each in list(identities):
            self._known.pop(each, None)
        self._unsettled.clear()
        self._expected.clear()

    def _found(self, path: str) -> _Expected | None:
        status = os.stat(path)  # noqa: PTH116 - a Path costs more than the question
        return self._begun(path, status) if stat.S_ISREG(status.st_mode) else None

    def _begun(self, path: str, found: os.stat_result) -> _Expected:
        times = found.st_mtime_ns, found.st_ctime_ns
        identity = path, found.st_dev, found.st_ino, found.st_size, *times
        future = self._known.get(identity)
        if future is None:
            future = self._known[identity] = self._pool.submit(self._read, path, found.st_size)
            if max(times) > self._clock() - _UNSETTLED or not path.startswith(self._inside):
                self._unsettled.add(identity)
        return _Expected(mode=found.st_mode, member=future)

    def _read(self, path: str, size: int) -> Member:
        """From its bytes if they are known, which reading tells much faster than deflating again."""
        if size in self._sizes:
            known = self._contents.get(sha256_of(path))
            if known is not None:
                return known
        member = self._deflate(path)
        with self._lock:
            self._sizes.add(member.size)
            return self._contents.setdefault(member.sha256, member)

    def _deflate(self, path: str) -> Member:
        return self._deflating.member(path)
