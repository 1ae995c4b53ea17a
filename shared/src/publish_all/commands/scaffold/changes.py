"""Changes of files: made as values, shown as diffs, then written."""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.scaffold.shown import shown
from publish_all.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One file as it is and as it is to be. `before` is None for a new one; `name` is how it is shown."""

    path: Path
    name: str
    before: str | None
    after: str

    @property
    def needed(self) -> bool:
        return self.after != self.before

    @property
    def verb(self) -> str:
        return "create" if self.before is None else "change"

    @property
    def diff(self) -> str:
        """The change as a unified diff, with what may be a credential masked."""
        old = "/dev/null" if self.before is None else f"a/{self.name}"
        lines = difflib.unified_diff(
            (self.before or "").splitlines(), self.after.splitlines(), old, f"b/{self.name}", lineterm=""
        )
        return shown("\n".join(lines))


def current(path: Path) -> str | None:
    """The text with its own line ends, None where there is no file. Raises `ConfigurationError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} can't be read ({type(error).__name__}), and is left as it is"
        raise ConfigurationError(msg) from error


def write(change: Change) -> None:
    """Write one file at once or not at all, with the permissions that it had.

    Raises `ConfigurationError` where it has changed since it was read, or can't be written.
    """
    if current(change.path) != change.before:
        msg = f"{change.path} has changed meanwhile, and is left as it is"
        raise ConfigurationError(msg, hint="Run the command again.")
    target = change.path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(change.after)
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except OSError as error:
        msg = f"{target} can't be written: {error.strerror}"
        raise ConfigurationError(msg) from error


def _umask() -> int:
    """The process's mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
