"""Changes of files: made as values, shown as diffs without credentials, then written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from publish_all.errors import ConfigurationError, VersionError
from publish_all.version.change import write_all

_MASK = "***"
# Tokens of PyPI begin with AgEI, while jobs and environments are named pypi-PROJECT, in lower case.
_TOKEN = re.compile(
    r"\b(?:pypi-(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{16,}|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[A-Za-z0-9_-]{16,})"
)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_VALUE = r"(?P<value>(?!\$|@|['\"]?\$)\S{6,})"
# What follows these on a command line, or in an assignment; an expression such as ${{ secrets.X }} is none.
_AFTER = (
    re.compile(rf"(?P<name>\s--(?:password|token|user|auth)(?:\s*=\s*|\s+)){_VALUE}"),
    re.compile(rf"(?P<name>\b\w*(?:PASSWORD|TOKEN|SECRET)\w*\s*[:=]\s*){_VALUE}"),
    re.compile(rf"(?P<name>\b(?:twine|poetry|hatch|uv|flit|pdm)\b[^\n]{{0,500}}\s-p\s+){_VALUE}"),
    re.compile(r"(?P<name>\s-u\s+)(?P<value>[^\s:$]+:[^\s$]+)"),
)


def masked(text: str) -> str:
    """The text of a file in which everything that may be a credential is masked."""
    text = _IN_URL.sub(_MASK, _TOKEN.sub(_MASK, text))
    for pattern in _AFTER:
        text = pattern.sub(lambda match: match["name"] + _MASK, text)
    return text


class Change(NamedTuple):
    """A change of one file. `before` is None for a new file; `name` is for messages."""

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
        """The change as a unified diff, with credentials masked."""
        old = "/dev/null" if self.before is None else f"a/{self.name}"
        before, after = (self.before or "").splitlines(), self.after.splitlines()
        return masked("\n".join(difflib.unified_diff(before, after, old, f"b/{self.name}", lineterm="")))


def current(path: Path) -> str | None:
    """The text with its own line ends, None where there is no file. Raises `ConfigurationError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} can't be read ({type(error).__name__}), and is left as it is"
        raise ConfigurationError(msg) from error


def write(changes: Iterable[Change]) -> None:
    """Write all files or none, with the permissions that they had.

    Raises `ConfigurationError` where one has changed since it was read, or can't be written.
    """
    changes = tuple(changes)
    for each in changes:
        if current(each.path) != each.before:
            msg = f"{each.path} has changed meanwhile; nothing was written"
            raise ConfigurationError(msg, hint="Run the command again.")
    try:
        write_all({each.path: each.after.encode() for each in changes})
    except VersionError as error:
        raise ConfigurationError(error.message) from error
