"""One publish at a time per project: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from publish_all.errors import PublishAllError

LOCK_NAME = "publish-all.lock"

# Windows locks keep others from reading what is locked, so the lock lies far behind the process id.
_WINDOWS_OFFSET = 1 << 30


class AlreadyRunningError(PublishAllError):
    """Another run of publish-all holds the lock."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock for as long as the context lasts. Raises `AlreadyRunningError`, which names the holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        _release(path, descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise _already_running(path)
        # The holder before us may have deleted the file between our opening and our locking it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _release(path: Path, descriptor: int) -> None:
    # Windows refuses to delete an open file; there the empty file stays.
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(descriptor)


def _already_running(path: Path) -> AlreadyRunningError:
    try:
        holder = path.read_text(encoding="utf-8").strip()
    except OSError:
        holder = ""
    who = f"process {holder}" if holder.isdigit() else "another process"
    msg = f"another publish of this project is running ({who} holds {path})"
    return AlreadyRunningError(msg, hint="Wait for it to end, or end it; then run again.")


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _WINDOWS_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
