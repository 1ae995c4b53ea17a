"""One publish at a time per project: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from publish_all.errors import PublishAllError

LOCK_NAME = "publish-all.lock"


class AlreadyRunningError(PublishAllError):
    """Another run of publish-all holds the lock."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock for as long as the context lasts. Raises `AlreadyRunningError`, which names the holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the lock, since Windows lets nobody read a locked file.
    holder = path.with_name(path.name + ".pid")
    try:
        with FileLock(path, timeout=0):
            holder.write_text(f"{os.getpid()}\n", encoding="ascii")
            try:
                yield
            finally:
                holder.unlink(missing_ok=True)
    except Timeout as error:
        raise _already_running(path, holder) from error


def _already_running(path: Path, holder: Path) -> AlreadyRunningError:
    try:
        pid = holder.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        pid = ""
    who = f"process {pid}" if pid.isdigit() else "another process"
    msg = f"another publish of this project is running: {who} holds {path}"
    return AlreadyRunningError(msg, hint="Wait for it to end, or end it; then run again.")
