"""The uploads of one repository, from its first file to its verification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from publish_all._values import dataclass
from publish_all.diagnoses import COMMIT_FAILED, JOURNAL_BROKEN
from publish_all.distributions.distribution import Distribution, Release
from publish_all.events import Found, RepositoryStarted, StepStarted, UploadFinished
from publish_all.findings import Finding
from publish_all.repositories.repository import ReleaseOutcome, Repository
from publish_all.results import FileReport, FileState, ReleaseReport, RepositoryReport
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.commit import Commit
from publish_all.upload.decide import Decision
from publish_all.upload.journal import Journal
from publish_all.upload.plan import ReleasePlan, RepositoryPlan, Step
from publish_all.upload.preflight import skipped_other_bytes
from publish_all.upload.schedule import Schedule
from publish_all.upload.transfer import RetryPolicy, Transfer, Transferred
from publish_all.upload.verify import NOTHING_SEEN, Verified, Verifier, VerifyOptions
from publish_all.upload.workers import Workers

_LESS_THAN_SEEN = (FileState.PUBLISHED, FileState.UNVERIFIED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What all repositories of a publish have in common."""

    workers: Workers
    jobs: int
    journal: Journal
    retry: RetryPolicy
    verify: VerifyOptions | None
    skip_existing: bool
    cancellation: Cancellation
    clock: Clock


