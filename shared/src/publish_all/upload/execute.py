"""Carry out a plan: repository after repository, each uploaded in parallel, committed and verified.

A run that died is carried on by planning and preflighting the same files again: what is there already
is decided in `decide`.
"""

from __future__ import annotations

from collections.abc import Callable

from publish_all.events import Listener, RepositoryFinished, ignore
from publish_all.results import FileState, PublishReport, RepositoryReport
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.journal import Journal
from publish_all.upload.plan import Plan
from publish_all.upload.preflight import Preflight
from publish_all.upload.run import Conditions, RepositoryRun
from publish_all.upload.transfer import RetryPolicy
from publish_all.upload.verify import VerifyOptions
from publish_all.upload.workers import Workers

_VERIFY = VerifyOptions()

Gate = Callable[[RepositoryReport], str | None]
"""What stands against going on after a repository that is complete, in words; None for nothing."""


def execute(
    plan: Plan,
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
    """Upload what the preflight decided to upload, at most `jobs` files at a time.

    `preflight` is that of the same plan and must be clear: raises what its `require_clear` raises.
    `verify` None does not look at the index afterwards. The first file that a repository does not take
    ends its turn (running uploads end by themselves), and the repositories after it are not started.
    What became of each file is in the report; nothing is raised for what repositories say. The
    listener is called in the calling thread only. Ctrl-C counts as `cancellation.cancel()` where no
    signal handler catches it. The next repository starts only if `gate` has nothing against it.
    """
    preflight.require_clear()
    cancellation = cancellation or Cancellation()
    # Looks at the index and commits don't take the place of uploads.
    workers = Workers(2 * jobs, listener=listener, cancellation=cancellation)
    conditions = Conditions(
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
    _write_down(plan, journal)
    try:
        reports, stopped_by = _one_after_another(plan, preflight, conditions, listener, gate)
    finally:
        workers.close()
    return PublishReport(
        repositories=reports,
        interrupted=conditions.cancellation.stopping,
        stopped_by=stopped_by,
        seconds=conditions.clock.now() - began,
    )


def _one_after_another(
    plan: Plan, preflight: Preflight, conditions: Conditions, listener: Listener, gate: Gate | None
) -> tuple[tuple[RepositoryReport, ...], str | None]:
    reports: list[RepositoryReport] = []
    stopped_by: str | None = None
    for each, answer in zip(plan.repositories, preflight.repositories, strict=True):
        run = RepositoryRun(each, answer.decisions, conditions)
        may_start = stopped_by is None and all(report.complete for report in reports)
        if conditions.cancellation.stopping or not may_start:
            reports.append(run.leave_out())
            continue
        report = run.carry_out()
        reports.append(report)
        listener(
            RepositoryFinished(repository=report.name, complete=report.complete, verified=report.verified)
        )
        if gate is not None and report.complete and not conditions.cancellation.stopping:
            stopped_by = gate(report)
    return tuple(reports), stopped_by


def _write_down(plan: Plan, journal: Journal) -> None:
    """Everything that is to go somewhere, so that a later run knows what is left."""
    for each in plan.repositories:
        fresh = [
            step.distribution
            for step in each.steps
            if _is_news(journal, step.distribution.digests.sha256, each.repository.url)
        ]
        journal.record(FileState.PLANNED, fresh, repository=each.repository.name, url=each.repository.url)


def _is_news(journal: Journal, sha256: str, url: str) -> bool:
    entry = journal.entry(sha256, url)
    return entry is None or entry.state is FileState.FAILED
