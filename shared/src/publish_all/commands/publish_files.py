"""Publish, once it is clear where to: gather the files, check them, ask the repositories, upload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all._temporary import temporary_folder
from publish_all.builders.manifest import Manifest, lacking_wheels
from publish_all.commands.build import BuildOptions
from publish_all.commands.context import project_variants, project_version
from publish_all.commands.examine import (
    check_planned,
    destinations_of,
    planned_files,
    version_findings,
)
from publish_all.commands.gather import (
    Gathered,
    built_files,
    listed_files,
    manifest_files,
    named_files,
    note_old_files,
    usable_manifest,
)
from publish_all.commands.publish import DEFAULT_JOBS, PublishOptions, PublishResult
from publish_all.commands.state import CheckoutState, state_of
from publish_all.config.model import ProjectConfig
from publish_all.errors import CheckError
from publish_all.events import Found, Listener, Note, StepStarted
from publish_all.findings import Severity
from publish_all.repositories.repository import Repository
from publish_all.results import RepositoryReport
from publish_all.upload.execute import VerifyOptions, execute
from publish_all.upload.journal import Journal, discard_journal, known_public, open_journal
from publish_all.upload.lock import CannotLockError, lock
from publish_all.upload.plan import Destination, RepositoryPlan, plan
from publish_all.upload.preflight import preflight
from publish_all.variants.variant import BuildVariant

if TYPE_CHECKING:  # only for a run with --rehearse
    from publish_all.commands.rehearse import RehearsalError


def publish_files(
    config: ProjectConfig | None,
    repositories: Sequence[Repository],
    rehearsal: Repository | None,
    options: PublishOptions,
    *,
    listener: Listener,
) -> PublishResult:
    """As `publish`, to these repositories, after a rehearsal at the one that is given."""
    with (
        _locked(_state(config, options, listener), options, listener) as (state, killed),
        _journal(state, options, listener) as journal,
        temporary_folder() as folder,
    ):
        gathered = _gather(config, options, journal, state, folder, listener, killed=killed)
        destinations = destinations_of(gathered, repositories, listener)
        planned = plan(gathered.distributions, _after_rehearsal(rehearsal, destinations))
        _check(config, planned, listener)
        _check_version(config, planned, options, listener)
        if config is not None and config.before_publish and not options.dry_run:
            _before_publish(config, options, listener)
        return _upload(planned, options, journal, listener)


def _before_publish(config: ProjectConfig, options: PublishOptions, listener: Listener) -> None:
    """Run the project's commands if this run builds; files that were built before had their commands then."""
    if options.builds:
        from publish_all.commands.before import run_before_publish

        run_before_publish(config, around=options.around, listener=listener)
    elif options.source is None:
        hint = "" if options.manifest is not None else "; `build --manifest FILE` runs it"
        listener(
            Note(message=f"before-publish is not run here: it belongs to the build of these files{hint}")
        )


def _after_rehearsal(rehearsal: Repository | None, destinations: Sequence[Destination]) -> list[Destination]:
    """The test index first and once."""
    if rehearsal is None:
        return list(destinations)
    rest = [each for each in destinations if each.repository.name != rehearsal.name]
    return [Destination(repository=rehearsal), *rest]


def _state(config: ProjectConfig | None, options: PublishOptions, listener: Listener) -> CheckoutState | None:
    """Where the journal is kept; None without a project, and where there is no folder for it, which is said."""
    if config is None:
        return None
    state = state_of(config.root, options.around, make=not options.dry_run)
    if state.problem is not None:
        listener(
            Note(
                message=f"publishing without a journal: {state.problem}. If this run stops half-way, the next one "
                "asks the repositories what they have"
            )
        )
        return None
    return state


@contextmanager
def _locked(
    state: CheckoutState | None, options: PublishOptions, listener: Listener
) -> Iterator[tuple[CheckoutState | None, bool]]:
    """Hold the lock of the checkout; also whether the run before was killed.

    Without a lock no journal can be kept, since two runs might write to it.
    """
    if state is None or state.lock is None or options.dry_run:
        yield state, False
        return
    with ExitStack() as held:
        killed = False
        try:
            killed = held.enter_context(lock(state.lock))
        except CannotLockError as error:
            listener(Note(message=f"publishing without a journal: {error.message}"))
            state = None
        yield state, killed


@contextmanager
def _journal(state: CheckoutState | None, options: PublishOptions, listener: Listener) -> Iterator[Journal]:
    path = state.journal if state is not None else None
    if path is not None and options.fresh:
        # A dry run goes without the journal, too, and leaves it where it is.
        public = known_public(path) if options.dry_run else discard_journal(path)
        for each in public:
            listener(
                Note(message=f"already public, or may be: {each.filename} in {each.repository} ({each.url})")
            )
        path = None if options.dry_run else path
    with open_journal(path) as journal:
        yield journal