class RepositoryRun:
    """Uploads, commits and verifies all releases of one repository.

    All methods run in the thread that calls `carry_out`; only transfers, commits and looks at the index
    run in the workers. After the first file that is not taken nothing new is started.
    """

    def __init__(
        self, plan: RepositoryPlan, decisions: Mapping[str, Decision], conditions: Conditions
    ) -> None:
        self._plan = plan
        self._decisions = decisions
        self._with = conditions
        self._final = plan.repository.capabilities.final_on_upload
        self._results = {
            name: Transferred(status=each.action, attempts=0, seconds=0.0) for name, each in decisions.items()
        }
        self._sent_before = frozenset(
            each.distribution.filename
            for each in plan.steps
            if (entry := conditions.journal.entry(each.distribution.digests.sha256, plan.repository.url))
            and entry.maybe_public
        )
        self._commits: dict[str, ReleaseOutcome] = {}
        self._failed = False
        self._journal_is_broken = False
        self._verifier = self._make_verifier()

    def carry_out(self) -> RepositoryReport:
        began = self._with.clock.now()
        self._announce()
        self._journal_what_is_there()
        self._upload()
        seen = self._verify()
        # Where other bytes were kept, they are what the index lists.
        kept = any(self._status(each) is FileState.SKIPPED for each in self._plan.steps)
        verified = seen.possible and seen.clear and not kept
        return self._report(seen, started=True, verified=verified, seconds=self._with.clock.now() - began)

    def _make_verifier(self) -> Verifier | None:
        if self._with.verify is None:
            return None
        return Verifier(
            self._plan.repository,
            options=self._with.verify,
            workers=self._with.workers,
            clock=self._with.clock,
            cancellation=self._with.cancellation,
        )

    def leave_out(self) -> RepositoryReport:
        """The report of a repository whose turn did not come."""
        return self._report(NOTHING_SEEN, started=False, verified=False)

    @property
    def _repository(self) -> Repository:
        return self._plan.repository

    def _announce(self) -> None:
        wanted = [each.distribution for each in self._plan.steps if self._is_wanted(each)]
        self._with.workers.tell(StepStarted(step="upload", detail=self._repository.name))
        self._with.workers.tell(
            RepositoryStarted(
                repository=self._repository.name,
                url=self._repository.url,
                files=len(wanted),
                size=sum(each.size for each in wanted),
                skipped=len(self._decisions) - len(wanted),
            )
        )

    def _is_wanted(self, step: Step) -> bool:
        return self._decisions[step.distribution.filename].action is FileState.NOT_STARTED

    def _journal_what_is_there(self) -> None:
        for status, state in (
            (FileState.PRESENT, FileState.PUBLISHED),
            (FileState.SKIPPED, FileState.SKIPPED),
        ):
            self._journal(
                state, (each.distribution for each in self._plan.steps if self._status(each) is status)
            )

    def _status(self, step: Step) -> FileState:
        return self._results[step.distribution.filename].status

    def _journal(self, state: FileState, files: Iterable[Distribution]) -> None:
        """Record what is new in the journal."""
        journal, url = self._with.journal, self._repository.url
        fresh = []
        for each in files:
            entry = journal.entry(each.digests.sha256, url)
            known = entry.state if entry is not None else None
            settled = state in _LESS_THAN_SEEN and known is FileState.VISIBLE
            if known is not state and not settled:
                fresh.append(each)
        try:
            journal.record(state, fresh, repository=self._repository.name, url=url)
        except OSError as error:
            self._journal_broke(error)

    def _journal_broke(self, error: OSError) -> None:
        """Nothing is sent any more that could not be written down; what is on its way ends."""
        if not self._journal_is_broken:
            finding = JOURNAL_BROKEN.found(
                f"the journal cannot be written: {error.strerror or error}",
                where=str(error.filename or ""),
                hint="Make room on that disk, then run the same command again: it looks what is there first.",
            )
            self._find([finding])
        self._journal_is_broken = self._failed = True

    # Uploads

    def _upload(self) -> None:
        wanted = frozenset(each.distribution.filename for each in self._plan.steps if self._is_wanted(each))
        schedule = Schedule(
            [(each, wanted) for each in self._plan.releases],
            self._repository.capabilities,
            jobs=self._with.jobs,
        )
        for each in self._plan.releases:
            self._commit_if_ready(each)
        while not self._with.cancellation.aborting:
            self._start(schedule)
            if not self._with.workers.running:
                return
            self._with.workers.wait()

    def _start(self, schedule: Schedule) -> None:
        """Start all that may start now; each file is in the journal before its first byte is sent."""
        steps: list[Step] = []
        while not (self._failed or self._with.cancellation.stopping):
            step = schedule.next()
            if step is None:
                break
            steps.append(step)
        self._journal(FileState.STARTED, (each.distribution for each in steps))
        for step in () if self._journal_is_broken else steps:
            self._results[step.distribution.filename] = Transferred(
                status=FileState.INTERRUPTED, attempts=1, seconds=0.0, unclear=True
            )
            self._with.workers.submit(self._transfer(step), then=partial(self._transferred, schedule, step))

    def _transfer(self, step: Step) -> Transfer:
        return Transfer(
            repository=self._repository,
            distribution=step.distribution,
            retry=self._with.retry,
            clock=self._with.clock,
            cancellation=self._with.cancellation,
            emit=self._with.workers.emit,
            sent_before=step.distribution.filename in self._sent_before,
        )

    def _transferred(self, schedule: Schedule, step: Step, result: Transferred) -> None:
        if result.status is FileState.CONFLICT and self._with.skip_existing:
            finding = skipped_other_bytes(self._repository, step.distribution)
            result = replace(result, status=FileState.SKIPPED, findings=(finding,))
        self._results[step.distribution.filename] = result
        self._journal_result(step.distribution, result)
        self._tell(step.distribution, result)
        schedule.end(step)
        if not result.status.done:
            self._failed = True
            return
        self._commit_if_ready(next(each for each in self._plan.releases if step in each.steps))

    def _journal_result(self, distribution: Distribution, result: Transferred) -> None:
        if result.status is FileState.SKIPPED:
            self._journal(FileState.SKIPPED, [distribution])
        elif result.status.done:
            self._journal(FileState.PUBLISHED if self._final else FileState.UPLOADED, [distribution])
        elif not result.unclear:
            self._journal(FileState.FAILED, [distribution])

    def _tell(self, distribution: Distribution, result: Transferred) -> None:
        self._find(result.findings)
        self._with.workers.tell(
            UploadFinished(
                repository=self._repository.name,
                filename=distribution.filename,
                status=result.status.value,
                attempts=result.attempts,
                seconds=result.seconds,
                size=distribution.size,
            )
        )

    def _find(self, findings: Iterable[Finding]) -> None:
        for each in findings:
            self._with.workers.tell(Found(finding=each))

    # Commits

    def _commit_if_ready(self, release: ReleasePlan) -> None:
        if not all(self._status(each).done for each in release.steps):
            return
        ours = self._ours(release)
        if self._final or ours is None:
            self._commits[str(release.release)] = ReleaseOutcome(complete=True)
            self._look(ours)
            return
        commit = Commit(
            repository=self._repository,
            release=ours,
            retry=self._with.retry,
            clock=self._with.clock,
            cancellation=self._with.cancellation,
        )
        self._with.workers.submit(commit, then=partial(self._committed, release, ours))

    def _ours(self, release: ReleasePlan) -> Release | None:
        """The release without files whose name is taken by other bytes; None if nothing is left."""
        files = tuple(
            each.distribution
            for each in release.steps
            if self._status(each) in (FileState.UPLOADED, FileState.PRESENT)
        )
        return replace(release.release, distributions=files) if files else None

    def _committed(self, release: ReleasePlan, ours: Release, outcome: ReleaseOutcome) -> None:
        if not outcome.complete:
            self._failed = True
            if not outcome.findings:
                finding = COMMIT_FAILED.found(
                    f"{self._repository.name} does not show {release.release} to its readers yet",
                    where=self._repository.name,
                    hint="Run the same command again: the files are there, only this step is left.",
                )
                outcome = replace(outcome, findings=(finding,))
        self._commits[str(release.release)] = outcome
        self._find(outcome.findings)
        if outcome.complete:
            self._journal(FileState.PUBLISHED, ours.distributions)
            self._look(ours)

    def _look(self, ours: Release | None) -> None:
        """See whether the index lists a release, while other releases are still on their way."""
        if ours is not None and self._verifier is not None and not self._with.cancellation.stopping:
            self._verifier.look(ours)

    def _is_committed(self, release: ReleasePlan) -> bool:
        outcome = self._commits.get(str(release.release))
        return outcome is not None and outcome.complete

    # Verification

    def _verify(self) -> Verified:
        complete = all(self._is_committed(each) for each in self._plan.releases)
        final = complete and not self._with.cancellation.stopping
        if self._verifier is None:
            seen = NOTHING_SEEN
        else:
            seen = self._verifier.finish() if final else self._verifier.so_far()
        self._journal(FileState.VISIBLE, self._looking(seen, FileState.VISIBLE))
        if final and not self._with.cancellation.stopping:
            # No index can be asked: what was accepted is all that there is to know.
            self._journal(FileState.UNVERIFIED, self._looking(seen, FileState.UNCHECKED))
        for findings in (seen.remarks, *seen.findings.values()):
            self._find(findings)
        return seen

    def _looking(self, seen: Verified, wanted: FileState) -> Iterator[Distribution]:
        """The files that are there, and of which this was seen."""
        for each in self._plan.steps:
            there = self._status(each) in (FileState.UPLOADED, FileState.PRESENT)
            if there and seen.visibility.get(each.distribution.filename, FileState.UNCHECKED) is wanted:
                yield each.distribution

    # Report

    def _report(
        self, seen: Verified, *, started: bool, verified: bool, seconds: float = 0.0
    ) -> RepositoryReport:
        return RepositoryReport(
            name=self._repository.name,
            url=self._repository.url,
            kind=self._repository.kind.name,
            releases=tuple(self._report_release(each, seen) for each in self._plan.releases),
            started=started,
            verified=verified,
            seconds=seconds,
        )

    def _report_release(self, release: ReleasePlan, seen: Verified) -> ReleaseReport:
        outcome = self._commits.get(str(release.release))
        return ReleaseReport(
            project=release.release.project,
            version=str(release.release.version),
            files=tuple(self._report_file(each.distribution, seen) for each in release.steps),
            committed=outcome is not None and outcome.complete,
            page=self._repository.page(release.release),
            install_command=self._repository.install_command(release.release),
            findings=outcome.findings if outcome is not None else (),
        )

    def _report_file(self, distribution: Distribution, seen: Verified) -> FileReport:
        name = distribution.filename
        result = self._results[name]
        return FileReport(
            filename=name,
            variant=distribution.variant,
            size=distribution.size,
            sha256=distribution.digests.sha256,
            status=result.status,
            attempts=result.attempts,
            seconds=result.seconds,
            url=result.url,
            visibility=seen.visibility.get(name, FileState.UNCHECKED),
            findings=(*result.findings, *seen.findings.get(name, ())),
        )
