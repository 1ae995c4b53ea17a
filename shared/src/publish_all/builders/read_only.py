"""Runs project code in the user's own tree as long as it writes nothing there.

A stage of a large repository takes longer than most questions to a backend. Most backends only read to tell a
version; an audit hook (PEP 578) stops those that begin to write, and they are asked in a stage.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# Audit events of functions that change a file or folder: where among their arguments paths are, and the
# descriptor of the folder to which each path is relative (None: there is none).
_CHANGES: Mapping[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, None),),
    "sqlite3.connect": ((0, None),),
}
# Other programs may write anywhere. git does not, with the environment that a worker has.
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _Writes(BaseException):
    """Not an `Exception`: project code must not handle it."""


class _Guard:
    """What the audit hook looks at: a hook cannot be taken out again."""

    def __init__(self) -> None:
        self.folder = ""
        self.fired = False
        self.exempt: int | None = None
        self._is_installed = False

    def watch(self, folder: Path) -> None:
        self.folder, self.fired = os.path.realpath(folder), False
        if not self._is_installed:
            sys.addaudithook(self)
            self._is_installed = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder and threading.get_ident() != self.exempt and self._writes(event, arguments):
            self.fired = True
            raise _Writes

    def _writes(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writing = set(mode) & set("wax+") if isinstance(mode, str) else int(flags or 0) & _WRITING
            return bool(writing) and self._is_inside(path)
        if event in _CHANGES:
            return any(
                self._is_inside(arguments[path], -1 if folder is None else arguments[folder])
                for path, folder in _CHANGES[event]
            )
        if event == "subprocess.Popen":
            return not _is_git(arguments)
        return event in _PROGRAMS

    def _is_inside(self, path: Any, descriptor: int = -1) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False  # a descriptor, whose file was opened before
        folder = "" if descriptor == -1 else _folder_of(descriptor)
        if folder is None:
            return True
        real = os.path.realpath(os.path.join(folder, os.fsdecode(path)))  # noqa: PTH118 - paths of all kinds
        return real == self.folder or real.startswith(self.folder + os.sep)


def _folder_of(descriptor: int) -> str | None:
    """The path of an open folder; None where the system does not tell it."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a Path costs more, at each event
    except OSError:
        return None


def _is_git(arguments: tuple[Any, ...]) -> bool:
    command = arguments[1]
    program = arguments[0] or (command if isinstance(command, str) else command[0])
    return Path(os.fsdecode(program)).stem.lower() == "git"


_GUARD = _Guard()


def exempt_this_thread() -> None:
    """Let this thread write: the one that removes what a worker leaves when its parent is gone."""
    _GUARD.exempt = threading.get_ident()


def read_only(folder: Path, action: Callable[[], T]) -> T | None:
    """What `action` gives, or None where it tried to write below `folder` or to start a program other than git."""
    _GUARD.watch(folder)
    try:
        found = action()
    except BaseException:
        if not _GUARD.fired:
            raise
        return None
    finally:
        _GUARD.folder = ""
    return None if _GUARD.fired else found
