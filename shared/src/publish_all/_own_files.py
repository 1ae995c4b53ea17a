"""The files of publish-all itself: opened as regular files and never through a link, so that a link cannot lead us to another file."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

# Without O_NONBLOCK, opening a named pipe would wait for its other end.
_FLAGS = 0
for _name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

INDEX_LOCK = ".publish-all.lock"
"""The file beside the `simple/` of a repository of the kind `directory`."""

# ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION of Windows.
_OPEN_ELSEWHERE = (5, 32)
_PAUSES = (0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.3)  # seconds


def open_own(path: Path, flags: int) -> int:
    """A descriptor of the regular file at `path`. A new file is readable only by its owner.

    Raises `OSError`, also for a link (`ELOOP`) and for anything else that is not a regular file. `flags`
    must not contain `O_TRUNC`: first check that the content is ours. The file may be moved and removed while it is open, also
    on Windows.
    """
    if os.name == "nt" and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = _open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


def read_own(path: Path) -> bytes:
    """The content of one of our files. Raises `OSError` as `open_own` does."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def replace_open(source: Path, target: Path) -> Path:
    """Move a file to `target`, which it replaces. Raises `OSError`.

    Windows refuses it while another program, such as a virus scanner, has one of the two open, so it is retried for a second.
    """
    for seconds in _PAUSES:
        try:
            return source.replace(target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _OPEN_ELSEWHERE:
                raise
            time.sleep(seconds)
    return source.replace(target)


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file as a whole or not at all. Raises `OSError`.

    It uses a new file next to it: an existing file could be a link to another place.
    """
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).chmod(mode)
        replace_open(Path(part), path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make a new or renamed file in it durable after a power failure, if folders can be opened (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import _winapi
    import msvcrt

    _SHARED = 7  # FILE_SHARE_READ, FILE_SHARE_WRITE and FILE_SHARE_DELETE, which `os.open` leaves out
    _CREATE_NEW, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 3, 4

    def _open(path: Path, flags: int) -> int:
        access = 0 if flags & os.O_WRONLY else _winapi.GENERIC_READ
        if flags & (os.O_WRONLY | os.O_RDWR):
            access |= _winapi.GENERIC_WRITE
        created = _CREATE_NEW if flags & os.O_EXCL else _OPEN_ALWAYS
        how = created if flags & os.O_CREAT else _OPEN_EXISTING
        try:
            handle = _winapi.CreateFile(str(path), access, _SHARED, 0, how, 0, 0)
        except OSError as error:
            error.filename = str(path)
            raise
        return msvcrt.open_osfhandle(handle, flags | os.O_NOINHERIT | os.O_BINARY)

    # On Windows a locked byte cannot be read, so the locked byte is far behind the content of the file.
    _FAR = 1 << 30

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EDEADLK, 0}:  # wine reports 0
                raise
            raise BlockingIOError from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _open(path: Path, flags: int) -> int:
        return os.open(path, flags | _FLAGS, 0o600)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(descriptor: int) -> bool:
    """Lock a file until it is closed, unless another process has it. Raises `OSError` if it cannot be locked at all."""
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):  # of Windows the second
        return False
    return True
