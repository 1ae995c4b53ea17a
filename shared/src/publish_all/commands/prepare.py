"""What publish, a dry run, doctor and check prepare in the same way: files, plan, checks, version, preflight."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._temporary import temporary_folder
from publish_all.checks.all_checks import check_across_files, check_distribution
from publish_all.checks.opened import Opened, open_distribution
from publish_all.commands.context import project_version
from publish_all.commands.files import FoundFiles, PublishOptions, named_files
from publish_all.config.addresses import host_of
from publish_all.config.builtin import canonical
from publish_all.config.load import names_of
from publish_all.config.model import Pin, ProjectConfig
from publish_all.diagnoses import TAG_ELSEWHERE, Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.distributions.read import read_distribution
from publish_all.errors import BuildError, CheckError, PublishAllError, UsageError
from publish_all.findings import Finding, Severity
from publish_all.reporting.text import count
from publish_all.repositories.repository import Repository
from publish_all.repositories.simple_pages import NotThereError
from publish_all.results import CheckedSubject, CheckSummary
from publish_all.upload.journal import Journal
from publish_all.upload.plan import RepositoryPlan, plan
from publish_all.upload.preflight import Preflight, preflight
from publish_all.upload.workers import Cancellation

DEFAULT_JOBS = 8

_NAME = re.compile(r"\s*([A-Za-z0-9._-]+).*", re.DOTALL)

Reach = dict[str, tuple[bool, set[str]]]
"""For each repository, whether it is public, and the names of its files."""


class Prepared(NamedTuple):
    """The results of all steps before the first upload. `errors` are the reasons for parts that are None or empty."""

    files: Sequence[FoundFiles]
    plan: tuple[RepositoryPlan, ...]
    checked: CheckSummary | None
    preflight: Preflight
    cancellation: Cancellation
    errors: Sequence[PublishAllError]


def prepare(
    config: ProjectConfig | None,
    repositories: Sequence[Repository],
    options: PublishOptions,
    *,
    scratch: Path | None,
    journal: Journal,
    rehearsal: Repository | None = None,
    before_preflight: Callable[[], Cancellation] | None = None,
) -> Prepared:
    """Prepare a publish up to its uploads. The test index of a `rehearsal` comes first.

    A publish passes `before_preflight`, which also returns a cancellation of the preflight: builds are
    kept, and the first error is raised. Without it, builds go to `scratch`, and all possible steps are taken.
    """
    publishes = before_preflight is not None
    errors: list[PublishAllError] = []
    public: dict[str, bool] = {}
    for to in repositories:
        public[to.name] = to.capabilities.public
    files: Sequence[FoundFiles] = ()
    planned: tuple[RepositoryPlan, ...] = ()
    checked: CheckSummary | None = None
    refused: CheckError | None = None
    failed: frozenset[str | None] = frozenset()
    try:
        files = get_files(config, options, scratch, journal)
        if repositories:
            reached = reach(files, public, options)
            planned = _plan(files, repositories, reached, rehearsal)
            unique: dict[str, Distribution] = {}
            for each in planned:
                for file in each.files:
                    unique[file.filename] = file
            options.runtime.step("check", count(len(unique), "file"))
            indexes: Sequence[Repository] = () if options.offline else repositories
            checked = run_checks(files, reached, wanted=unique.values(), indexes=indexes)
            wrong = []
            for finding in checked.all_findings:
                if finding.severity is not Severity.NOTE:
                    options.runtime.found(finding)
                if finding.severity is Severity.ERROR:
                    wrong.append(finding)
            if wrong:
                message = f"{count(len(wrong), 'check')} failed; nothing was uploaded"
                error = CheckError(message, findings=wrong)
                bad = {each.name for each in checked.subjects if set(each.findings) & {*wrong}}
                failed = frozenset(
                    each.member for of in files for each in of.distributions if each.filename in bad
                )
                # Members that need none of these can be uploaded, unless a test index comes first.
                others = {each.member for of in files for each in of.distributions} - failed
                apart = failed and others and rehearsal is None and not {*wrong} & {*checked.findings}
                if not publishes or options.dry_run or not apart:
                    raise error
                refused = error
    except PublishAllError as error:
        if publishes:
            raise
        errors.append(error)
    if config is not None and not options.files and options.source is None:
        # Other files are not of this working tree.
        try:
            _check_version(config, [each.repository for each in planned] or repositories, options)
        except PublishAllError as error:
            if publishes:
                raise
            errors.append(error)
    asked = planned
    if options.offline:
        asked = tuple(each for each in planned if each.repository.kind.local)
    cancellation = before_preflight() if before_preflight is not None else Cancellation()
    answer = preflight(
        asked,
        journal=journal,
        listener=options.runtime.listener,
        jobs=options.jobs or DEFAULT_JOBS,
        skip_existing=options.skip_existing,
        in_earnest=publishes and not options.dry_run,
        cancellation=cancellation,
        released=partial(_is_released, files),
    )
    if refused is not None:
        answer = replace(answer, failed=failed)
        if not answer.others_go:
            raise refused
    return Prepared(files, planned, checked, answer, cancellation, errors)


def _is_released(found: Sequence[FoundFiles], repository: Repository, file: Distribution) -> bool:
    """Whether the repository has a file that differs only in what it requires of members: theirs are newer now.

    Such a release stays as it is: its own version is not raised.
    """
    members = {each.project for files in found for each in files.distributions if each.member is not None}

    def told(each: Distribution) -> object:
        required = each.metadata.get("Requires-Dist", ())
        others = [text for text in required if canonicalize_name(_NAME.sub(r"\1", text)) not in members]
        rest = {name: values for name, values in each.metadata.items() if name != "Requires-Dist"}
        return rest, each.description, others

    if file.member is None:
        return False
    from publish_all.builders.compare import differ_in_metadata_only

    with temporary_folder() as folder:
        try:
            fetched = repository.fetch(file.project, file.version, folder)
            theirs = [read_distribution(path) for path in fetched if path.name == file.filename]
        except PublishAllError:
            return False
        return any(
            told(each) == told(file) and differ_in_metadata_only(each.path, file.path) for each in theirs
        )


def get_files(
    config: ProjectConfig | None,
    options: PublishOptions,
    scratch: Path | None,
    journal: Journal | None = None,
) -> Sequence[FoundFiles]:
    """The files: those of another repository, those named, or those of the project or of the members of a workspace.

    Builds go into the folder `scratch`; None is for the project's own, where they are kept. `journal` is that of earlier
    runs.
    """
    if options.files:
        return [replace(named_files(options.files, options.runtime), config=config)]
    from publish_all.commands.found_files import find_files

    return find_files(config, options, scratch, journal or Journal())


def reach(found: Sequence[FoundFiles], public: Mapping[str, bool], options: PublishOptions) -> Reach:
    """Where files may go (`publish-to` of a variant or member narrows), of repositories that are public or not."""
    result: Reach = {}
    for files in found:
        for repository, is_public in public.items():
            why = None
            if files.config is not None and files.member is not None:
                why = _kept_back(files.config, repository, options, is_public=is_public)
            if why is not None:
                options.runtime.note(f"{files.member} is not published to {repository}, because {why}")
                continue
            kept = set()
            for each in files.variants:
                if not _goes(repository, each.publish_to):
                    kept.add(each.name)
                    why = "its publish-to does not contain it"
                    options.runtime.note(f"{each.label} is not published to {repository}, because {why}")
            if not kept or len(kept) < len(files.variants):
                _, going = result.setdefault(repository, (is_public, set()))
                for file in files.distributions:
                    if file.variant not in kept:
                        going.add(file.filename)
    return result


def _goes(repository: str, publish_to: Sequence[str] | None) -> bool:
    return publish_to is None or canonical(repository) in map(canonical, publish_to)


def _kept_back(
    config: ProjectConfig, repository: str, options: PublishOptions, *, is_public: bool
) -> str | None:
    """Why a member of a workspace does not go to a repository of the run; None if it goes there."""
    versions = options.runtime.versions
    version = versions.get(config.root)
    between = version is not None and version.tag is not None and not version.tagged
    if between and not options.members and any(each.tagged for each in versions.values() if each is not None):
        return "HEAD has the tag of another member but not of this one"
    named = options.connection.repositories or options.connection.repository_url is not None
    if not named and not _goes(repository, config.publish_to):
        return "its publish-to does not contain it"
    return "it is private" if config.private and is_public and not options.members else None


def _plan(
    found: Sequence[FoundFiles], repositories: Sequence[Repository], to: Reach, rehearsal: Repository | None
) -> tuple[RepositoryPlan, ...]:
    """The plan, with the test index first and once. Raises `UsageError` when nothing goes anywhere."""
    if not to:
        what = "member of the workspace" if any(each.member for each in found) else "build variant"
        msg = f"no {what} is published to " + " or ".join(each.name for each in repositories)
        raise UsageError(
            msg, hint="Change `publish-to` of the variants, or select another repository with -r."
        )
    files: list[Distribution] = []
    for each in found:
        files += each.distributions
    if rehearsal is not None:
        to[rehearsal.name] = (rehearsal.capabilities.public, {each.filename for each in files})
        repositories = [rehearsal, *(each for each in repositories if each.name != rehearsal.name)]
    return plan(files, [(each, frozenset(to[each.name][1])) for each in repositories if each.name in to])


def run_checks(
    found: Sequence[FoundFiles],
    to: Reach,
    *,
    wanted: Collection[Distribution] | None = None,
    compare: bool = False,
    indexes: Sequence[Repository] = (),
) -> CheckSummary:
    """All checks of all files, or of those that are `wanted` in their order, each for its destinations.

    With `compare` also that the wheels of build variants differ only where their configuration says so. `indexes` are
    asked for members of the workspace that are required in another version than that of this run.
    """
    subjects: list[CheckedSubject] = []
    together: list[Finding] = []
    for files in found:
        config = files.config
        opened = []
        for each in files.distributions if wanted is None else wanted:
            if each.member != files.member:
                continue
            places = []
            for place, (public, names) in to.items():
                if public and each.filename in names:
                    places.append(place)
            one = open_distribution(
                each,
                public=tuple(places),
                private=config is not None and config.private,
                ours=files.built,
                accepted=config.checks if config is not None else (),
            )
            opened.append(one)
            of_file = list(check_distribution(one))
            if config is not None and "Requires-Dist" in each.metadata:
                of_file += _lacking_members(one, config, found, indexes)
            subjects.append(CheckedSubject(name=each.filename, findings=tuple(of_file)))
        together += check_across_files(opened, sources=partial(_source_files, config))
        if config is not None and config.variants:
            together += _selections(config, opened)
        if compare:
            from publish_all.checks.compare_variants import check_variants

            together += check_variants(opened, files.variants)
    return CheckSummary(subjects=tuple(subjects), findings=tuple(together))


def _lacking_members(
    opened: Opened, config: ProjectConfig, found: Sequence[FoundFiles], indexes: Sequence[Repository]
) -> Iterator[Finding]:
    """What a file requires of members of its workspace without a version, or in one that neither the run nor an index has."""
    members = {name for each in config.siblings() for name in names_of(each)}
    for text in opened.distribution.metadata["Requires-Dist"]:
        with suppress(InvalidRequirement):  # which has its own check
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name not in members or requirement.url is not None or name == opened.distribution.project:
                continue
            if not requirement.specifier and config.pin is not Pin.NONE:
                yield opened.found(
                    Diagnosis("PA272"),
                    f"it requires {text!r}, a member of the workspace, without a version",
                )
                continue
            versions = (file.version for each in found for file in each.distributions if file.project == name)
            here = [*map(str, versions)]
            if not any(requirement.specifier.filter(here, prereleases=True)):
                there = [_versions(each, name) for each in indexes]
                known = [one for each in there for one in each or ()]
                if not there or None in there or any(requirement.specifier.filter(known, prereleases=True)):
                    continue
                state = f"this run has {here[0]}" if here else f"{name} is not in this run"
                wanted = f"{requirement.name}{requirement.specifier}"
                yield opened.found(Diagnosis("PA271"), f"requires {wanted}, which no index has; {state}")


def _versions(repository: Repository, project: NormalizedName) -> tuple[str, ...] | None:
    """The versions in a repository; None if it cannot list them."""
    with temporary_folder() as folder:
        try:
            repository.fetch(project, Version("0.dev0"), folder)
        except NotThereError as error:
            return error.versions
        except PublishAllError:
            return None
    return ("0.dev0",)


def _source_files(config: ProjectConfig | None) -> tuple[str, ...]:
    """What git tracks or does not ignore in the project; nothing where git does not answer."""
    from publish_all.builders.source_tree import SourceTree

    try:
        return SourceTree(config.root).files if config is not None else ()
    except BuildError:
        return ()


def _selections(config: ProjectConfig, files: Sequence[Opened]) -> Iterator[Finding]:
    """Compare each sdist with `include` and `exclude` of its build variant. Files that were named have one, too.

    It is the one with the sdist's name, and its version if there are several; sdists of other projects have none.
    """
    from publish_all.checks.compare_variants import check_selection
    from publish_all.variants.resolve import resolve_variants

    for sdist in (each for each in files if not each.is_wheel):
        project, version = sdist.distribution.project, sdist.distribution.version
        with suppress(PublishAllError):
            variants = resolve_variants(config, version=version.public)
            named = [each for each in variants if canonicalize_name(each.project) == project]
            same = [each for each in named if Version(each.version) == version]
            of = [each for each in files if each.is_wheel and each.distribution.project == project]
            wheels = [each for each in of if each.distribution.version == version]
            for variant in (same or named)[:1]:
                yield from check_selection(variant, sdist, wheels)


def _check_version(
    config: ProjectConfig, repositories: Sequence[Repository], options: PublishOptions
) -> None:
    """Report findings about the working tree and its tags against publishing this version. Raises `CheckError`, `VersionError`.

    There is nothing to tell where only build variants have a version.
    """
    from publish_all.version.guard import release_findings  # files that are named are not of a working tree

    found: dict[Finding, str] = {}
    for each in config.projects:
        version = project_version(each, runtime=options.runtime)
        if version is not None:
            findings = release_findings(
                each,
                version,
                pypi=any(to.name == "pypi" or host_of(to.url) == "upload.pypi.org" for to in repositories),
                allow_dirty=options.allow_dirty,
                ask_remote=not options.offline,
                environment=options.runtime.environment,
                run=options.runtime.run,
            )
            # A member that was released with an earlier commit is still there; other bytes of it are a conflict.
            kept = (one for one in findings if not (config.members and one.code == TAG_ELSEWHERE.code))
            found |= {one: version.text for one in kept if one not in found}
    options.runtime.found(*found)
    errors = tuple(each for each in found if each.severity is Severity.ERROR)
    if errors:
        message = f"the version {found[errors[0]]} cannot be published from here; nothing was uploaded"
        raise CheckError(message, findings=errors)
