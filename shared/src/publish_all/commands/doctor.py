"""Doctor: report the problems that a publish would have. Nothing is uploaded, and no token is requested.

It takes the steps of `publish` up to its preflight, and goes on where publish would stop.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from publish_all._temporary import temporary_folder
from publish_all._toml import table
from publish_all._urls import without_userinfo
from publish_all.checks.publish_jobs import workflow_findings
from publish_all.commands.context import Runtime, project_of_files
from publish_all.commands.destinations import open_connection
from publish_all.commands.doctor_destination import DestinationExam, Section, trusts_publishers
from publish_all.commands.files import PublishOptions
from publish_all.commands.prepare import Prepared, prepare
from publish_all.commands.state import state_of
from publish_all.config.builtin import FIXED, canonical
from publish_all.config.load import label
from publish_all.config.model import ProjectConfig, RepositoryConfig, VersionSource
from publish_all.config.workflows import Workflows, read_workflows
from publish_all.diagnoses import FILE_READABLE_BY_OTHERS, Diagnosis
from publish_all.errors import CheckError, PublishAllError
from publish_all.events import ignore
from publish_all.findings import Finding
from publish_all.reporting.text import count, size
from publish_all.summaries import DoctorReport
from publish_all.upload.journal import Journal, read_journal
from publish_all.upload.preflight import preflight
from publish_all.version.git import Described, describe, tag_name, tag_of
from publish_all.version.version_source import Origin, ResolvedVersion

PLUGIN = "poetry-publish-all"
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def doctor(options: PublishOptions) -> DoctorReport:
    """Check everything that a publish needs; with `offline`, without repositories and git remotes.

    Never raises for problems of the project.
    """
    # Things are checked in the order of publish, so that the first failure gives the exit code.
    failures: list[int] = []
    sections = [Section("project", failures, options.runtime.listener)]
    try:
        config = project_of_files(options.directory, optional=False, members=options.members)
        if config is not None:
            _examine(config, options, sections, failures)
    except PublishAllError as error:
        sections[0].failed(error)
    return DoctorReport(
        examined=tuple(each.examined() for each in sections),
        exit_code=next(iter(failures), 0),
        offline=options.offline,
    )


def _examine(
    config: ProjectConfig, options: PublishOptions, sections: list[Section], failures: list[int]
) -> None:
    runtime, project = options.runtime, sections[0]
    project.where = str(config.root)
    user = runtime.places().config
    names = sorted(name for name in runtime.environment if name.startswith("PUBLISH_ALL_"))
    sources = ["pyproject.toml", *([str(user)] if user.is_file() else [])]
    sources += [name for name in names if "REPOSITORIES" in name or "VERSION" in name]
    project.fact("configured", ", ".join(sources))
    workflows = read_workflows(config.root)

    def new_section(name: str) -> Section:
        sections.append(Section(name, failures, runtime.listener))
        return sections[-1]

    chosen = tuple(_choose(config, options, workflows, new_section))
    path = state_of(config.root, runtime).journal
    journal = read_journal(path) if path is not None else Journal()
    with temporary_folder() as folder:
        repositories = [each.repository for each in chosen]
        heard = options.heard_by(project.hear)
        prepared = prepare(config, repositories, heard, scratch=folder, journal=journal)
        _tell(config, options, project, prepared)
        failures += filter(None, [_exit_code_of(prepared, options, journal)])
        plans = {each.repository.name: each for each in prepared.plan}
        answers = {each.plan.repository.name: each for each in prepared.preflight.repositories}
        for each in chosen:
            name = each.repository.name
            each.examine(plans.get(name), answers.get(name))
    stated = tuple(each.stated for each in chosen)
    project.add(*_surroundings(config, stated, workflows=workflows, runtime=runtime))


def _choose(
    config: ProjectConfig,
    options: PublishOptions,
    workflows: Workflows,
    new_section: Callable[[str], Section],
) -> Iterator[DestinationExam]:
    """Each destination on its own, so that one that is not known hides none of the others. Nobody is asked."""
    stated = replace(options.connection, ask=None)
    if options.offline:  # then trusted publishing can't be tried either
        stated = replace(stated, auth="token")
    names = {canonical(each): each for each in reversed(stated.repositories or config.publish_to)}
    connections = [replace(stated, repositories=(name,)) for name in reversed(names.values())]
    if stated.repository_url is not None:
        connections = [stated]
    if not (stated.username is None and stated.password is None):
        # They are for one destination: no other one may see them.
        open_connection(config, options.heard_by(ignore).connection)
    for connection in connections:
        section = new_section(", ".join(connection.repositories) or "destination")
        try:
            heard = replace(connection, runtime=replace(connection.runtime, listener=section.hear))
            opened = open_connection(config, heard)
            (repository,) = opened.repositories()
        except PublishAllError as error:
            section.failed(error)
            continue
        section.name, section.where = repository.name, repository.url
        yield DestinationExam(repository, opened, section, config, options, workflows.found)


def _tell(config: ProjectConfig, options: PublishOptions, project: Section, prepared: Prepared) -> None:
    """Report version, files and checks, and why some of them are missing."""
    for each in config.projects:
        if each.root in options.runtime.versions:
            version = options.runtime.versions[each.root]
            text = f"{version.text}, from {version.source}" if version else "each build variant has its own"
            project.fact("version", f"{label(each)} {text}" if config.members else text)
    if prepared.files:
        files = [file for each in prepared.files for file in each.distributions]
        project.fact("files", f"{count(len(files), 'file')}, {size(sum(each.size for each in files))}")
    else:
        project.untested.append("the files: there are none")
    if prepared.checked is not None:
        project.add(*prepared.checked.all_findings)
    for error in prepared.errors:
        project.failed(error)
    for command in dict.fromkeys(command for each in config.projects for command in each.before_publish):
        project.untested.append(f"before-publish, which only publish runs: `{command}`")


def _exit_code_of(prepared: Prepared, options: PublishOptions, journal: Journal) -> int:
    """How a publish would end on this. It leaves some questions to its first upload, which then fails with 1."""
    problem = prepared.preflight.problem
    if problem is None or problem.exit_code != CheckError.exit_code:
        return problem.exit_code if problem is not None else 0
    asked = [each.plan for each in prepared.preflight.repositories]
    in_earnest = preflight(asked, journal=journal, skip_existing=options.skip_existing, in_earnest=True)
    return in_earnest.problem.exit_code if in_earnest.problem is not None else 1


def _surroundings(
    config: ProjectConfig,
    stated: Sequence[RepositoryConfig],
    *,
    workflows: Workflows,
    runtime: Runtime,
) -> Iterator[Finding]:
    """Everything around the project that a publish may fail on later, or elsewhere."""
    for project in config.projects:
        version = runtime.versions.get(project.root)
        found = [*(_tag(project, version, runtime) if version is not None else ()), *_licence(project)]
        for finding in found:
            yield replace(finding, where=finding.where or label(project)) if config.members else finding
    yield from _hosts(config, runtime.environment)
    for note in workflows.notes:
        yield Diagnosis("PA150").found(note.removeprefix("passed over: "))
    for workflow in workflows.found:
        yield from workflow_findings(
            workflow,
            default=tuple(map(canonical, config.publish_to)),
            trusted=tuple(canonical(each.name) for each in stated if trusts_publishers(each)),
            writes={
                canonical(each.name): each.kind.permission
                for each in stated
                if each.kind.permission and canonical(each.name) in FIXED
            },
            from_git=config.version.source is VersionSource.GIT,
        )
    proxies = (name for name in _PROXIES if runtime.environment.get(name))
    if (proxy := next(proxies, None)) and not all(each.kind.local for each in stated):
        value = runtime.environment[proxy]
        shown = without_userinfo(value) if "://" in value else value.rpartition("@")[2]
        yield Diagnosis("PA520").found(f"{proxy} is set: {shown}")
    pypirc, others = runtime.places().hosts.pypirc, stat.S_IRGRP | stat.S_IROTH
    if os.name == "posix" and pypirc.is_file() and pypirc.stat().st_mode & others:
        yield FILE_READABLE_BY_OTHERS.found(
            f"Other users of this machine can read {pypirc}.", where=str(pypirc), hint=f"chmod 600 {pypirc}"
        )


def _tag(config: ProjectConfig, version: ResolvedVersion, runtime: Runtime) -> Iterator[Finding]:
    """Whether this version has a tag, where versions have them."""
    prefix, environment, run = config.version.tag_prefix, runtime.environment, runtime.run
    distance, last = version.distance, version.tag
    if not distance:
        said = describe(config.root, prefix=prefix, environment=environment, run=run)
        if not isinstance(said, Described) or not said.distance:
            return
        distance, last = said.distance, said.tag
        if version.origin is not Origin.BACKEND or not (
            version.version.is_devrelease or version.version.local
        ):
            tag = tag_name(version.version, prefix=prefix, last=last)
            if tag_of(version.version, config.root, prefix=prefix, environment=environment, run=run) is None:
                yield Diagnosis("PA239").found(
                    f"HEAD does not have the tag {tag}; the last tag is {last}, {count(distance, 'commit')} before",
                    hint=f"To release, tag HEAD: git tag {tag}",
                )
            return
    yield Diagnosis("PA238").found(
        f"{version.text} is a development version: HEAD is {count(distance, 'commit')} after the tag {last}"
    )


def _licence(config: ProjectConfig) -> Iterator[Finding]:
    project, poetry = table(config.pyproject, "project"), table(config.pyproject, "tool", "poetry")
    classifiers = [*project.get("classifiers", ()), *poetry.get("classifiers", ())]
    stated = (
        project.get("license")
        or project.get("license-files")
        or poetry.get("license")
        or any(str(each).startswith("License ::") for each in classifiers)
    )
    elsewhere = "license" in project.get("dynamic", ()) or (config.root / "setup.py").is_file()
    if (project or poetry) and not stated and not elsewhere:
        yield Diagnosis("PA250").found("pyproject.toml has no licence", where="pyproject.toml")


def _hosts(config: ProjectConfig, environment: Mapping[str, str]) -> Iterator[Finding]:
    backend = str(table(config.pyproject, "build-system").get("build-backend", ""))
    tool, said = table(config.pyproject, "tool"), environment.get("HATCH_PUBLISHER")
    uses_hatch = ("hatch" in tool or backend.startswith("hatchling")) and "poetry" not in tool
    if uses_hatch and said != "publish-all":
        now = f"is {said!r}" if said else "is not set"
        yield Diagnosis("PA160").found(
            f"HATCH_PUBLISHER {now}, so `hatch publish` uses publish-all only with `-p publish-all`"
        )
    declared = PLUGIN in table(tool, "poetry", "requires-plugins")
    if ("poetry" in tool or backend.startswith("poetry.core")) and not declared:
        message = f"{PLUGIN} is not in [tool.poetry.requires-plugins]"
        yield Diagnosis("PA161").found(message, where="pyproject.toml")
