"""Makes the archives of a build worker equal on every system.

Windows has no executable bit, nor has its file system below WSL: there the executable files come from git's index,
and backends get them from `os.stat`. `zipfile` writes the system into each member: always Unix. Paths of Windows are
ordered without regard to case, and poetry-core orders the members of archives by them: here by case, as on Unix.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, cast

_EXECUTABLE: dict[str, bool] = {}
_UNIX = 3  # APPNOTE.TXT of PKWARE, 4.4.2


def made_on_unix() -> None:
    """Make `zipfile` write archives, and backends order their files, as on Unix, for the rest of this process."""
    kind: Any = zipfile.ZipInfo
    made = kind.__init__

    def make(info: Any, *arguments: Any, **options: Any) -> None:
        made(info, *arguments, **options)
        info.create_system = _UNIX

    kind.__init__ = make
    windows: Any = PureWindowsPath
    windows.__lt__ = lambda path, other: path.parts < other.parts


def use_modes(modes: Mapping[str, bool]) -> None:
    """Make `os.stat` and `os.lstat` return the executable bits of these files, for the rest of this process.

    `modes` are absolute paths. Without any, both stay unchanged.
    """
    if modes and not _EXECUTABLE:
        system: Any = os
        system.stat, system.lstat = _with_modes(os.stat), _with_modes(os.lstat)
    _EXECUTABLE.update({_key(path): executable for path, executable in modes.items()})


def keep_mode(path: Path, mode: int) -> None:
    """Record the mode of a copy, which the file system does not store."""
    if _EXECUTABLE:
        _EXECUTABLE[_key(path)] = bool(mode & 0o100)


def modes_below(folder: Path) -> dict[str, bool]:
    """The modes that `use_modes` has for files below a folder, for another process."""
    start = _key(folder) + os.sep
    return {path: executable for path, executable in _EXECUTABLE.items() if path.startswith(start)}


def _key(path: Any) -> str:
    return str(os.path.normcase(os.path.abspath(path)))  # noqa: PTH100 - Path.resolve() follows links, and absolute() keeps ".."


def _with_modes(stat: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def asked(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        found = stat(path, *arguments, **options)
        is_path = isinstance(path, (str, os.PathLike))
        executable = _EXECUTABLE.get(_key(path)) if is_path else None
        if executable is None:
            return found
        values, more = cast("tuple[tuple[int, ...], dict[str, Any]]", found.__reduce__()[1])
        return os.stat_result((values[0] & ~0o111 | 0o111 * executable, *values[1:]), more)

    return asked
