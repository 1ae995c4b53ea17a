"""The state of a checkout in the user's state folder: manifests, journal and lock.

Nothing in the checkout itself counts as our own memory: a pull request can put any file there. So the folder
is keyed by the checkout's real path, and one inside of the checkout is not used.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from publish_all._git import repository_root
from publish_all._own_files import open_own, try_lock
from publish_all.commands.context import Runtime
from publish_all.errors import PublishAllError
from publish_all.upload.journal import JOURNAL_NAME

LOCK_NAME = "lock"
_KEY_LENGTH = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutState:
    """The files about one checkout. `problem` says why the folder cannot be used; then nothing is stored."""

    folder: Path
    problem: str | None = None

    @property
    def journal(self) -> Path | None:
        return self.folder / JOURNAL_NAME if self.problem is None else None

    @property
    def lock(self) -> Path | None:
        return self.folder / LOCK_NAME if self.problem is None else None

    def manifest(self, output: Path) -> Path | None:
        """The path of the manifest of the last build into the folder `output`."""
        return self.folder / f"manifest-{_key(output)}.json" if self.problem is None else None


def state_of(root: Path, runtime: Runtime, *, make: bool = False) -> CheckoutState:
    """The state of the checkout of the project at `root`. With `make`, a missing folder is created."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", root.resolve().name)[:40]
    state = runtime.places().state
    if state is None:
        return CheckoutState(folder=Path(), problem="this user has no home directory")
    folder = state / "checkouts" / f"{name}-{_key(root)}"
    return CheckoutState(folder=folder, problem=_problem(state, folder, root, make=make))


def _key(path: Path) -> str:
    real = os.path.normcase(os.path.realpath(path))
    return hashlib.sha256(real.encode(errors="surrogateescape")).hexdigest()[:_KEY_LENGTH]


def _problem(state: Path, folder: Path, root: Path, *, make: bool) -> str | None:
    checkout = repository_root(root.resolve()).resolve()
    if not state.is_absolute() or state.resolve().is_relative_to(checkout):
        return f"{state} is inside the checkout"
    try:
        if make:
            state.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir(exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
        for each in (folder.parent, folder) if folder.is_dir() else ():
            if os.name == "posix" and (each.stat().st_uid != os.geteuid() or each.stat().st_mode & 0o022):
                return f"{each} belongs to another user, or other users can write to it"
    except OSError as error:
        return f"{error.filename or folder} cannot be used: {error.strerror or error}"
    return f"{folder} cannot be written to" if make and not os.access(folder, os.W_OK) else None


class AlreadyRunningError(PublishAllError):
    """Another run of publish-all holds the lock."""


class CannotLockError(PublishAllError):
    """Locking is not possible, because the file system does not support it, or the file is not ours."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold the lock during the context, so that only one publish runs. Yields whether the last run was killed.

    The operating system drops the lock when its process dies. The file holds the number of a process until that
    process ends in order, which is later than its run: one that is killed before it could tell its user how the run
    ended counts as killed. Raises `AlreadyRunningError`, which names the holder, and `CannotLockError` where the file
    system has no locks, and where `path` is a link, or holds anything but what we write there.

    The file stays: to delete it would let two others each lock a file of this name.
    """
    with contextlib.ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
            held.callback(os.close, descriptor)
            locked = try_lock(descriptor)
        except OSError as error:
            raise CannotLockError(f"cannot lock {path}: {error.strerror or error}") from error
        if not locked:
            raise _already_running(path)
        before, own = os.read(descriptor, 64).strip(), str(os.getpid()).encode()
        if before and not before.isdigit():
            raise CannotLockError(f"cannot lock {path}: it is not a lock file of publish-all")
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, own + b"\n")
        atexit.register(_end_in_order, path, own)
        yield before not in {b"", own}


def _end_in_order(path: Path, own: bytes) -> None:
    """Empty the file, unless another process has it by now."""
    with contextlib.suppress(OSError):
        descriptor = open_own(path, os.O_RDWR)
        try:
            if try_lock(descriptor) and os.read(descriptor, 64).strip() == own:
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)


def _already_running(path: Path) -> AlreadyRunningError:
    try:
        pid = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        pid = ""
    who = f"process {pid}" if pid.isdigit() else "another process"
    msg = f"another publish of this project is running: {who} holds {path}"
    return AlreadyRunningError(msg, hint="Wait until it ends, or stop it. Then run the command again.")
