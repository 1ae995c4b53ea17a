"""Publish: build, check, before-publish, preflight, upload, verify. Nothing leaves before all of it may."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from publish_all._temporary import temporary_folder
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import ensure_default_is_meant, open_connection
from publish_all.commands.files import PublishOptions
from publish_all.commands.prepare import DEFAULT_JOBS, prepare
from publish_all.config.model import ProjectConfig
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import unless_it_breaks
from publish_all.repositories.repository import Repository
from publish_all.results import PublishReport, RepositoryReport
from publish_all.upload.execute import VERIFY_SECONDS, Gate, execute
from publish_all.upload.journal import Journal, open_journal, read_journal
from publish_all.upload.plan import RepositoryPlan
from publish_all.upload.workers import Cancellation

if TYPE_CHECKING:  # of a dry run
    from publish_all.summaries import PlanReport

REHEARSAL = "testpypi"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishResult:
    """The result. After a dry run, `refused` is the error of a real run, if any."""

    report: PublishReport | PlanReport
    refused: PublishAllError | None = None

    @property
    def exit_code(self) -> int:
        if self.refused is not None:
            return self.refused.exit_code
        return self.report.exit_code if isinstance(self.report, PublishReport) else 0


def publish(options: PublishOptions) -> PublishResult:
    """Publish, or show the plan with `dry_run`.

    Nothing is uploaded anywhere before all checks and all preflights have passed. Raises
    `PublishAllError` of the branch that fits as long as nothing is uploaded; what became of each file
    afterwards is in the report.
    """
    options = options.heard_by(unless_it_breaks(options.runtime.listener))
    named = bool(options.files or options.releases)
    if named and options.members is not None:
        msg = "--all and --member cannot be combined with files or releases"
        raise UsageError(msg, hint="Remove one of them.")
    optional = named or options.manifest is not None
    config = project_of_files(options.directory, optional=optional, members=options.members)
    ensure_default_is_meant(config, options.connection)
    opened = open_connection(config, options.connection)
    receipt = None
    if options.receipt is not None:
        from publish_all.repositories.oci_layout import ReceiptFile

        receipt = ReceiptFile(options.receipt)
        if not options.dry_run:
            receipt.start()
    repositories = opened.repositories(receipt)
    if not repositories:
        msg = "no repository to publish to: tool.publish-all.publish-to is empty"
        raise UsageError(msg, hint="Add a repository there, or use -r.")
    if options.receipt is not None and not any(each.kind.registry for each in repositories):
        msg = "--receipt needs a repository of the kind oci, but none is selected"
        raise UsageError(msg, hint="Select one with -r, or remove --receipt.")
    rehearsal: Repository | None = None
    if options.rehearse:
        (rehearsal,) = open_connection(config, options.connection.to_other(REHEARSAL)).repositories()
    with ExitStack() as held:

        def before_preflight() -> Cancellation:
            if config is not None and not options.dry_run:
                _before_publish(config, options)
            return held.enter_context(options.cancelling())

        # A folder can always be asked what it holds, and files that are named are not built again.
        local = rehearsal is None and all(each.kind.local for each in repositories)
        kept = options.fresh or not (options.files and local)
        journal = Journal()
        if kept and config is not None:
            journal = _open_journal(config, options, held)
        prepared = prepare(
            config,
            repositories,
            options,
            scratch=held.enter_context(temporary_folder()) if options.source is not None else None,
            journal=journal,
            rehearsal=rehearsal,
            before_preflight=before_preflight,
        )
        asked = prepared.preflight
        if options.dry_run:
            return PublishResult(report=asked.report, refused=asked.problem)
        wait = VERIFY_SECONDS if options.verify_timeout is None else options.verify_timeout
        failures: list[PublishAllError] = []
        report = execute(
            asked,
            journal=journal,
            listener=options.runtime.listener,
            jobs=options.jobs or DEFAULT_JOBS,
            verify=wait if options.verify and wait else None,
            skip_existing=options.skip_existing,
            gate=_gate(prepared.plan[0], options, failures) if rehearsal is not None else None,
            cancellation=prepared.cancellation,
        )
        return PublishResult(report=report, refused=next(iter(failures), None))


def _open_journal(config: ProjectConfig, options: PublishOptions, held: ExitStack) -> Journal:
    """The journal of the checkout, which is locked as long as it is `held`.

    It is kept in memory only where there is no folder or no lock for it, which is said: two runs must not write to one.
    """
    from publish_all.commands.state import CannotLockError, lock, state_of

    killed, problem = False, None
    state = state_of(config.root, options.runtime, make=not options.dry_run)
    path = state.journal
    if state.problem is not None:
        problem = f"{state.problem}. If this run stops half-way, the next run asks the repositories which files they have"
    elif state.lock is not None and not options.dry_run:
        try:
            killed = held.enter_context(lock(state.lock))
        except CannotLockError as error:
            path, problem = None, error.message
    if problem is not None:
        options.runtime.note(f"publishing without a journal: {problem}")
    if path is not None and options.fresh:
        for each in read_journal(path, damaged=True).public:
            text = f"may already be public: {each.filename} in {each.repository} ({each.url})"
            options.runtime.note(text)
        if options.dry_run:
            path = None  # it goes without the journal, too, and leaves it where it is
        else:
            path.unlink(missing_ok=True)
    return held.enter_context(open_journal(path, killed=killed))


def _before_publish(config: ProjectConfig, options: PublishOptions) -> None:
    """Run the project's commands if this run builds; files that were built before had their commands then."""
    builds = options.build and not options.files and options.manifest is None
    for each in config.projects if options.source is None else ():
        if each.before_publish and builds:
            from publish_all.commands.build import run_before_publish

            run_before_publish(each, runtime=options.runtime)
        elif each.before_publish:
            options.runtime.note("before-publish is not run, because it belongs to the build of these files")


def _gate(planned: RepositoryPlan, options: PublishOptions, failures: list[PublishAllError]) -> Gate:
    """Install and import the files of the test index, the first repository. Errors are added to `failures`."""

    def gate(report: RepositoryReport) -> str | None:
        if report.name != planned.repository.name:
            return None
        from publish_all.commands.rehearse import RehearsalError, rehearse

        try:
            rehearse(planned.repository, planned.releases, runtime=options.runtime)
        except RehearsalError as error:
            failures.append(error)
            return error.message
        return None

    return gate