def _gather(
    config: ProjectConfig | None,
    options: PublishOptions,
    journal: Journal,
    state: CheckoutState | None,
    folder: Path,
    listener: Listener,
    *,
    killed: bool,
) -> Gathered:
    """The files: those of another repository; those named; of a run that was not finished; built now or before."""
    if options.source is not None:
        from publish_all.commands.promote import promoted_files

        return promoted_files(
            config,
            options.releases,
            source=options.source,
            connection=options.connection,
            folder=folder,
            listener=listener,
        )
    if options.manifest is not None:
        variants = _variants(config, options, listener) if config is not None else None
        return listed_files(options.manifest, variants, allow_missing=options.allow_missing)
    if options.files or config is None:
        return named_files(options.files, listener=listener)
    output = options.folder(config)
    if output.is_dir():
        note_old_files(sorted(output.iterdir()), listener)
    if not options.build:
        from publish_all.commands.found_files import BuiltBefore, files_built_before

        return files_built_before(
            BuiltBefore(
                config=config,
                output=output,
                variants=options.variants,
                itself=options.itself,
                allow_missing=options.allow_missing,
                around=options.around,
            ),
            listener=listener,
        )
    if state is not None and not options.fresh and (killed or not journal.history.complete):
        variants = _variants(config, options, listener)
        manifest = usable_manifest(state.manifest(output), variants)
        if manifest is not None and _is_resumable(manifest, variants, options, journal, killed=killed):
            listener(
                Note(message="an earlier run was not finished; its files are published, and not built again")
            )
            return manifest_files(manifest, variants, allow_missing=options.allow_missing)
    build = BuildOptions(
        directory=options.directory,
        variants=options.variants,
        itself=options.itself,
        output=options.output,
        allow_missing=options.allow_missing,
        around=options.around,
    )
    return built_files(config, build, listener=listener, remembered=True)


def _is_resumable(
    manifest: Manifest,
    variants: Sequence[BuildVariant],
    options: PublishOptions,
    journal: Journal,
    *,
    killed: bool,
) -> bool:
    """Whether the files of an earlier run are to be published: some are public, and it was not finished or was killed.

    One that was killed after its last upload told nobody that it was done. Files built again would be in conflict.
    """
    if lacking_wheels(manifest, variants) and not options.allow_missing:
        return False
    built = {each.sha256 for each in manifest.entries}
    if killed and any(each.sha256 in built for each in journal.history.public):
        return True
    return journal.history.unfinished(built)


def _variants(config: ProjectConfig, options: PublishOptions, listener: Listener) -> tuple[BuildVariant, ...]:
    return project_variants(
        config, options.variants, itself=options.itself, around=options.around, listener=listener
    )


def _check(config: ProjectConfig | None, planned: Sequence[RepositoryPlan], listener: Listener) -> None:
    """Check each file for those repositories that it goes to. Raises `CheckError`."""
    files = len(planned_files(planned))
    listener(StepStarted(step="check", detail=f"{files} {'file' if files == 1 else 'files'}"))
    result = check_planned(config, planned)
    for finding in result.findings:
        if finding.severity is not Severity.NOTE:
            listener(Found(finding=finding))
    if result.errors:
        count = len(result.errors)
        msg = f"{count} {'check' if count == 1 else 'checks'} failed; nothing was uploaded"
        raise CheckError(msg, findings=result.errors)


def _check_version(
    config: ProjectConfig | None,
    planned: Sequence[RepositoryPlan],
    options: PublishOptions,
    listener: Listener,
) -> None:
    """What the working tree and its tags have against this version. Raises `CheckError`.

    Files that were named, or that come from another repository, are not of this working tree.
    """
    if config is None or options.files or options.source is not None:
        return
    findings = version_findings(
        config,
        [each.repository for each in planned],
        allow_dirty=options.allow_dirty,
        ask_remote=True,
        around=options.around,
        listener=listener,
    )
    for finding in findings:
        listener(Found(finding=finding))
    errors = tuple(each for each in findings if each.severity is Severity.ERROR)
    if errors:
        version = project_version(config, around=options.around, listener=listener)
        msg = f"the version {version.text if version else ''} cannot be published from here; nothing was uploaded"
        raise CheckError(msg, findings=errors)


def _upload(
    planned: Sequence[RepositoryPlan], options: PublishOptions, journal: Journal, listener: Listener
) -> PublishResult:
    jobs = options.jobs or DEFAULT_JOBS
    with options.cancelling() as cancellation:
        asked = preflight(
            planned,
            journal=journal,
            listener=listener,
            jobs=jobs,
            skip_existing=options.skip_existing,
            in_earnest=not options.dry_run,
            cancellation=cancellation,
        )
        if options.dry_run:
            return PublishResult(report=asked.report, refused=asked.problem)
        rehearsal = _Rehearsal(planned, options, listener) if options.rehearse else None
        report = execute(
            asked,
            journal=journal,
            listener=listener,
            jobs=jobs,
            verify=_verify(options),
            skip_existing=options.skip_existing,
            gate=rehearsal,
            cancellation=cancellation,
        )
        return PublishResult(report=report, refused=rehearsal.failed if rehearsal is not None else None)


class _Rehearsal:
    """Installs and imports what the test index, the first repository, now has; `failed` is the error if that fails."""

    def __init__(
        self, planned: Sequence[RepositoryPlan], options: PublishOptions, listener: Listener
    ) -> None:
        self._first = planned[0]
        self._around = options.around
        self._listener = listener
        self.failed: RehearsalError | None = None

    def __call__(self, report: RepositoryReport) -> str | None:
        if report.name != self._first.repository.name:
            return None
        from publish_all.commands.rehearse import RehearsalError, rehearse

        try:
            rehearse(
                self._first.repository, self._first.releases, around=self._around, listener=self._listener
            )
        except RehearsalError as error:
            self.failed = error
            return error.message
        return None


def _verify(options: PublishOptions) -> VerifyOptions | None:
    if not options.verify or options.verify_timeout == 0:
        return None
    return (
        VerifyOptions() if options.verify_timeout is None else VerifyOptions(timeout=options.verify_timeout)
    )
