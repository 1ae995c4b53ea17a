"""Our temporary folders, which are removed at the end of this run, or by the next run."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from publish_all._own_files import open_own, try_lock

_PREFIX = "publish-all-"
_NAMES = re.compile(r"\.?publish-all-([a-z]+-)?[a-z0-9_]{8}")
_MARK = ".publish-all-in-use"
"""The file that is locked for as long as a folder is in use. A folder without it is not taken for ours."""
_A_DAY = 24 * 60 * 60


@contextlib.contextmanager
def temporary_folder(*, within: Path | None = None) -> Iterator[Path]:
    """A new folder for the duration of the block, in the system's folder for temporary files or `within` another.

    Folders of killed runs in the same place are removed.
    """
    place = within if within is not None else Path(tempfile.gettempdir())
    sweep(place)
    prefix = _PREFIX if within is None else f".{_PREFIX}"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        unlocked = folder / f"{_MARK}-not-yet"
        mark = open_own(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            # Another run that cleans up in between must not find an unlocked mark. Some network file systems
            # have no locks, and Windows renames no open file: there the folder has no mark, and is not swept.
            with contextlib.suppress(OSError):
                try_lock(mark)
                unlocked.rename(folder / _MARK)
            yield folder
        finally:
            os.close(mark)


def sweep(place: Path) -> None:
    """Remove our folders that are no longer used."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for each in entries:
            if _NAMES.fullmatch(each.name) and each.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _sweep_one(Path(each.path))


def _sweep_one(folder: Path) -> None:
    """Remove a folder if it is ours and its run has ended. Raises `OSError` otherwise, or if it cannot be removed."""
    found = folder.lstat()
    if os.name == "posix" and (found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode)):
        return
    try:
        mark = open_own(folder / _MARK, os.O_RDWR)
    except FileNotFoundError:
        if time.time() - found.st_mtime > _A_DAY:
            folder.rmdir()  # empty, from a run that was killed before it could mark it
        return
    try:
        if not try_lock(mark):
            return
    finally:
        os.close(mark)
    shutil.rmtree(folder, ignore_errors=True)
