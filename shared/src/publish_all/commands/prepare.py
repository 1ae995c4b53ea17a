"""What publish, a dry run, doctor and check prepare in the same way: files, plan, checks, version, preflight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all.checks.all_checks import check_across_files, check_distribution
from publish_all.checks.opened import Opened, open_distribution
from publish_all.commands.context import project_version
from publish_all.commands.files import FoundFiles, PublishOptions, named_files, note_old_files
from publish_all.config.addresses import host_of
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import Distribution
from publish_all.distributions.read import read_distribution
from publish_all.errors import BuildError, CheckError, PublishAllError, UsageError
from publish_all.events import Found, Listener, Note, StepStarted
from publish_all.findings import Finding, Severity
from publish_all.reporting.text import count
from publish_all.repositories.repository import Repository
from publish_all.results import CheckedSubject, CheckSummary
from publish_all.upload.journal import Journal
from publish_all.upload.plan import Destination, RepositoryPlan, plan
from publish_all.upload.preflight import Preflight, preflight
from publish_all.upload.retry import Cancellation

if TYPE_CHECKING:  # files that are named are of no build variant
    from publish_all.variants.variant import BuildVariant

T = TypeVar("T")

DEFAULT_JOBS = 8

Reach = dict[str, tuple[bool, frozenset[str | None] | None]]
"""Who goes where: for each repository whether it is public, and the build variants that go there (None: everything)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """All that there is before the first upload. `errors` say why a part is None or empty."""

    files: FoundFiles | None
    plan: tuple[RepositoryPlan, ...]
    checked: CheckSummary | None
    preflight: Preflight
    cancellation: Cancellation
    errors: tuple[PublishAllError, ...]


def prepare(
    config: ProjectConfig | None,
    repositories: Sequence[Repository],
    options: PublishOptions,
    *,
    scratch: Path,
    journal: Journal,
    listener: Listener,
    killed: bool = False,
    rehearsal: Repository | None = None,
    before_preflight: Callable[[], Cancellation] | None = None,
) -> Prepared:
    """Do all that a publish does before its uploads. The test index of a `rehearsal` comes first.

    A publish has something to do `before_preflight`, which also gives what ends the preflight early: its builds are
    kept, and the first error is raised. Without it builds go into `scratch`, and each step is taken that can be taken.
    """
    publishes = before_preflight is not None
    errors: list[PublishAllError] = []

    def attempt(step: Callable[[], T]) -> T | None:
        try:
            return step()
        except PublishAllError as error:
            if publishes:
                raise
            errors.append(error)
            return None

    files = attempt(
        lambda: find_files(
            config,
            options,
            scratch=scratch,
            listener=listener,
            keep=publishes,
            journal=journal,
            killed=killed,
        )
    )
    planned: tuple[RepositoryPlan, ...] = ()
    checked: CheckSummary | None = None
    if files is not None and repositories:
        to = reach(files, {each.name: each.capabilities.public for each in repositories}, listener)
        planned = attempt(lambda: _plan(files, repositories, to, rehearsal)) or ()
        if planned:
            checked = _check(config, planned, to, listener)
            attempt(lambda: _refuse(checked.errors, f"{count(len(checked.errors), 'check')} failed"))
    named = [each.repository for each in planned] or repositories
    attempt(lambda: _check_version(config, named, options, listener))
    cancellation = before_preflight() if before_preflight is not None else Cancellation()
    asked = [each for each in planned if not options.offline or each.repository.kind.local]
    answer = preflight(
        asked,
        journal=journal,
        listener=listener,
        jobs=options.jobs or DEFAULT_JOBS,
        skip_existing=options.skip_existing,
        in_earnest=publishes and not options.dry_run,
        cancellation=cancellation,
    )
    return Prepared(
        files=files,
        plan=planned,
        checked=checked,
        preflight=answer,
        cancellation=cancellation,
        errors=tuple(errors),
    )


