"""Doctor: what publish would meet, told before it is tried. Nothing is uploaded, no token is minted.

It takes the steps of `publish` up to its preflight, and goes on where publish would stop.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from publish_all._temporary import temporary_folder
from publish_all._values import dataclass
from publish_all.builders.output import output_folder
from publish_all.commands.build import BuildOptions
from publish_all.commands.coded import findings_of
from publish_all.commands.context import Surroundings, project_of_files, project_version
from publish_all.commands.destinations import ConnectionOptions, make_repositories, open_connection
from publish_all.commands.doctor_destination import Answer, Destination, examine_destination
from publish_all.commands.doctor_project import configuration_facts, surroundings_findings, version_facts
from publish_all.commands.examine import check_planned, destinations_of, version_findings
from publish_all.commands.found_files import BuiltBefore, files_built_before
from publish_all.commands.gather import Gathered, built_files, manifest_files, usable_manifest
from publish_all.commands.state import state_of
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig
from publish_all.config.workflows import Workflows, read_workflows, repository_root
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CheckError, PublishAllError
from publish_all.events import Event, Found, Listener, Note, StepStarted, ignore
from publish_all.findings import Finding, Severity
from publish_all.reporting.words import count, size
from publish_all.repositories.repository import Repository
from publish_all.results import Advice, DoctorReport, Examined, Fact
from publish_all.upload.journal import History, Journal, read_journal
from publish_all.upload.plan import RepositoryPlan, plan
from publish_all.upload.preflight import Preflight, preflight


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorOptions:
    """What to look at: the destinations of the project, or those that are named, and build variants.

    `offline` asks no repository and no remote. `build` False looks at what was built before; `allow_dirty`
    is as for `publish`.
    """

    directory: Path
    variants: tuple[str, ...] = ()
    offline: bool = False
    build: bool = True
    allow_missing: bool = False
    allow_dirty: bool = False
    skip_existing: bool = False
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)

    @property
    def around(self) -> Surroundings:
        return self.connection.around


@dataclasses.dataclass(kw_only=True, slots=True)
class _Section:
    """What is known so far of one thing that is looked at."""

    name: str
    where: str = ""
    facts: list[Fact] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        """Keep each once; what is the same in several files is one finding about all of them."""
        for each in findings:
            same = next((i for i, kept in enumerate(self.findings) if _alike(kept, each)), None)
            if same is None:
                self.findings.append(each)
            elif each.where not in self.findings[same].where.split(", "):
                where = f"{self.findings[same].where}, {each.where}"
                self.findings[same] = replace(self.findings[same], where=where)

    def fact(self, label: str, text: str) -> None:
        self.facts.append(Fact(label=label, text=text))

    def examined(self) -> Examined:
        order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
        found = sorted(self.findings, key=lambda each: order.index(each.severity))
        return Examined(
            name=self.name,
            where=self.where,
            facts=tuple(self.facts),
            advice=tuple(Advice(finding=each, why=Diagnosis(each.code).entry.why) for each in found),
            untested=tuple(dict.fromkeys(self.untested)),
        )


def _alike(one: Finding, other: Finding) -> bool:
    return bool(one.where) == bool(other.where) and replace(one, where="") == replace(other, where="")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chosen:
    """One destination, and where its findings go."""

    section: _Section
    destination: Destination

    @property
    def repository(self) -> Repository:
        return self.destination.repository


def doctor(options: DoctorOptions, *, listener: Listener = ignore) -> DoctorReport:
    """Look at everything that a publish depends on. Raises nothing for what is wrong with it."""
    return _Doctor(options, listener).report()


class _Doctor:
    def __init__(self, options: DoctorOptions, listener: Listener) -> None:
        self._options = options
        self._listener = listener
        self._project = _Section(name="project")
        self._destinations: list[_Section] = []
        self._exit_code = 0
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
            exit_code=self._exit_code,
            offline=self._options.offline,
        )

    # --- in the order of publish, so that the first failure tells the exit code

    def _examine(self, config: ProjectConfig) -> None:
        self._project.where = str(config.root)
        self._project.facts += configuration_facts(config, self._options.around)
        self._workflows = read_workflows(config.root)
        chosen = tuple(self._choose(config))
        journal = self._journal(config)
        with temporary_folder() as folder:
            gathered = self._gather(config, journal, folder)
            planned = self._plan(gathered, chosen) if gathered is not None and chosen else None
            if planned is not None:
                self._check(config, planned)
            self._version(config, chosen)
            self._before_publish(config)
            self._destination_by_destination(config, chosen, planned, journal)
        around = self._options.around
        version = around.versions.get(config.root)
        stated = tuple(each.destination.stated for each in chosen)
        self._project.add(
            *surroundings_findings(config, stated, version=version, workflows=self._workflows, around=around)
        )

    def _choose(self, config: ProjectConfig) -> Iterator[_Chosen]:
        """Each destination on its own, so that one that is not known hides none of the others."""
        connections = tuple(self._connections(config))
        if not self._may_give_credential(config, connections):
            return
        for connection in connections:
            section = _Section(name=", ".join(connection.repositories) or "destination")
            self._destinations.append(section)
            heard = self._ear(section)
            try:
                opened = open_connection(config, connection, listener=heard)
                (repository,) = make_repositories(opened, connection, listener=heard)
            except PublishAllError as error:
                self._fails(section, error)
                continue
            section.name, section.where = repository.name, repository.url
            destination = Destination(
                repository=repository,
                stated=opened.chosen[0],
                opened=opened,
                around=self._options.around,
                offline=self._options.offline,
                auth=self._options.connection.auth,
                workflows=self._workflows.found,
            )
            yield _Chosen(section=section, destination=destination)

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
        path = state_of(config.root, self._options.around).journal
        try:
            history = read_journal(path) if path is not None else History(entries={})
        except PublishAllError as error:
            self._fails(self._project, error)
            history = History(entries={})
        return Journal(None, history=history, wall=time.time)

    def _gather(self, config: ProjectConfig, journal: Journal, folder: Path) -> Gathered | None:
        """The files as a publish would have them: of a run that was not finished, or built now."""
        listener = self._ear(self._project)
        try:
            version = project_version(config, around=self._options.around, listener=listener)
            self._project.facts += version_facts(version)
            gathered = self._built_before(config, journal, listener)
            if gathered is None:
                gathered = built_files(config, self._build(folder), listener=listener)
        except PublishAllError as error:
            self._fails(self._project, error)
            self._project.untested.append("the files: there are none to look at")
            return None
        files = gathered.distributions
        total = size(sum(each.size for each in files))
        self._project.fact("files", f"{count(len(files), 'file')}, {total}")
        return gathered

    def _built_before(self, config: ProjectConfig, journal: Journal, listener: Listener) -> Gathered | None:
        if self._options.build and journal.history.complete:
            return None
        wanted = BuiltBefore(
            config=config,
            output=output_folder(config),
            variants=self._options.variants,
            allow_missing=self._options.allow_missing,
            around=self._options.around,
        )
        if not self._options.build:
            return files_built_before(wanted, listener=listener)
        variants = wanted.resolved(listener)
        manifest = usable_manifest(
            state_of(config.root, self._options.around).manifest(wanted.output), variants
        )
        if manifest is None or not journal.history.unfinished(each.sha256 for each in manifest.entries):
            return None
        return manifest_files(manifest, variants, allow_missing=self._options.allow_missing)

    def _build(self, folder: Path) -> BuildOptions:
        return BuildOptions(
            directory=self._options.directory,
            variants=self._options.variants,
            output=folder,
            allow_missing=self._options.allow_missing,
            around=self._options.around,
        )

    def _plan(self, gathered: Gathered, chosen: Sequence[_Chosen]) -> Sequence[RepositoryPlan] | None:
        repositories = [each.repository for each in chosen]
        try:
            destinations = destinations_of(gathered, repositories, self._ear(self._project))
            return plan(gathered.distributions, destinations)
        except PublishAllError as error:
            self._fails(self._project, error)
            return None

    def _check(self, config: ProjectConfig, planned: Sequence[RepositoryPlan]) -> None:
        result = check_planned(config, planned)
        self._project.add(*result.findings)
        if result.errors:
            self._ends_with(CheckError.exit_code)

    def _version(self, config: ProjectConfig, chosen: Sequence[_Chosen]) -> None:
        try:
            findings = version_findings(
                config,
                [each.repository for each in chosen],
                allow_dirty=self._options.allow_dirty,
                ask_remote=not self._options.offline,
                around=self._options.around,
                listener=ignore,
            )
        except PublishAllError as error:
            self._fails(self._project, error)
            return
        self._project.add(*findings)
        if any(each.severity is Severity.ERROR for each in findings):
            self._ends_with(CheckError.exit_code)
        if self._options.offline and (repository_root(config.root) / ".git").exists():
            self._project.untested.append("whether the tag is on the remote: --offline")

    def _before_publish(self, config: ProjectConfig) -> None:
        if config.before_publish:
            commands = ", ".join(f"`{each}`" for each in config.before_publish)
            self._project.untested.append(f"before-publish, which only publish runs: {commands}")

    def _destination_by_destination(
        self,
        config: ProjectConfig,
        chosen: Sequence[_Chosen],
        planned: Sequence[RepositoryPlan] | None,
        journal: Journal,
    ) -> None:
        asked = self._preflight(planned, journal) if planned is not None else None
        for each in chosen:
            section = each.section
            answer = asked.get(each.repository.name) if asked is not None else None
            examined = examine_destination(each.destination, config, answer=answer)
            section.facts += examined.facts
            section.add(*examined.findings)
            section.untested += examined.untested
            self._ends_with(examined.exit_code)

    def _preflight(self, planned: Sequence[RepositoryPlan], journal: Journal) -> Mapping[str, Answer]:
        """Ask the destinations; offline only those on this machine."""
        repositories = tuple(
            each for each in planned if not self._options.offline or each.repository.kind.local
        )
        done = preflight(
            repositories, journal=journal, listener=self._progress, skip_existing=self._options.skip_existing
        )
        self._ends_with(self._exit_code_of(done, repositories, journal))
        asked = {
            each.repository.name: Answer(
                plan=each,
                findings=answer.findings,
                files=answer.files,
            )
            for each, answer in zip(repositories, done.repositories, strict=True)
        }
        unasked = (each for each in planned if each.repository.name not in asked)
        return asked | {each.repository.name: Answer(plan=each, findings=(), files=None) for each in unasked}

    def _exit_code_of(self, done: Preflight, part: Sequence[RepositoryPlan], journal: Journal) -> int:
        """How a publish would end on this. It leaves some questions to its first upload, which then fails with 1."""
        if done.problem is None or done.problem.exit_code != CheckError.exit_code:
            return done.problem.exit_code if done.problem is not None else 0
        skip = self._options.skip_existing
        in_earnest = preflight(part, journal=journal, skip_existing=skip, in_earnest=True)
        return in_earnest.problem.exit_code if in_earnest.problem is not None else 1

    # --- what is heard, and what it comes to

    def _ear(self, section: _Section) -> Listener:
        """Findings and notes go to the section, to be told once and in their place; progress is passed on."""

        def hear(event: Event) -> None:
            match event:
                case Found():
                    section.add(event.finding)
                case Note():
                    section.fact("note", event.message)
                case _:
                    self._progress(event)

        return hear

    def _progress(self, event: Event) -> None:
        """What a person waits for. The findings of a preflight are in its result."""
        if not isinstance(event, Found | StepStarted):
            self._listener(event)

    def _fails(self, section: _Section, error: PublishAllError) -> None:
        section.add(*findings_of(error))
        self._ends_with(error.exit_code)

    def _ends_with(self, exit_code: int) -> None:
        """The first failure is the one that a publish would end with."""
        self._exit_code = self._exit_code or exit_code
