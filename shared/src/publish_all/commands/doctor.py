"""Doctor: report the problems that a publish would have. Nothing is uploaded, and no token is requested.

It takes the steps of `publish` up to its preflight, and goes on where publish would stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from publish_all._git import repository_root
from publish_all._temporary import temporary_folder
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import open_connection
from publish_all.commands.doctor_destination import DestinationExam
from publish_all.commands.doctor_project import Section, surroundings_findings
from publish_all.commands.files import PublishOptions
from publish_all.commands.prepare import Prepared, prepare
from publish_all.commands.state import state_of
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig
from publish_all.config.workflows import Workflows, read_workflows
from publish_all.config.workspace import label
from publish_all.errors import CheckError, PublishAllError
from publish_all.events import Listener, ignore
from publish_all.reporting.text import count, size
from publish_all.summaries import DoctorReport
from publish_all.upload.journal import Journal, read_journal
from publish_all.upload.preflight import preflight


def doctor(options: PublishOptions, *, listener: Listener = ignore) -> DoctorReport:
    """Check everything that a publish needs; with `offline`, without repositories and git remotes.

    Never raises for problems of the project.
    """
    seen = _Doctor(options, listener)
    try:
        config = project_of_files(options.directory, optional=False, members=options.members)
    except PublishAllError as error:
        seen.project.failed(error)
    else:
        if config is not None:
            seen.examine(config)
    return DoctorReport(
        examined=tuple(each.examined() for each in seen.sections),
        # The first failure is the one that a publish would end with.
        exit_code=next(iter(seen.failures), 0),
        offline=options.offline,
    )


class _Doctor:
    """Checks things in the order of publish, so that the first failure gives the exit code."""

    def __init__(self, options: PublishOptions, listener: Listener) -> None:
        self._options = options
        self._listener = listener
        self.failures: list[int] = []
        self.sections: list[Section] = []
        self.project = self._section("project")

    def _section(self, name: str) -> Section:
        self.sections.append(Section(name, self.failures, self._listener))
        return self.sections[-1]

    def examine(self, config: ProjectConfig) -> None:
        runtime, project = self._options.runtime, self.project
        project.where = str(config.root)
        user, prefix = runtime.places().config, "PUBLISH_ALL_"
        variables = sorted(name for name in runtime.environment if name.startswith(prefix))
        sources = ["pyproject.toml", *([str(user)] if user.is_file() else [])]
        sources += [name for name in variables if "REPOSITORIES" in name or "VERSION" in name]
        project.fact("configured", ", ".join(sources))
        if variants := [name for each in config.projects for name in each.variants]:
            project.fact("variants", ", ".join(variants))
        workflows = read_workflows(config.root)
        chosen = tuple(self._choose(config, workflows))
        journal = self._journal(config)
        with temporary_folder() as folder:
            prepared = prepare(
                config,
                [each.repository for each in chosen],
                self._options,
                scratch=folder,
                journal=journal,
                listener=project.hear,
            )
            self._tell(config, prepared)
            self.failures += filter(None, [self._exit_code_of(prepared, journal)])
            plans = {each.repository.name: each for each in prepared.plan}
            answers = {each.plan.repository.name: each for each in prepared.preflight.repositories}
            for each in chosen:
                name = each.repository.name
                each.examine(plans.get(name), answers.get(name))
        stated = tuple(each.stated for each in chosen)
        project.add(*surroundings_findings(config, stated, workflows=workflows, runtime=runtime))

    def _choose(self, config: ProjectConfig, workflows: Workflows) -> Iterator[DestinationExam]:
        """Each destination on its own, so that one that is not known hides none of the others. Nobody is asked."""
        stated = replace(self._options.connection, ask=None)
        if self._options.offline:  # then trusted publishing can't be tried either
            stated = replace(stated, auth="token")
        names = {canonical(each): each for each in reversed(stated.repositories or config.publish_to)}
        connections = [replace(stated, repositories=(name,)) for name in reversed(names.values())]
        if stated.repository_url is not None:
            connections = [stated]
        if len(connections) > 1 and not (stated.username is None and stated.password is None):
            try:  # The command line's credential is for one destination: no other one may see it.
                open_connection(config, stated, listener=ignore)
            except PublishAllError as error:
                self.project.failed(error)
                self.project.untested.append("the destinations: no credential was sent")
                return
        for connection in connections:
            section = self._section(", ".join(connection.repositories) or "destination")
            try:
                opened = open_connection(config, connection, listener=section.hear)
                (repository,) = opened.repositories()
            except PublishAllError as error:
                section.failed(error)
                continue
            section.name, section.where = repository.name, repository.url
            yield DestinationExam(repository, opened, section, config, self._options, workflows.found)

    def _journal(self, config: ProjectConfig) -> Journal:
        """What earlier runs wrote; nothing is added to it."""
        path = state_of(config.root, self._options.runtime).journal
        try:
            return read_journal(path) if path is not None else Journal()
        except PublishAllError as error:
            self.project.failed(error)
            return Journal()

    def _tell(self, config: ProjectConfig, prepared: Prepared) -> None:
        """Report version, files and checks, and why some of them are missing."""
        project, versions = self.project, self._options.runtime.versions
        for each in config.projects:
            if each.root in versions:
                version = versions[each.root]
                text = (
                    f"{version.text}, from {version.source}" if version else "each build variant has its own"
                )
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
        if self._options.offline and (repository_root(config.root) / ".git").exists():
            project.untested.append("whether the tag is on the remote: --offline")
        if before := dict.fromkeys(command for each in config.projects for command in each.before_publish):
            commands = ", ".join(f"`{each}`" for each in before)
            project.untested.append(f"before-publish, which only publish runs: {commands}")

    def _exit_code_of(self, prepared: Prepared, journal: Journal) -> int:
        """How a publish would end on this. It leaves some questions to its first upload, which then fails with 1."""
        problem = prepared.preflight.problem
        if problem is None or problem.exit_code != CheckError.exit_code:
            return problem.exit_code if problem is not None else 0
        asked = [each.plan for each in prepared.preflight.repositories]
        skip = self._options.skip_existing
        in_earnest = preflight(asked, journal=journal, skip_existing=skip, in_earnest=True)
        return in_earnest.problem.exit_code if in_earnest.problem is not None else 1