def find_files(
    config: ProjectConfig | None,
    options: PublishOptions,
    *,
    scratch: Path,
    listener: Listener,
    keep: bool = False,
    journal: Journal | None = None,
    killed: bool = False,
) -> FoundFiles:
    """The files: those of another repository; those named; of a run that was not finished; built now or before.

    A build goes into the output folder if it is to be kept (`keep`), else into the folder `scratch`. `journal` is that
    of earlier runs; the last one of them was perhaps `killed`.
    """
    if options.source is not None:
        from publish_all.commands.promote import promoted_files

        return promoted_files(config, options, scratch, listener)
    if options.manifest is None and (options.files or config is None):
        return named_files(options.files, listener)

    from publish_all.builders.build_plan import output_folder
    from publish_all.commands import found_files

    if options.manifest is not None:
        variants = options.project_variants(config, listener) if config is not None else None
        return found_files.listed_files(options.manifest, variants, allow_missing=options.allow_missing)
    assert config is not None  # noqa: S101 - else files are named, or listed
    output = options.output or output_folder(config)
    note_old_files(sorted(output.iterdir()) if output.is_dir() else (), listener)
    if not options.build:
        return found_files.files_built_before(config, options, output, listener)
    if journal is not None and (killed or not journal.complete):
        unfinished = found_files.unfinished_files(config, options, output, journal, listener, killed=killed)
        if unfinished is not None:
            return unfinished
    return _built_files(config, options, output if keep else scratch, listener, keep=keep)


def _built_files(
    config: ProjectConfig, options: PublishOptions, output: Path, listener: Listener, *, keep: bool
) -> FoundFiles:
    from publish_all.commands.build import BuildOptions, build_project

    build = BuildOptions(
        directory=options.directory,
        variants=options.variants,
        itself=options.itself,
        output=output,
        allow_missing=options.allow_missing,
        runtime=options.runtime,
    )
    report = build_project(config, build, listener=listener, remembered=keep)
    return FoundFiles(
        distributions=tuple(
            read_distribution(report.output / each.filename, variant=each.variant)
            for each in report.result.files
        ),
        variants=report.variants,
    )


def reach(files: FoundFiles, public: Mapping[str, bool], listener: Listener) -> Reach:
    """Where the build variants may go (`publish-to` of a variant narrows), of repositories that are public or not."""
    found: Reach = {}
    for repository, is_public in public.items():
        kept = [
            each
            for each in files.variants
            if each.publish_to is not None and canonical(repository) not in map(canonical, each.publish_to)
        ]
        for each in kept:
            listener(Note(message=f"{each.label} does not go to {repository}: its publish-to says so"))
        names = frozenset(each.name for each in files.variants if each not in kept)
        if names or not kept:
            found[repository] = (is_public, names if kept else None)
    return found


def _plan(
    files: FoundFiles, repositories: Sequence[Repository], to: Reach, rehearsal: Repository | None
) -> tuple[RepositoryPlan, ...]:
    """The plan, with the test index first and once. Raises `UsageError` when nothing goes anywhere."""
    if not to:
        msg = "no build variant goes to " + " or ".join(each.name for each in repositories)
        raise UsageError(msg, hint="See `publish-to` of the variants, or name another repository with -r.")
    if rehearsal is not None:
        to[rehearsal.name] = (rehearsal.capabilities.public, None)
        repositories = [rehearsal, *(each for each in repositories if each.name != rehearsal.name)]
    destinations = [
        Destination(repository=each, variants=to[each.name][1]) for each in repositories if each.name in to
    ]
    return plan(files.distributions, destinations)


def _check(
    config: ProjectConfig | None, planned: Sequence[RepositoryPlan], to: Reach, listener: Listener
) -> CheckSummary:
    """Check each file for those repositories that it goes to."""
    unique = {file.filename: file for each in planned for file in each.files}
    listener(StepStarted(step="check", detail=count(len(unique), "file")))
    checked = run_checks(config, tuple(unique.values()), to)
    for finding in checked.all_findings:
        if finding.severity is not Severity.NOTE:
            listener(Found(finding=finding))
    return checked


