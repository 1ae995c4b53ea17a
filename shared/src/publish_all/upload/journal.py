"""The journal of a publish: the files sent to each repository, so that a failed run can be resumed.

A file in the user's state folder, one for each checkout: a header line, then one record per change of
state, keyed by the file's sha256 and the repository's URL. It is only appended to; each record is on disk
(fsync) before the run goes on. No secrets. It does not show the current state of the
repository: a resumed run asks the repository, too.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from publish_all._json import loads
from publish_all._own_files import open_own, read_own, sync_folder
from publish_all._urls import without_userinfo
from publish_all.distributions.distribution import Distribution
from publish_all.errors import PublishAllError
from publish_all.results import FileState

JOURNAL_NAME = "journal.jsonl"
SCHEMA = 1
_HEADER = b'{"journal": "publish-all", "schema": %d}\n' % SCHEMA
_SKEW = 60.0
"""Seconds by which the clock may have been set back since a record was written."""
_FINISHED = (FileState.VISIBLE, FileState.UNVERIFIED, FileState.SKIPPED)
"""Nothing is left to do. (A file that is only published must still be seen in the index.)"""
_NOT_PUBLIC = (FileState.PLANNED, FileState.FAILED, FileState.SKIPPED)
_MOVE_HINT = "Move the file away: publish-all writes its journal to this path. Or continue with the version that wrote it."
_DAMAGED_HINT = (
    "Run again with --fresh --no-build: the journal is deleted, the repositories are asked which files they have, and "
    "the built files are published. A new build could produce other bytes."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """One record. `at` is Unix time in seconds; `url` is without user and password."""

    at: float
    state: FileState
    filename: str
    repository: str
    sha256: str
    url: str

    @property
    def maybe_public(self) -> bool:
        return self.state not in _NOT_PUBLIC


class JournalError(PublishAllError):
    """The journal cannot be read."""


def read_journal(path: Path, *, now: float | None = None, damaged: bool = False) -> Journal:
    """Read a journal, to look at it; an absent one is empty. Raises `JournalError` where it is damaged.

    A damaged last line, from a killed run, is ignored. Records with a time after `now`
    (Unix time; None: the clock) are ignored, too: no run has written them at that time.
    With `damaged` everything that cannot be read is ignored.
    """
    try:
        lines = read_own(path).splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        return Journal()
    except OSError as error:
        if damaged:
            return Journal()
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise JournalError(msg, hint=_MOVE_HINT) from error
    latest = (time.time() if now is None else now) + _SKEW
    header = lines[0] if lines else b""
    if not damaged and header != _HEADER:
        if len(lines) <= 1 and _HEADER.startswith(header):
            return Journal()
        msg = f"{path} is not a journal of this version of publish-all (schema {SCHEMA})"
        raise JournalError(msg, hint=_MOVE_HINT)
    entries: dict[tuple[str, str], JournalEntry] = {}
    length = len(header)
    for number, line in enumerate(lines[1:], start=2):
        try:
            entry = _entry(line)
        except ValueError as error:
            if damaged:
                continue
            if number == len(lines):
                break
            msg = f"{path}: line {number} is not a journal record ({error})"
            raise JournalError(msg, hint=_DAMAGED_HINT) from error
        length += len(line)
        if entry.at <= latest:
            entries[entry.sha256, entry.url] = entry
    return Journal(entries, length)


def _entry(line: bytes) -> JournalEntry:
    """The entry of a line. Raises `ValueError`."""
    if not line.endswith(b"\n"):
        raise ValueError("it ends in the middle")
    record = loads(line)
    try:
        texts = {name: str(record[name]) for name in ("filename", "repository", "sha256", "url")}
        return JournalEntry(at=float(record["at"]), state=FileState(record["state"]), **texts)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no proper {error}") from error


@dataclass(eq=False)
class Journal:
    """The files sent to each repository; see `open_journal` for a writable journal. For one thread of one process (see `lock`).

    `entries` are the last ones for each (sha256, URL); `length` is the bytes of the file that are whole lines.
    `killed`: the last run may have been killed after its last record.
    """

    entries: dict[tuple[str, str], JournalEntry] = field(default_factory=dict)
    length: int = 0
    killed: bool = False
    path: Path | None = None
    wall: Callable[[], float] = time.time
    _file: io.FileIO | None = None

    def unfinished(self, sha256s: Iterable[str]) -> bool:
        """Whether an earlier run uploaded (or may have uploaded) some of these files, and did not finish.

        Then the files must be published as they are: built again, they may be other bytes.
        """
        wanted = set(sha256s)
        found = [entry for (sha256, _), entry in self.entries.items() if sha256 in wanted]
        finished = not self.killed and all(each.state in _FINISHED for each in found)
        return any(each.maybe_public for each in found) and not finished

    @property
    def complete(self) -> bool:
        """Whether nothing is left over from an earlier run, whatever files it was about."""
        return not self.unfinished(sha256 for sha256, _ in self.entries)

    @property
    def public(self) -> tuple[JournalEntry, ...]:
        """The files that some repository has, or may have."""
        return tuple(entry for entry in self.entries.values() if entry.maybe_public)

    def entry(self, sha256: str, url: str) -> JournalEntry | None:
        return self.entries.get((sha256, without_userinfo(url)))

    def record(self, state: FileState, files: Iterable[Distribution], *, repository: str, url: str) -> None:
        """Record the files that are newly in this state. The record is on disk when this returns."""
        fresh = []
        for each in files:
            known = self.entry(each.digests.sha256, url)
            if known is not None:
                # A file that was seen in the index stays so; one that failed is planned again.
                seen = known.state is FileState.VISIBLE
                if known.state is state or (seen and state in (FileState.PUBLISHED, FileState.UNVERIFIED)):
                    continue
                if state is FileState.PLANNED and known.state is not FileState.FAILED:
                    continue
            entry = JournalEntry(
                at=round(self.wall(), 3),
                state=state,
                filename=each.filename,
                repository=repository,
                sha256=each.digests.sha256,
                url=without_userinfo(url),
            )
            fresh.append(entry)
        self.append(fresh)

    def append(self, fresh: Sequence[JournalEntry]) -> None:
        for each in fresh:
            self.entries[each.sha256, each.url] = each
        if self.path is None or not fresh:
            return
        if self._file is None:
            self._file = _open_for_append(self.path, self.length)
        data = _HEADER if self.length == 0 else b""
        for each in fresh:
            data += json.dumps({**asdict(each), "state": each.state.value}).encode() + b"\n"
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(self._file.fileno())
        except OSError:
            # The next record must not follow half of this one.
            with contextlib.suppress(OSError):
                self._file.truncate(self.length)
            raise
        self.length += len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


@contextlib.contextmanager
def open_journal(
    path: Path | None, *, killed: bool = False, wall: Callable[[], float] = time.time
) -> Iterator[Journal]:
    """The journal at `path`, with the records of earlier runs. The file is created with the first record.

    None keeps it in memory only. Raises `JournalError`.
    """
    journal = read_journal(path, now=wall()) if path is not None else Journal()
    journal.path, journal.wall, journal.killed = path, wall, killed
    try:
        yield journal
    finally:
        journal.close()


def _open_for_append(path: Path, length: int) -> io.FileIO:
    """Open after the last whole line; an incomplete line of a killed run is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    created = not path.exists()
    # Unbuffered: a write that failed on a full disk must not be repeated when the file is closed.
    opened = io.FileIO(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
    if opened.tell() != length:
        opened.truncate(length)
    if created:
        # A new file's name is only on disk when its folder is.
        sync_folder(path.parent)
    return opened
