"""Carry out a plan: repository after repository, each uploaded in parallel, committed and verified.

A failed run is resumed by planning and checking the same files again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter

from publish_all import events
from publish_all.diagnoses import STILL_PROPAGATING, Diagnosis
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import PublishAllError
from publish_all.findings import Finding
from publish_all.repositories.repository import Look, ReleaseOutcome, Repository
from publish_all.results import FileReport, FileState, PublishReport, ReleaseReport, RepositoryReport
from publish_all.upload.journal import Journal
from publish_all.upload.plan import Schedule
from publish_all.upload.preflight import Preflight, RepositoryPreflight
from publish_all.upload.transfer import Transfer, file_report, other_bytes, unexpected
from publish_all.upload.workers import Attempts, Cancellation, Clock, Workers

VERIFY_SECONDS = 180.0
"""Seconds for which the index is polled."""
# Seconds between two looks at the index: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

Gate = Callable[[RepositoryReport], str | None]
"""A reason not to continue after a complete repository; None if there is none."""

_OURS = (FileState.UPLOADED, FileState.PRESENT)
_NOT_THERE = (FileState.REFUSED, FileState.UNAUTHORIZED, FileState.CONFLICT, FileState.FAILED)
# The final state after the upload, by the state in the index.
_VISIBILITY = {
    FileState.ABSENT: FileState.PROPAGATING,
    FileState.DIFFERENT: FileState.DIFFERENT,
    FileState.INCOMPLETE: FileState.UNCHECKED,  # the server lists it and does not hand it out: no proof, and no refusal
    FileState.PRESENT: FileState.VISIBLE,
    FileState.UNKNOWN: FileState.VISIBLE,  # listed without a hash
}


def execute(
    preflight: Preflight,
    *,
    journal: Journal,
    listener: events.Listener = events.ignore,
    jobs: int = 8,
    verify: float | None = VERIFY_SECONDS,
    skip_existing: bool = False,
    gate: Gate | None = None,
    cancellation: Cancellation | None = None,
    clock: Clock | None = None,
) -> PublishReport:
    """Upload what the preflight decided to upload, at most `jobs` files at a time. Raises its `problem`.

    The index is polled for `verify` seconds, and not at all for None. The first file that a repository refuses
    ends its turn (running uploads finish), and the repositories after it are not started. In a workspace
    this applies to the file's member and the members that need it; the others continue. Those that the
    preflight `stopped` are not started, if others can be uploaded and there is no `gate`.
    The report has the state of each file; nothing is raised for answers of repositories. The
    listener is called in the calling thread only. Ctrl-C counts as `cancellation.cancel()` where no
    signal handler catches it. The next repository starts only if `gate` returns None.
    """
    if preflight.problem is not None and (gate is not None or not preflight.others_go):
        raise preflight.problem
    clock, cancellation = clock or Clock(), cancellation or Cancellation()
    began = clock.now()
    # Looks at the index and commits don't take the place of uploads.
    workers = Workers(2 * jobs, listener=listener, cancellation=cancellation, clock=clock)
    stopped = {*preflight.stopped}
    # All files of the plan, so that a later run knows the rest.
    for each in preflight.repositories:
        to = each.plan.repository
        files = [file for file in each.plan.files if not each.plan.waits_for(file.member, stopped)]
        journal.record(FileState.PLANNED, files, repository=to.name, url=to.url)
    reports: list[RepositoryReport] = []
    stopped_by: str | None = None
    try:
        for each in preflight.repositories:
            run = _RepositoryRun(
                asked=each,
                workers=workers,
                jobs=jobs,
                journal=journal,
                seconds=verify,
                skip_existing=skip_existing,
                stopped={*stopped},
            )
            members = each.plan.members
            if cancellation.stopping or stopped_by is not None or (stopped and members <= stopped):
                reports.append(run.report(started=False))
                continue
            report = run.carry_out()
            reports.append(report)
            listener(
                events.RepositoryFinished(
                    repository=report.name, complete=report.complete, verified=report.verified
                )
            )
            if gate is not None and report.complete and not cancellation.stopping:
                stopped_by = gate(report)
            incomplete = set()
            for release, told in zip(each.plan.releases, report.releases, strict=True):
                if not told.complete:
                    incomplete.add(release.member)
            # An error in the preflight stops everything.
            stopped |= members if incomplete and gate is not None else incomplete
    finally:
        workers.close()
    return PublishReport(
        repositories=tuple(reports),
        interrupted=cancellation.stopping,
        stopped_by=stopped_by,
        seconds=clock.now() - began,
    )


@dataclass(kw_only=True)
class _RepositoryRun:
    """Uploads, commits and verifies all releases of one repository.

    All methods run in the thread that calls `carry_out`; only transfers, commits and looks at the index
    run in the workers. After the first refused file, no upload is started, or in a workspace none of
    its member and the members that need it: these are `stopped`.
    """

    asked: RepositoryPreflight
    workers: Workers
    jobs: int
    journal: Journal
    seconds: float | None
    skip_existing: bool
    stopped: set[str | None]
    journal_is_broken: bool = False
    # Releases that the index does not list yet, and its last answer about their files, by filename.
    unseen: dict[str, Release] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    remarks: dict[Finding, None] = field(default_factory=dict)
    # The pause before the next look at the index, in seconds.
    pause: float = _FIRST_PAUSE
    verifies: bool = False

    def __post_init__(self) -> None:
        self.plan, self.repository = self.asked.plan, self.asked.plan.repository
        self.clock, self.cancellation = self.workers.clock, self.workers.cancellation
        # The report of each file, replaced when its state changes.
        self.files: dict[str, FileReport] = {}
        for file, (state, _) in zip(self.plan.files, self.asked.states, strict=True):
            self.files[file.filename] = file_report(file, state)
        self.last_upload = self.clock.now()
        self.commits = dict.fromkeys(map(str, self.plan.releases), ReleaseOutcome(complete=False))

    def carry_out(self) -> RepositoryReport:
        began = self.clock.now()
        wanted = {each.filename: each.size for each in self._in_state(FileState.NOT_STARTED)}
        self.workers.listener(events.StepStarted(step="upload", detail=self.repository.name))
        self.workers.listener(
            events.RepositoryStarted(
                repository=self.repository.name,
                url=self.repository.url,
                files=len(wanted),
                size=sum(wanted.values()),
                skipped=len(self.files) - len(wanted),
            )
        )
        self._record(FileState.PUBLISHED, self._in_state(FileState.PRESENT))
        self._record(FileState.SKIPPED, self._in_state(FileState.SKIPPED))
        for release in self.plan.releases:
            self._commit_if_ready(release)
        schedule = Schedule(
            self.plan, wanted, jobs=self.jobs, creates=self.asked.creates, may=self._may_start
        )
        while not self.cancellation.aborting:
            self._start(schedule)
            if self.workers.running:
                self.workers.wait()
            elif not self._look_again():
                break
        if self.plan.needs:
            self._tell_of_stopped()
        verified = self._verify()
        return self.report(started=True, verified=verified, seconds=self.clock.now() - began)

    def _in_state(self, *states: FileState, seen: FileState | None = None) -> list[Distribution]:
        """The files in one of these states, with `seen` also those that have it in the index."""
        return [
            each
            for each in self.plan.files
            if (known := self.files[each.filename]).status in states and seen in (None, known.visibility)
        ]

    def _record(self, state: FileState, files: Iterable[Distribution]) -> None:
        """Record new states; if that fails, nothing more is sent, and running uploads finish."""
        try:
            self.journal.record(state, files, repository=self.repository.name, url=self.repository.url)
        except OSError as error:
            if not self.journal_is_broken:
                finding = Diagnosis("PA489").found(
                    f"the journal cannot be written: {error.strerror or error}",
                    where=str(error.filename or ""),
                )
                self._tell([finding])
            self.journal_is_broken = True
            self.stopped |= self.plan.members

    def _tell(self, findings: Iterable[Finding]) -> None:
        for each in findings:
            self.workers.listener(events.Found(finding=each))

    # Uploads

    def _tell_of_stopped(self) -> None:
        """Report the releases that are not uploaded because a member that they need is missing."""
        for release in self.plan.releases:
            lacking = sorted(self.plan.needs.get(release.member, frozenset()) & self.stopped)
            if lacking and not self.commits[str(release)].complete:
                message = f"{release} is not uploaded: it needs {', '.join(lacking)}"
                self.workers.listener(events.Note(message=message))

    def _may_start(self, member: str | None) -> bool:
        """Whether all members that a member needs are uploaded, and seen in the index."""
        if self.plan.waits_for(member, self.stopped):
            return False
        needs = self.plan.needs.get(member, frozenset())
        for each in self.plan.releases if needs else ():
            if each.member in needs and (not self.commits[str(each)].complete or str(each) in self.unseen):
                return False
        return True

    def _start(self, schedule: Schedule) -> None:
        """Start all uploads that may start now; each file is in the journal before its first byte is sent."""
        transfers = []
        while not self.cancellation.stopping and (file := schedule.next()):
            before = self.journal.entry(file.digests.sha256, self.repository.url)
            transfer = Transfer(
                self.repository,
                file,
                Attempts(clock=self.clock, cancellation=self.cancellation),
                self.workers.emit,
                sent_before=before is not None and before.maybe_public,
            )
            transfers.append(transfer)
        self._record(FileState.STARTED, map(attrgetter("file"), transfers))
        for each in () if self.journal_is_broken else transfers:
            report = file_report(each.file, FileState.INTERRUPTED)
            self.files[each.file.filename] = replace(report, attempts=1)
            self.workers.submit(each, then=partial(self._transferred, schedule, each.file))

    def _transferred(self, schedule: Schedule, file: Distribution, result: FileReport) -> None:
        if result.status is FileState.CONFLICT and self.skip_existing:
            finding = other_bytes(self.repository, file, skipped=True)
            result = replace(result, status=FileState.SKIPPED, findings=(finding,))
        self.files[file.filename] = result
        self.last_upload, self.pause = self.clock.now(), _FIRST_PAUSE
        if result.status is FileState.SKIPPED:
            self._record(FileState.SKIPPED, [file])
        elif result.status.done:
            final = self.repository.capabilities.final_on_upload
            self._record(FileState.PUBLISHED if final else FileState.UPLOADED, [file])
        elif result.status in _NOT_THERE:
            self._record(FileState.FAILED, [file])
        self._tell(result.findings)
        self.workers.listener(
            events.UploadFinished(
                repository=self.repository.name,
                filename=file.filename,
                status=result.status.value,
                attempts=result.attempts,
                seconds=result.seconds,
                size=file.size,
            )
        )
        schedule.end(file)
        if result.status.done:
            for release in self.plan.releases:
                if file in release.distributions:
                    self._commit_if_ready(release)
        else:
            self.stopped.add(file.member)

    # Commits

    def _commit_if_ready(self, release: Release) -> None:
        kept = []
        for each in release.distributions:
            state = self.files[each.filename].status
            if not state.done:
                return
            # Without files whose name belongs to other bytes.
            if state is not FileState.SKIPPED:
                kept.append(each)
        ours = replace(release, distributions=tuple(kept))
        if kept and not self.repository.capabilities.final_on_upload:
            attempts = Attempts(clock=self.clock, cancellation=self.cancellation)
            task = partial(_commit, self.repository, ours, attempts)
            self.workers.submit(task, then=partial(self._committed, ours))
            return
        self.commits[str(release)] = ReleaseOutcome(complete=True)
        if kept:
            self._look(ours)

    def _committed(self, ours: Release, outcome: ReleaseOutcome) -> None:
        self.commits[str(ours)] = outcome
        self._tell(outcome.findings)
        if outcome.complete:
            self._record(FileState.PUBLISHED, ours.distributions)
            self._look(ours)
        else:
            self.stopped.add(ours.member)

    # Verification

    def _look(self, release: Release) -> None:
        """Check whether the index lists a release, also while other releases are uploaded."""
        if self.seconds is not None and not self.cancellation.stopping:
            self.unseen[str(release)] = release
            self.workers.submit(partial(self._ask, release), then=partial(self._seen, release))

    def _ask(self, release: Release) -> Look:
        try:
            return self.repository.verify(release)
        except Exception as error:  # noqa: BLE001 - the files were sent: the run must end with its report
            return Look(findings=(unexpected(error, self.repository.url),))

    def _seen(self, release: Release, look: Look) -> None:
        missing, different = [], False
        for each in release.distributions:
            seen = FileState.UNCHECKED
            if look.possible:
                seen = _VISIBILITY[look.states.get(each.filename, FileState.ABSENT)]
            self.files[each.filename] = replace(self.files[each.filename], visibility=seen)
            different = different or seen is FileState.DIFFERENT
            if seen is FileState.PROPAGATING:
                missing.append(each.filename)
        self.looks |= dict.fromkeys(missing, look)
        if not missing:
            self.remarks |= dict.fromkeys(look.findings)
        if not missing or look.final:
            del self.unseen[str(release)]
        if release.member is not None and (different or (missing and look.final)):
            self.stopped.add(release.member)

    def _look_again(self) -> bool:
        """Look once more at releases that the index does not list yet, after a pause. False if there is none or no time."""
        if self.seconds is None or self.cancellation.stopping:
            return False
        if not self.verifies and not self.plan.members <= self.stopped:
            self.verifies = True
            self.workers.listener(events.StepStarted(step="verify", detail=self.repository.name))
        waiting: list[Release] = []
        rest = self.seconds - (self.clock.now() - self.last_upload)
        for each in self.unseen.values():
            if rest > 0 and each.member not in self.stopped:
                waiting.append(each)
            elif each.member is not None:
                self.stopped.add(each.member)  # members that need it are not uploaded
        if not waiting:
            return False
        pause, self.pause = min(self.pause, rest), min(2 * self.pause, _LONGEST_PAUSE)
        missing = [file.filename for file in self._in_state(*_OURS, seen=FileState.PROPAGATING)]
        self.workers.listener(
            events.VerifyWaiting(repository=self.repository.name, missing=tuple(missing), seconds=pause)
        )

        def look(_: object) -> None:
            for each in waiting:
                self._look(each)

        # It waits in a worker, so that Ctrl-C gets through everywhere.
        self.workers.submit(partial(self.clock.wait, pause, self.cancellation.stopped), then=look)
        return True

    def _verify(self) -> bool:
        """Whether the index lists all files with our bytes."""
        lacking: set[str | None] = set()
        for each in self.plan.releases:
            if not self.commits[str(each)].complete:
                lacking.add(each.member)
        stopping, seen = self.cancellation.stopping, self.seconds is not None
        told = [*self.remarks]
        unverified = []
        for file in self.plan.files:
            report = self.files[file.filename]
            final = file.member not in lacking and not stopping
            explained: tuple[Finding, ...] = ()
            missing = report.visibility is FileState.PROPAGATING
            if report.visibility is FileState.DIFFERENT or (missing and final):
                explained = self._explain(file.filename, report.visibility)
            elif missing and file.member in lacking:
                # Releases that were stopped before the index could list them are not done.
                report = replace(report, visibility=FileState.UNCHECKED)
            told += explained
            self.files[file.filename] = replace(report, findings=(*report.findings, *explained))
            if final and report.status in _OURS and report.visibility is FileState.UNCHECKED:
                unverified.append(file)
            # The index lists other bytes if they were kept.
            seen = seen and report.visibility is FileState.VISIBLE
        self._record(FileState.VISIBLE, self._in_state(*_OURS, seen=FileState.VISIBLE))
        if not stopping:
            # There is no index: accepted uploads are the only information.
            self._record(FileState.UNVERIFIED, unverified)
        self._tell(told)
        return seen and not lacking and not stopping

    def _explain(self, filename: str, visibility: FileState) -> tuple[Finding, ...]:
        """Findings about the entry of a file in the index."""
        name, where = self.repository.name, f"{self.repository.name}: {filename}"
        if visibility is FileState.DIFFERENT:
            message = f"the index of {name} lists {filename} with another sha256 than the one uploaded"
            return (Diagnosis("PA484").found(message, where=where),)
        look = self.looks[filename]
        if look.final:
            return look.findings
        message = f"{name} accepted {filename}, but its index does not list it yet"
        return (STILL_PROPAGATING.found(message, where=where), *look.findings)

    # Report

    def report(self, *, started: bool, verified: bool = False, seconds: float = 0.0) -> RepositoryReport:
        to, releases = self.repository, []
        together = [each.project for each in self.plan.releases]
        for each in self.plan.releases:
            outcome = self.commits[str(each)]
            release = ReleaseReport(
                project=each.project,
                version=str(each.version),
                files=tuple(self.files[file.filename] for file in each.distributions),
                committed=outcome.complete,
                page=to.page(each),
                install_command=to.install_command(each, together),
                findings=outcome.findings,
            )
            releases.append(release)
        return RepositoryReport(
            name=to.name,
            url=to.url,
            kind=to.kind.name,
            releases=tuple(releases),
            started=started,
            verified=verified,
            seconds=seconds,
        )


def _commit(repository: Repository, release: Release, attempts: Attempts) -> ReleaseOutcome:
    """Make the uploaded files of a release visible, with the same retries as an upload. It is idempotent."""
    while True:
        attempts.number += 1
        try:
            outcome = repository.commit(release)
        except PublishAllError as error:
            outcome = ReleaseOutcome.failed(error)
        except Exception as error:  # noqa: BLE001 - as in a transfer
            outcome = ReleaseOutcome(complete=False, findings=(unexpected(error, str(release)),))
        if outcome.complete or not outcome.retryable or not attempts.wait(attempts.pause()):
            break
    if outcome.complete or outcome.findings:
        return outcome
    msg = f"{repository.name} does not show {release} to its readers yet"
    return replace(outcome, findings=(Diagnosis("PA485").found(msg, where=repository.name),))
