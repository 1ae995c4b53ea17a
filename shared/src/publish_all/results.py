"""The results of publish and check, as values: reporters show them, and the exit code follows from them.

Plain values only, as in events: no secrets, no open files, nothing that knows a repository's kind.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from publish_all.errors import CheckError
from publish_all.findings import Finding, Severity


class FileState(enum.Enum):
    """The state of one file in one repository, from the preflight to the last look at the index."""

    # As the index lists it.
    ABSENT = "absent"
    INCOMPLETE = "incomplete"  # listed with our sha256, but it cannot be fetched; a new upload repairs it
    UNKNOWN = "unknown"
    PRESENT = "present"  # the same bytes
    DIFFERENT = "different"  # other bytes
    # As the preflight decides.
    NOT_STARTED = "not started"  # to upload
    SKIPPED = "skipped"  # other bytes exist, with --skip-existing
    CONFLICT = "conflict"  # other bytes exist
    # As an upload ends.
    UPLOADED = "uploaded"
    REFUSED = "refused"  # for good
    UNAUTHORIZED = "unauthorized"  # the credential was refused (a new one may help if it had expired)
    FAILED = "failed"  # not uploaded
    UNCLEAR = "unclear"  # the body was sent and no answer came: it may be uploaded
    INTERRUPTED = "interrupted"  # stopped by the user: it may be uploaded
    # Further states in the journal.
    PLANNED = "planned"
    STARTED = "started"  # bytes may have been sent: it may be uploaded
    PUBLISHED = "published"
    UNVERIFIED = "unverified"  # published, but no index could be asked for it
    # As the index shows it after the upload.
    VISIBLE = "visible"
    PROPAGATING = "propagating"  # not listed yet, or listed and not available
    UNCHECKED = "unchecked"  # not asked, or it cannot be asked

    @property
    def done(self) -> bool:
        """Whether nothing is left to upload."""
        return self in (FileState.UPLOADED, FileState.PRESENT, FileState.SKIPPED)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileReport:
    """One file in one repository. `size` is in bytes, `seconds` wall time with all attempts and waits."""

    filename: str
    variant: str | None
    size: int
    sha256: str
    status: FileState
    attempts: int = 0
    seconds: float = 0.0
    url: str | None = None
    visibility: FileState = FileState.UNCHECKED
    findings: tuple[Finding, ...] = ()

    @property
    def done(self) -> bool:
        """Whether it is uploaded and, if there is an index, listed there with our bytes."""
        unseen = self.visibility in (FileState.PROPAGATING, FileState.DIFFERENT)
        return self.status.done and not unseen


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseReport:
    """One release in one repository. `committed`: readers can see its uploaded files."""

    project: str
    version: str
    files: tuple[FileReport, ...]
    committed: bool
    page: str | None = None
    install_command: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def complete(self) -> bool:
        return self.committed and all(map(attrgetter("done"), self.files))


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryReport:
    """One repository. `verified`: its index lists every file with our sha256."""

    name: str
    url: str
    kind: str
    releases: tuple[ReleaseReport, ...]
    started: bool
    verified: bool
    seconds: float = 0.0

    @property
    def files(self) -> Sequence[FileReport]:
        return [*chain.from_iterable(map(attrgetter("files"), self.releases))]

    @property
    def complete(self) -> bool:
        """Whether all files are uploaded, and listed if there is an index. Then the next repository may start."""
        return all(map(attrgetter("complete"), self.releases))


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishReport:
    """A whole publish: the state of all files. `stopped_by` is set if not an upload ended it, but a rehearsal for example."""

    repositories: tuple[RepositoryReport, ...]
    interrupted: bool = False
    stopped_by: str | None = None
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return self.stopped_by is None and all(map(attrgetter("complete"), self.repositories))

    @property
    def exit_code(self) -> int:
        """0 done · 5 some are or may be uploaded, and not all are done · 6 conflict · 3 credentials · 1 failed."""
        if self.complete:
            return 0
        statuses = {file.status for each in self.repositories for file in each.files}
        if statuses & _MAY_BE_THERE:
            return 5
        statuses -= {FileState.NOT_STARTED, FileState.SKIPPED}
        if FileState.CONFLICT in statuses:
            return 6
        if statuses == {FileState.UNAUTHORIZED}:
            return 3
        return 1


_MAY_BE_THERE = frozenset({FileState.UPLOADED, FileState.PRESENT, FileState.UNCLEAR, FileState.INTERRUPTED})


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedSubject:
    """A file or a repository that was checked, and its findings."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckSummary:
    """The result of `check`: `subjects` in the order of the checks; `findings` about all of them together."""

    subjects: tuple[CheckedSubject, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        return (*chain.from_iterable(map(attrgetter("findings"), self.subjects)), *self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.all_findings if each.severity is Severity.ERROR)

    @property
    def exit_code(self) -> int:
        """4 if checks failed, as for a publish."""
        return CheckError.exit_code if self.errors else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """An entry of the catalogue. `page` is its URL in the documentation.

    `error_for`, of the checks of files: which ones it is an error for, and not a warning: "any", "own" (files that
    publish-all built; the same as none), "index" (files that go to PyPI, which refuses them).
    """

    code: str
    slug: str
    severity: Severity
    means: str
    why: str
    next_step: str
    seen_by: str
    source: str
    page: str
    error_for: tuple[str, ...] = ()
