"""One publish at a time per checkout: a lock that the operating system drops when its process dies.

By hand, and not by the library `filelock`, whose import alone takes a tenth of the time that a publish
has until its first byte.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from publish_all._own_files import open_own
from publish_all.errors import PublishAllError

LOCK_NAME = "lock"


class AlreadyRunningError(PublishAllError):
    """Another run of publish-all holds the lock."""


class CannotLockError(PublishAllError):
    """There can be no lock: the file system has none, as some network file systems, or the file is not ours."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold the lock for as long as the context lasts; whether the run that held it before was killed.

    The file holds the number of a process until that process ends in order, which is later than its run:
    one that is killed before it could tell its user how the run ended counts as killed. Raises
    `AlreadyRunningError`, which names the holder.

    Raises `CannotLockError` where the file system has no locks, and where `path` is a link, or holds
    anything but what we write there.

    The file stays: to delete it would let two others each lock a file of this name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise _cannot_lock(path, error.strerror or str(error)) from error
    try:
        try:
            locked = _try_lock(descriptor)
        except OSError as error:
            raise _cannot_lock(path, error.strerror or str(error)) from error
        if not locked:
            raise _already_running(path)
        held_before = os.read(descriptor, 64).strip()
        if held_before and not held_before.isdigit():
            raise _cannot_lock(path, "it is not a lock file of publish-all")
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        own = str(os.getpid()).encode()
        os.write(descriptor, own + b"\n")
        atexit.register(_end_in_order, path, own)
        yield held_before not in {b"", own}
    finally:
        os.close(descriptor)


def _end_in_order(path: Path, own: bytes) -> None:
    """Empty the file, unless another process has it by now."""
    with contextlib.suppress(OSError):
        descriptor = open_own(path, os.O_RDWR)
        try:
            if _try_lock(descriptor) and os.read(descriptor, 64).strip() == own:
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)


def _cannot_lock(path: Path, why: str) -> CannotLockError:
    return CannotLockError(f"cannot lock {path}: {why}")


def _already_running(path: Path) -> AlreadyRunningError:
    try:
        pid = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        pid = ""
    who = f"process {pid}" if pid.isdigit() else "another process"
    msg = f"another publish of this project is running: {who} holds {path}"
    return AlreadyRunningError(msg, hint="Wait for it to end, or end it; then run again.")


if sys.platform == "win32":
    import msvcrt

    # Nobody else may read what is locked there, so the locked byte lies far behind the process id.
    _FAR = 1 << 30

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
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
        except BlockingIOError:
            return False
        return True
