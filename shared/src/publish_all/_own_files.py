"""Files of our own: opened as regular files and never through a link, so that nobody can point us at another file."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

# Without O_NONBLOCK, opening a named pipe would wait for its other end.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))


def open_own(path: Path, flags: int) -> int:
    """A descriptor of the regular file at `path`, which only its owner may read where it is made.

    Raises `OSError`, also for a link (`ELOOP`) and for anything else that is not a regular file. `flags`
    must not hold `O_TRUNC`: look first whether the content is ours.
    """
    if os.name == "nt" and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = os.open(path, flags | _FLAGS, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor


def read_own(path: Path) -> bytes:
    """The content of a file of ours. Raises `OSError` as `open_own` does."""
    with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file at once or not at all. Raises `OSError`.

    It goes through a file of a new name beside it: one that is there could be a link to somewhere else.
    """
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(part).chmod(mode)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