def run_checks(
    config: ProjectConfig | None,
    distributions: Sequence[Distribution],
    to: Reach,
    *,
    compared: Sequence[BuildVariant] = (),
) -> CheckSummary:
    """All checks of all files, each for its destinations. `config` is that of the project in whose folder it runs.

    The wheels of the variants that are `compared` should differ only where their configuration says so.
    """
    opened = []
    for each in distributions:
        public = tuple(
            name for name, (is_public, of) in to.items() if is_public and (of is None or each.variant in of)
        )
        private = config is not None and config.private
        opened.append(open_distribution(each, public=public, private=private))
    subjects = (
        CheckedSubject(name=each.distribution.filename, findings=tuple(check_distribution(each)))
        for each in opened
    )
    together = (
        *check_across_files(opened, sources=lambda: _source_files(config)),
        *_selections(config, opened),
        *_differences(opened, compared),
    )
    return CheckSummary(subjects=tuple(subjects), findings=together)


def _source_files(config: ProjectConfig | None) -> tuple[str, ...]:
    """What git tracks or does not ignore in the project; nothing where git does not answer."""
    from publish_all.builders.source_tree import SourceTree

    try:
        return SourceTree(config.root).files if config is not None else ()
    except BuildError:
        return ()


def _differences(opened: Sequence[Opened], compared: Sequence[BuildVariant]) -> Iterable[Finding]:
    if not compared:
        return ()
    from publish_all.checks.compare_variants import check_variants

    return check_variants(opened, compared)


def _selections(config: ProjectConfig | None, files: Sequence[Opened]) -> Iterator[Finding]:
    """Compare each sdist with `include` and `exclude` of its build variant. Files that were named have one, too."""
    if config is None or not any(
        each.include or each.exclude for each in (config.variant_defaults, *config.variants.values())
    ):
        return
    from publish_all.checks.compare_variants import check_selection

    for sdist in files:
        variant = None if sdist.is_wheel else _variant_of(sdist.distribution, config)
        if variant is not None:
            wheels = [each for each in files if each.is_wheel and _is_same_release(each, sdist)]
            yield from check_selection(variant, sdist, wheels)


def _is_same_release(one: Opened, other: Opened) -> bool:
    first, second = one.distribution, other.distribution
    return (first.project, first.version) == (second.project, second.version)


def _variant_of(sdist: Distribution, config: ProjectConfig) -> BuildVariant | None:
    """The build variant that an sdist is of, by its name and version; None for any other project's."""
    from publish_all.variants.resolve import resolve_variants

    try:
        variants = resolve_variants(config, version=sdist.version.public)
    except PublishAllError:
        return None
    named = [each for each in variants if canonicalize_name(each.project) == sdist.project]
    same = [each for each in named if Version(each.version) == sdist.version]
    return next(iter(same or named), None)


def _check_version(
    config: ProjectConfig | None,
    repositories: Sequence[Repository],
    options: PublishOptions,
    listener: Listener,
) -> None:
    """Tell what the working tree and its tags have against publishing this version. Raises `CheckError`, `VersionError`.

    Files that were named, or that come from another repository, are not of this working tree; and there is nothing to
    tell where only build variants have a version.
    """
    if config is None or options.files or options.source is not None:
        return
    version = project_version(config, runtime=options.runtime, listener=listener)
    if version is None:
        return
    from publish_all.version.guard import release_findings  # files that are named are not of a working tree

    findings = release_findings(
        config,
        version,
        pypi=any(each.name == "pypi" or host_of(each.url) == "upload.pypi.org" for each in repositories),
        allow_dirty=options.allow_dirty,
        ask_remote=not options.offline,
        environment=options.runtime.environment,
        run=options.runtime.run,
    )
    for finding in findings:
        listener(Found(finding=finding))
    errors = tuple(each for each in findings if each.severity is Severity.ERROR)
    _refuse(errors, f"the version {version.text} cannot be published from here")


def _refuse(errors: Sequence[Finding], why: str) -> None:
    """Raise `CheckError` if there are errors."""
    if errors:
        raise CheckError(f"{why}; nothing was uploaded", findings=errors)
