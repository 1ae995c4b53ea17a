"""Carry out a plan: repository after repository, each uploaded in parallel, committed and verified.

A run that died is carried on by planning and preflighting the same files again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from publish_all.diagnoses import COMMIT_FAILED, INDEX_DIFFERS, JOURNAL_BROKEN, STILL_PROPAGATING
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import PublishAllError
from publish_all.events import (
    Found,
    Listener,
    RepositoryFinished,
    RepositoryStarted,
    StepStarted,
    UploadFinished,
    VerifyWaiting,
    ignore,
)
from publish_all.findings import Finding
from publish_all.repositories.repository import Look, ReleaseOutcome
from publish_all.results import FileReport, FileState, PublishReport, ReleaseReport, RepositoryReport
from publish_all.upload.journal import Journal
from publish_all.upload.plan import Schedule
from publish_all.upload.preflight import Preflight, RepositoryPreflight, skipped_other_bytes
from publish_all.upload.retry import Attempts, Cancellation, Clock, RetryPolicy
from publish_all.upload.transfer import Transfer, as_findings, file_report, unexpected
from publish_all.upload.workers import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyOptions:
    """How long the index is polled, in seconds, and how long at first and at most between two looks."""

    timeout: float = 180.0
    first: float = 0.5
    longest: float = 15.0


_VERIFY = VerifyOptions()

Gate = Callable[[RepositoryReport], str | None]
"""What stands against going on after a repository that is complete, in words; None for nothing."""

_OURS = (FileState.UPLOADED, FileState.PRESENT)
_NOT_THERE = (FileState.REFUSED, FileState.UNAUTHORIZED, FileState.CONFLICT, FileState.FAILED)
# How the state that the index lists is to be read after the upload.
_VISIBILITY = {
    FileState.ABSENT: FileState.PROPAGATING,
    FileState.DIFFERENT: FileState.DIFFERENT,
    FileState.INCOMPLETE: FileState.UNCHECKED,  # the server lists it and does not hand it out: no proof, and no refusal
    FileState.PRESENT: FileState.VISIBLE,
    FileState.UNKNOWN: FileState.VISIBLE,  # listed without a hash
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Conditions:
    """What all repositories of a publish have in common."""

    workers: Workers
    jobs: int
    journal: Journal
    retry: RetryPolicy
    verify: VerifyOptions | None
    skip_existing: bool
    cancellation: Cancellation
    clock: Clock


def execute(
    preflight: Preflight,
    *,
    journal: Journal,
    listener: Listener = ignore,
    jobs: int = 8,
    retry: RetryPolicy | None = None,
    verify: VerifyOptions | None = _VERIFY,
    skip_existing: bool = False,
    gate: Gate | None = None,
    cancellation: Cancellation | None = None,
    clock: Clock | None = None,
) -> PublishReport:
    """Upload what the preflight decided to upload, at most `jobs` files at a time. Raises its `problem`.

    `verify` None does not look at the index afterwards. The first file that a repository does not take
    ends its turn (running uploads end by themselves), and the repositories after it are not started.
    What became of each file is in the report; nothing is raised for what repositories say. The
    listener is called in the calling thread only. Ctrl-C counts as `cancellation.cancel()` where no
    signal handler catches it. The next repository starts only if `gate` has nothing against it.
    """
    if preflight.problem is not None:
        raise preflight.problem
    cancellation = cancellation or Cancellation()
    # Looks at the index and commits don't take the place of uploads.
    workers = Workers(2 * jobs, listener=listener, cancellation=cancellation)
    conditions = _Conditions(
        workers=workers,
        jobs=jobs,
        journal=journal,
        retry=retry or RetryPolicy(),
        verify=verify,
        skip_existing=skip_existing,
        cancellation=cancellation,
        clock=clock or Clock(),
    )
    began = conditions.clock.now()
    # All that is to go somewhere, so that a later run knows what is left.
    for each in preflight.repositories:
        to = each.plan.repository
        journal.record(FileState.PLANNED, each.plan.files, repository=to.name, url=to.url)
    reports: list[RepositoryReport] = []
    stopped_by: str | None = None
    try:
        for each in preflight.repositories:
            run = _RepositoryRun(each, conditions)
            may_start = stopped_by is None and all(report.complete for report in reports)
            if cancellation.stopping or not may_start:
                reports.append(run.report(started=False))
                continue
            report = run.carry_out()
            reports.append(report)
            listener(
                RepositoryFinished(repository=report.name, complete=report.complete, verified=report.verified)
            )
            if gate is not None and report.complete and not cancellation.stopping:
                stopped_by = gate(report)
    finally:
        workers.close()
    return PublishReport(
        repositories=tuple(reports),
        interrupted=cancellation.stopping,
        stopped_by=stopped_by,
        seconds=conditions.clock.now() - began,
    )


class _RepositoryRun:
    """Uploads, commits and verifies all releases of one repository.

    All methods run in the thread that calls `carry_out`; only transfers, commits and looks at the index
    run in the workers. After the first file that is not taken nothing new is started.
    """

    def __init__(self, asked: RepositoryPreflight, conditions: _Conditions) -> None:
        self._plan = asked.plan
        self._repository = asked.plan.repository
        self._creates = asked.creates
        self._with = conditions
        states = {each.filename: each.state for each in asked.files}
        # What is known of each file; it is replaced as the file gets on.
        self._files = {each.filename: file_report(each, states[each.filename]) for each in asked.plan.files}
        self._commits: dict[str, ReleaseOutcome] = {}
        self._failed = False
        self._journal_is_broken = False
        # Releases that the index does not list yet, and what it said when it was asked for their files.
        self._unseen: dict[str, Release] = {}
        self._said: dict[str, tuple[Finding, ...]] = {}
        self._remarks: dict[Finding, None] = {}
        self._can_be_seen = conditions.verify is not None

    def carry_out(self) -> RepositoryReport:
        began = self._with.clock.now()
        wanted = self._in_state(FileState.NOT_STARTED)
        self._with.workers.tell(StepStarted(step="upload", detail=self._repository.name))
        self._with.workers.tell(
            RepositoryStarted(
                repository=self._repository.name,
                url=self._repository.url,
                files=len(wanted),
                size=sum(each.size for each in wanted),
                skipped=len(self._files) - len(wanted),
            )
        )
        sent_before = frozenset(
            each.filename
            for each in wanted
            if (entry := self._with.journal.entry(each.digests.sha256, self._repository.url))
            and entry.maybe_public
        )
        self._record(FileState.PUBLISHED, self._in_state(FileState.PRESENT))
        self._record(FileState.SKIPPED, self._in_state(FileState.SKIPPED))
        self._upload(wanted, sent_before)
        verified = self._verify()
        return self.report(started=True, verified=verified, seconds=self._with.clock.now() - began)

    def _in_state(self, *states: FileState, seen: FileState | None = None) -> list[Distribution]:
        """The files in one of these states, and with `seen` those that the index shows so."""
        found = ((each, self._files[each.filename]) for each in self._plan.files)
        return [
            each
            for each, known in found
            if known.status in states and (seen is None or known.visibility is seen)
        ]

    def _state(self, file: Distribution) -> FileState:
        return self._files[file.filename].status

    def _record(self, state: FileState, files: Iterable[Distribution]) -> None:
        """Write down what is new; when that fails nothing is sent any more, and what is on its way ends."""
        try:
            self._with.journal.record(
                state, files, repository=self._repository.name, url=self._repository.url
            )
        except OSError as error:
            if not self._journal_is_broken:
                finding = JOURNAL_BROKEN.found(
                    f"the journal cannot be written: {error.strerror or error}",
                    where=str(error.filename or ""),
                )
                self._tell([finding])
            self._journal_is_broken = self._failed = True

    def _tell(self, findings: Iterable[Finding]) -> None:
        for each in findings:
            self._with.workers.tell(Found(finding=each))

    # Uploads

    def _upload(self, wanted: Iterable[Distribution], sent_before: frozenset[str]) -> None:
        schedule = Schedule(
            self._plan, [each.filename for each in wanted], jobs=self._with.jobs, creates=self._creates
        )
        for release in self._plan.releases:
            self._commit_if_ready(release)
        while not self._with.cancellation.aborting:
            self._start(schedule, sent_before)
            if not self._with.workers.running:
                return
            self._with.workers.wait()

    def _start(self, schedule: Schedule, sent_before: frozenset[str]) -> None:
        """Start all that may start now; each file is in the journal before its first byte is sent."""
        files: list[Distribution] = []
        while not (self._failed or self._with.cancellation.stopping) and (each := schedule.next()):
            files.append(each)
        self._record(FileState.STARTED, files)
        for each in () if self._journal_is_broken else files:
            self._files[each.filename] = replace(file_report(each, FileState.INTERRUPTED), attempts=1)
            transfer = Transfer(
                self._repository,
                each,
                retry=self._with.retry,
                clock=self._with.clock,
                cancellation=self._with.cancellation,
                emit=self._with.workers.emit,
                sent_before=each.filename in sent_before,
            )
            self._with.workers.submit(transfer, then=partial(self._transferred, schedule, each))

    def _transferred(self, schedule: Schedule, file: Distribution, result: FileReport) -> None:
        if result.status is FileState.CONFLICT and self._with.skip_existing:
            finding = skipped_other_bytes(self._repository, file)
            result = replace(result, status=FileState.SKIPPED, findings=(finding,))
        self._files[file.filename] = result
        if result.status is FileState.SKIPPED:
            self._record(FileState.SKIPPED, [file])
        elif result.status.done:
            final = self._repository.capabilities.final_on_upload
            self._record(FileState.PUBLISHED if final else FileState.UPLOADED, [file])
        elif result.status in _NOT_THERE:
            self._record(FileState.FAILED, [file])
        self._tell(result.findings)
        self._with.workers.tell(
            UploadFinished(
                repository=self._repository.name,
                filename=file.filename,
                status=result.status.value,
                attempts=result.attempts,
                seconds=result.seconds,
                size=file.size,
            )
        )
        schedule.end(file)
        if result.status.done:
            self._commit_if_ready(next(each for each in self._plan.releases if file in each.distributions))
        else:
            self._failed = True

    # Commits

    def _commit_if_ready(self, release: Release) -> None:
        if not all(self._state(each).done for each in release.distributions):
            return
        # Files whose name is taken by other bytes are left out.
        kept = tuple(each for each in release.distributions if self._state(each) in _OURS)
        ours = replace(release, distributions=kept)
        if kept and not self._repository.capabilities.final_on_upload:
            attempts = Attempts(self._with.retry, self._with.clock, self._with.cancellation)
            self._with.workers.submit(
                partial(commit, self._repository.commit, ours, attempts), then=partial(self._committed, ours)
            )
            return
        self._commits[str(release)] = ReleaseOutcome(complete=True)
        if kept:
            self._look(ours)

    def _committed(self, ours: Release, outcome: ReleaseOutcome) -> None:
        if not outcome.complete:
            self._failed = True
            if not outcome.findings:
                finding = COMMIT_FAILED.found(
                    f"{self._repository.name} does not show {ours} to its readers yet",
                    where=self._repository.name,
                )
                outcome = replace(outcome, findings=(finding,))
        self._commits[str(ours)] = outcome
        self._tell(outcome.findings)
        if outcome.complete:
            self._record(FileState.PUBLISHED, ours.distributions)
            self._look(ours)

    def _is_committed(self, release: Release) -> bool:
        outcome = self._commits.get(str(release))
        return outcome is not None and outcome.complete

    # Verification

    def _look(self, release: Release) -> None:
        """Look whether the index lists a release, also while other releases are on their way."""
        if self._with.verify is not None and not self._with.cancellation.stopping:
            self._unseen[str(release)] = release
            self._with.workers.submit(partial(self._ask, release), then=partial(self._seen, release))

    def _ask(self, release: Release) -> Look:
        try:
            return self._repository.verify(release)
        except Exception as error:  # noqa: BLE001 - the files were sent: the run must end with its report
            return Look(findings=(unexpected(error, self._repository.url),))

    def _seen(self, release: Release, look: Look) -> None:
        self._can_be_seen = self._can_be_seen and look.possible
        missing = []
        for each in release.distributions:
            seen = FileState.UNCHECKED
            if look.possible:
                seen = _VISIBILITY[look.states.get(each.filename, FileState.ABSENT)]
            self._files[each.filename] = replace(self._files[each.filename], visibility=seen)
            missing += [each.filename] if seen is FileState.PROPAGATING else []
        if missing:
            self._said |= dict.fromkeys(missing, look.findings)
        else:
            self._remarks |= dict.fromkeys(look.findings)
            del self._unseen[str(release)]

    def _verify(self) -> bool:
        """Whether the index lists all files with our bytes. Waits for it if all of them are there."""
        options = self._with.verify
        complete = all(self._is_committed(each) for each in self._plan.releases)
        final = complete and not self._with.cancellation.stopping
        if final and options is not None:
            self._poll(options)
        told = [*self._remarks]
        # What was stopped before the index could list all of it is not done.
        wanted = final or (complete and options is not None)
        for name, each in self._files.items():
            unknown = each.visibility is FileState.PROPAGATING
            visibility = FileState.UNCHECKED if unknown and not wanted else each.visibility
            explained = () if unknown and not final else self._explain(name, visibility)
            told += explained
            self._files[name] = replace(each, visibility=visibility, findings=(*each.findings, *explained))
        self._record(FileState.VISIBLE, self._in_state(*_OURS, seen=FileState.VISIBLE))
        if final and not self._with.cancellation.stopping:
            # No index can be asked: what was accepted is all that there is to know.
            self._record(FileState.UNVERIFIED, self._in_state(*_OURS, seen=FileState.UNCHECKED))
        self._tell(told)
        # Where other bytes were kept, they are what the index lists.
        seen = all(each.visibility is FileState.VISIBLE for each in self._files.values())
        return final and self._can_be_seen and seen

    def _poll(self, options: VerifyOptions) -> None:
        """Look again until everything is listed, or the timeout is over. Never raises for what the index says."""
        workers, clock, cancellation = self._with.workers, self._with.clock, self._with.cancellation
        workers.tell(StepStarted(step="verify", detail=self._repository.name))
        began, pause = clock.now(), options.first
        while True:
            workers.drain()
            rest = options.timeout - (clock.now() - began)
            if not self._unseen or rest <= 0 or cancellation.stopping:
                return
            seconds = min(pause, rest)
            names = (name for name, each in self._files.items() if each.visibility is FileState.PROPAGATING)
            workers.tell(
                VerifyWaiting(repository=self._repository.name, missing=tuple(names), seconds=seconds)
            )
            # In a worker, so that Ctrl-C gets through everywhere.
            workers.submit(partial(clock.wait, seconds, cancellation.stopped), then=lambda _: None)
            workers.drain()
            pause = min(pause * 2, options.longest)
            for release in list(self._unseen.values()):
                self._look(release)

    def _explain(self, filename: str, visibility: FileState) -> tuple[Finding, ...]:
        """What there is to say about how the index lists a file."""
        name, where = self._repository.name, f"{self._repository.name}: {filename}"
        match visibility:
            case FileState.PROPAGATING:
                finding = STILL_PROPAGATING.found(
                    f"{name} accepted {filename}, but its index does not list it yet", where=where
                )
                return (finding, *self._said.get(filename, ()))
            case FileState.DIFFERENT:
                finding = INDEX_DIFFERS.found(
                    f"the index of {name} lists {filename} with another sha256 than the one uploaded",
                    where=where,
                )
                return (finding,)
            case _:
                return ()

    # Report

    def report(self, *, started: bool, verified: bool = False, seconds: float = 0.0) -> RepositoryReport:
        return RepositoryReport(
            name=self._repository.name,
            url=self._repository.url,
            kind=self._repository.kind.name,
            releases=tuple(self._report_release(each) for each in self._plan.releases),
            started=started,
            verified=verified,
            seconds=seconds,
        )

    def _report_release(self, release: Release) -> ReleaseReport:
        outcome = self._commits.get(str(release))
        return ReleaseReport(
            project=release.project,
            version=str(release.version),
            files=tuple(self._files[each.filename] for each in release.distributions),
            committed=self._is_committed(release),
            page=self._repository.page(release),
            install_command=self._repository.install_command(release),
            findings=outcome.findings if outcome is not None else (),
        )


def commit(ask: Callable[[Release], ReleaseOutcome], release: Release, attempts: Attempts) -> ReleaseOutcome:
    """Make the uploaded files of a release visible, with the same patience as an upload. It is idempotent."""
    while True:
        attempts.begin()
        try:
            outcome = ask(release)
        except PublishAllError as error:
            outcome = ReleaseOutcome(complete=False, findings=as_findings(error))
        except Exception as error:  # noqa: BLE001 - as in a transfer
            outcome = ReleaseOutcome(complete=False, findings=(unexpected(error, str(release)),))
        if outcome.complete or not outcome.retryable or not attempts.wait():
            return outcome
