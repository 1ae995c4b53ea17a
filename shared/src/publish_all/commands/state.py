"""What we remember of a checkout: manifests, journal and lock, in the user's state folder.

Nothing in the checkout itself counts as our own memory: a pull request can put any file there. So the folder
is keyed by the checkout's real path, and one inside of the checkout is not used.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.workflows import repository_root
from publish_all.upload.journal import JOURNAL_NAME
from publish_all.upload.lock import LOCK_NAME

_KEY_LENGTH = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckoutState:
    """The files about one checkout. `problem` says why the folder cannot be used; then nothing is kept there."""

    folder: Path
    problem: str | None = None

    @property
    def journal(self) -> Path | None:
        return self.folder / JOURNAL_NAME if self.problem is None else None

    @property
    def lock(self) -> Path | None:
        return self.folder / LOCK_NAME if self.problem is None else None

    def manifest(self, output: Path) -> Path | None:
        """The manifest of what was built into the folder `output`."""
        return self.folder / f"manifest-{_key(output)}.json" if self.problem is None else None


def state_of(root: Path, around: Surroundings, *, make: bool = False) -> CheckoutState:
    """The state of the checkout of the project at `root`. With `make`, the folder is made where it is missing."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", root.resolve().name)[:40]
    state = around.places().state
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
        return f"{state} is inside of the checkout"
    try:
        if make:
            state.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir(exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
        for each in (folder.parent, folder) if folder.is_dir() else ():
            if os.name == "posix" and _is_open_to_others(each.stat()):
                return f"{each} belongs to another user, or others may write there"
    except OSError as error:
        return f"{error.filename or folder} cannot be used: {error.strerror or error}"
    return f"{folder} cannot be written to" if make and not os.access(folder, os.W_OK) else None


def _is_open_to_others(found: os.stat_result) -> bool:
    return found.st_uid != os.geteuid() or bool(found.st_mode & 0o022)
