"""Check distributions offline: files that are named, a fresh build, or what was built before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all._temporary import temporary_folder
from publish_all._values import dataclass
from publish_all.builders.output import output_folder
from publish_all.builders.source_tree import SourceTree
from publish_all.checks.check import check_distribution
from publish_all.checks.cross_file import check_across_files
from publish_all.checks.opened import Audience, Opened, open_distribution
from publish_all.checks.variants import check_selection, check_variants
from publish_all.commands.build import BuildOptions
from publish_all.commands.context import Surroundings, project_of_files
from publish_all.commands.found_files import BuiltBefore, files_built_before
from publish_all.commands.gather import Gathered, built_files, named_files
from publish_all.commands.rebuild import rebuild
from publish_all.config.builtin import canonical
from publish_all.config.known import known_repositories
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import Distribution
from publish_all.errors import BuildError, CheckError, PublishAllError
from publish_all.events import Found, Listener, StepStarted, ignore
from publish_all.findings import Finding, Severity
from publish_all.reporting.words import count
from publish_all.results import CheckedSubject, CheckSummary
from publish_all.variants.resolve import resolve_variants
from publish_all.variants.variant import BuildVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOptions:
    """What to check, and for which repositories (empty: those of `publish-to`).

    `rebuild` also builds each sdist, and compares with the wheel.
    """

    directory: Path
    files: tuple[Path, ...] = ()
    variants: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    build: bool = True
    allow_missing: bool = False
    rebuild: bool = False
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """Each file with its findings, and what concerns several of them."""

    checked: tuple[CheckedSubject, ...]
    together: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for each in self.checked for finding in each.findings) + self.together

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(each for each in self.findings if each.severity is Severity.ERROR)

    @property
    def summary(self) -> CheckSummary:
        """The same for reporters."""
        return CheckSummary(subjects=self.checked, findings=self.together)

    @property
    def exit_code(self) -> int:
        return CheckError.exit_code if self.errors else 0


def check(options: CheckOptions, *, listener: Listener = ignore) -> CheckResult:
    """Check without a network. Raises `PublishAllError` when there is nothing that could be checked."""
    config = project_of_files(options.directory, optional=bool(options.files))
    known = known_repositories(
        config,
        environment=options.around.environment,
        home=options.around.home,
        folders=options.around.places(),
    )
    names = options.repositories or (config.publish_to if config is not None else ())
    # Before the build: it may take long, and a name that nobody knows is told at once.
    to = {name: known.get(name).public for name in names}
    with temporary_folder() as folder:
        gathered = _gather(config, options, folder, listener)
        listener(StepStarted(step="check", detail=count(len(gathered.distributions), "file")))
        audiences = _audiences(config, to, gathered.variants)
        result = run_checks(gathered.distributions, audiences, config=config, compared=gathered.variants)
        if options.rebuild:
            rebuilt = rebuild(
                gathered.distributions,
                listener=listener,
                environment=options.around.environment,
                admitted=config.build_environment if config is not None else (),
            )
            result = replace(result, together=(*result.together, *rebuilt))
    for finding in result.findings:
        listener(Found(finding=finding))
    return result


def _gather(
    config: ProjectConfig | None, options: CheckOptions, folder: Path, listener: Listener
) -> Gathered:
    if options.files or config is None:
        return named_files(options.files, listener=listener)
    if options.build:
        build = BuildOptions(
            directory=options.directory,
            variants=options.variants,
            output=folder,
            allow_missing=options.allow_missing,
            around=options.around,
        )
        return built_files(config, build, listener=listener)
    wanted = BuiltBefore(
        config=config,
        output=output_folder(config),
        variants=options.variants,
        allow_missing=options.allow_missing,
        around=options.around,
    )
    return files_built_before(wanted, listener=listener)


def goes_to(variant: BuildVariant, repository: str) -> bool:
    """Whether `publish-to` of the variant lets it go to the repository of this name."""
    if variant.publish_to is None:
        return True
    return canonical(repository) in {canonical(each) for each in variant.publish_to}


def _audiences(
    config: ProjectConfig | None, to: Mapping[str, bool], variants: Sequence[BuildVariant]
) -> Callable[[Distribution], Audience]:
    by_name = {each.name: each for each in variants}

    def audience_of(distribution: Distribution) -> Audience:
        variant = by_name.get(distribution.variant)
        there = {name: each for name, each in to.items() if variant is None or goes_to(variant, name)}
        return audience(config, there)

    return audience_of


def audience(config: ProjectConfig | None, to: Mapping[str, bool]) -> Audience:
    """For whom a file is checked that goes to the repositories of these names, which are public or not."""
    return Audience(
        public=tuple(name for name, public in to.items() if public),
        private=config.private if config is not None else False,
        local_versions=not any(to.values()),
    )


def run_checks(
    distributions: Sequence[Distribution],
    audience_of: Callable[[Distribution], Audience],
    *,
    config: ProjectConfig | None = None,
    compared: Sequence[BuildVariant] = (),
) -> CheckResult:
    """All checks of all files, each for its audience. `config` is that of the project in whose folder it runs.

    The wheels of the variants that are `compared` should differ only where their configuration says so.
    """
    opened = [open_distribution(each, audience_of(each)) for each in distributions]
    checked = (
        CheckedSubject(name=each.distribution.filename, findings=tuple(check_distribution(each)))
        for each in opened
    )
    together = (
        *check_across_files(opened, sources=lambda: _source_files(config)),
        *_selections(config, opened),
        *check_variants(opened, compared),
    )
    return CheckResult(checked=tuple(checked), together=together)


def _source_files(config: ProjectConfig | None) -> tuple[str, ...]:
    """What git tracks or does not ignore in the project; nothing where git does not answer."""
    try:
        return SourceTree(config.root).files if config is not None else ()
    except BuildError:
        return ()


def _selections(config: ProjectConfig | None, files: Sequence[Opened]) -> Iterator[Finding]:
    """Compare each sdist with `include` and `exclude` of its build variant. Files that were named have one, too."""
    if config is None or not any(
        each.include or each.exclude for each in (config.variant_defaults, *config.variants.values())
    ):
        return
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
    try:
        variants = resolve_variants(config, version=sdist.version.public)
    except PublishAllError:
        return None
    named = [each for each in variants if canonicalize_name(each.project) == sdist.project]
    same = [each for each in named if Version(each.version) == sdist.version]
    return next(iter(same or named), None)
