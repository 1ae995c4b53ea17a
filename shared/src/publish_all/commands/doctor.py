"""Doctor: what publish would meet, told before it is tried. Nothing is uploaded, no token is minted.

It takes the steps of `publish` up to its preflight, and goes on where publish would stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from publish_all._git import repository_root
from publish_all._temporary import temporary_folder
from publish_all.commands.context import findings_of, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.commands.doctor_destination import DestinationExam, Section
from publish_all.commands.doctor_project import configuration_facts, surroundings_findings, version_facts
from publish_all.commands.files import PublishOptions
from publish_all.commands.prepare import Prepared, prepare
from publish_all.commands.state import state_of
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig
from publish_all.config.workflows import Workflows, read_workflows
from publish_all.errors import CheckError, PublishAllError
from publish_all.events import Event, Found, Listener, Note, StepStarted, ignore
from publish_all.reporting.text import count, size
from publish_all.results import DoctorReport
from publish_all.upload.journal import Journal, read_journal
from publish_all.upload.preflight import preflight


def doctor(options: PublishOptions, *, listener: Listener = ignore) -> DoctorReport:
    """Look at everything that a publish depends on, at no repository and no git remote where that is to be `offline`.

    Raises nothing for what is wrong with it.
    """
    return _Doctor(options, listener).report()


class _Doctor:
    def __init__(self, options: PublishOptions, listener: Listener) -> None:
        self._options = options
        self._listener = listener
        self._failures: list[int] = []
        self._project = Section(name="project", failures=self._failures)
        self._destinations: list[Section] = []
        self._workflows = Workflows(found=())

    def report(self) -> DoctorReport:
        try:
            config = project_of_files(self._options.directory, optional=False)
        except PublishAllError as error:
            self._fails(self._project, error)
        else:
            if config is not None:
                self._examine(config)
        return DoctorReport(
            examined=tuple(each.examined() for each in (self._project, *self._destinations)),
            # The first failure is the one that a publish would end with.
            exit_code=next(iter(self._failures), 0),
            offline=self._options.offline,
        )

    # --- in the order of publish, so that the first failure tells the exit code

    def _examine(self, config: ProjectConfig) -> None:
        runtime = self._options.runtime
        self._project.where = str(config.root)
        self._project.facts += configuration_facts(config, runtime)
        self._workflows = read_workflows(config.root)
        chosen = tuple(self._choose(config))
        journal = self._journal(config)
        with temporary_folder() as folder:
            prepared = prepare(
                config,
                [each.repository for each in chosen],
                self._options,
                scratch=folder,
                journal=journal,
                listener=self._ear(self._project),
            )
            self._tell(config, prepared)
            self._failures += filter(None, [self._exit_code_of(prepared, journal)])
            plans = {each.repository.name: each for each in prepared.plan}
            answers = {each.plan.repository.name: each for each in prepared.preflight.repositories}
            for each in chosen:
                name = each.repository.name
                each.examine(plans.get(name), answers.get(name))
        version = runtime.versions.get(config.root)
        stated = tuple(each.stated for each in chosen)
        self._project.add(
            *surroundings_findings(
                config, stated, version=version, workflows=self._workflows, runtime=runtime
            )
        )

    def _choose(self, config: ProjectConfig) -> Iterator[DestinationExam]:
        """Each destination on its own, so that one that is not known hides none of the others."""
        connections = tuple(self._connections(config))
        if not self._may_give_credential(config, connections):
            return
        for connection in connections:
            name = ", ".join(connection.repositories) or "destination"
            section = Section(name=name, failures=self._failures)
            self._destinations.append(section)
            heard = self._ear(section)
            try:
                opened = open_connection(config, connection, listener=heard)
                (repository,) = opened.repositories()
            except PublishAllError as error:
                self._fails(section, error)
                continue
            section.name, section.where = repository.name, repository.url
            yield DestinationExam(
                repository,
                opened,
                section,
                config=config,
                options=self._options,
                workflows=self._workflows.found,
            )

    def _may_give_credential(self, config: ProjectConfig, connections: Sequence[ConnectionOptions]) -> bool:
        """The command line's credential is for one destination: no other one may see it."""
        stated = self._options.connection
        if len(connections) < 2 or (stated.username is None and stated.password is None):
            return True
        try:
            open_connection(config, replace(stated, ask=None), listener=ignore)
        except PublishAllError as error:
            self._fails(self._project, error)
            self._project.untested.append("the destinations: none of them is sent the credential")
            return False
        return True

    def _connections(self, config: ProjectConfig) -> Iterator[ConnectionOptions]:
        """The connection of each destination. Nobody is asked; offline, trusted publishing can't be tried either."""
        stated = replace(self._options.connection, ask=None)
        if self._options.offline:
            stated = replace(stated, auth="token")
        if stated.repository_url is not None:
            yield stated
            return
        names = {canonical(each): each for each in reversed(stated.repositories or config.publish_to)}
        for name in reversed(names.values()):
            yield replace(stated, repositories=(name,))

    def _journal(self, config: ProjectConfig) -> Journal:
        """What earlier runs wrote; nothing is added to it."""
        path = state_of(config.root, self._options.runtime).journal
        try:
            return read_journal(path) if path is not None else Journal()
        except PublishAllError as error:
            self._fails(self._project, error)
            return Journal()

    def _tell(self, config: ProjectConfig, prepared: Prepared) -> None:
        """Tell of version, files and checks, and why some of them could not be had."""
        project, runtime = self._project, self._options.runtime
        if config.root in runtime.versions:
            project.facts += version_facts(runtime.versions[config.root])
        if prepared.files is not None:
            files = prepared.files.distributions
            total = size(sum(each.size for each in files))
            project.fact("files", f"{count(len(files), 'file')}, {total}")
        else:
            project.untested.append("the files: there are none to look at")
        if prepared.checked is not None:
            project.add(*prepared.checked.all_findings)
        for error in prepared.errors:
            self._fails(project, error)
        if self._options.offline and (repository_root(config.root) / ".git").exists():
            project.untested.append("whether the tag is on the remote: --offline")
        if config.before_publish:
            commands = ", ".join(f"`{each}`" for each in config.before_publish)
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

    # --- what is heard, and what it comes to

    def _ear(self, section: Section) -> Listener:
        """Findings and notes go to the section, to be told once and in their place; progress is passed on.

        The findings of a preflight are in its result.
        """
        asking = False

        def hear(event: Event) -> None:
            nonlocal asking
            match event:
                case StepStarted():
                    asking = event.step == "preflight"
                case Found():
                    section.add(*() if asking else [event.finding])
                case Note():
                    section.fact("note", event.message)
                case _:
                    self._listener(event)

        return hear

    def _fails(self, section: Section, error: PublishAllError) -> None:
        section.add(*findings_of(error))
        self._failures.append(error.exit_code)
