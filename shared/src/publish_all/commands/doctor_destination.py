"""What doctor sees of one destination: its address, the credential for it, names, files, clock."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import field

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.commands.destinations import Connection
from publish_all.commands.doctor_identity import identity_facts, workflow_that_publishes
from publish_all.commands.doctor_names import NamesAsked, ask_for_names, names_offline
from publish_all.config.builtin import canonical
from publish_all.config.model import ProjectConfig, RepositoryConfig
from publish_all.config.workflows import Workflow
from publish_all.credentials.address import hostname_of
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.identity import AmbientIdentity
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest, Purpose
from publish_all.credentials.token import describe, read_pypi_token
from publish_all.diagnoses import CREDENTIAL_MISSING, GITHUB_HAS_NO_PYTHON, INDEX_URL, NO_UPLOAD_API
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError
from publish_all.findings import Finding, Severity
from publish_all.reporting.words import count, size
from publish_all.repositories.repository import Repository
from publish_all.repositories.simple_index import misdirected
from publish_all.results import Fact, PlannedFile
from publish_all.upload.plan import RepositoryPlan
from publish_all.version.static import project_name

_OFFLINE = "--offline"
_WRONG_ADDRESS = frozenset({INDEX_URL.code, NO_UPLOAD_API.code, GITHUB_HAS_NO_PYTHON.code})


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """One destination, ready to be spoken to. `auth` is as on the command line; `clock` is Unix time.

    `workflows` are those of the repository that the project is in.
    """

    repository: Repository
    stated: RepositoryConfig
    opened: Connection
    around: Surroundings
    offline: bool
    auth: str = "auto"
    workflows: tuple[Workflow, ...] = ()
    clock: Callable[[], float] = time.time

    @property
    def public(self) -> bool:
        return self.repository.capabilities.public

    @property
    def is_github(self) -> bool:
        return self.stated.kind.registry and canonical(self.stated.name) == "github"

    @property
    def in_job_with_identity(self) -> bool:
        """Whether this is a CI job that may have an identity; told without asking for it."""
        return (
            self.auth != "token" and AmbientIdentity(environment=self.around.environment).provider is not None
        )

    def request(self, project: NormalizedName | None) -> CredentialRequest:
        """The question that an upload of this project will put to the chain of credentials."""
        return CredentialRequest(
            repository=self.repository.name,
            url=self.repository.url.replace("{name}", project or "{name}"),
            project=project,
            purpose=Purpose.UPLOAD,
            username=self.stated.username,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a preflight said of it: `files` is None where it was not asked."""

    plan: RepositoryPlan
    findings: tuple[Finding, ...]
    files: tuple[PlannedFile, ...] | None

    @property
    def projects(self) -> tuple[NormalizedName, ...]:
        return tuple(dict.fromkeys(each.project for each in self.plan.releases))

    @property
    def distributions(self) -> tuple[Distribution, ...]:
        return tuple(self.plan.files)


@dataclasses.dataclass(kw_only=True, slots=True)
class ExaminedDestination:
    """What there is to tell of it. `exit_code` is that of a publish, as far as its preflight does not tell it."""

    facts: list[Fact] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    exit_code: int = 0

    def fact(self, label: str, text: str) -> None:
        fact = Fact(label=label, text=text)
        if fact not in self.facts:
            self.facts.append(fact)

    def fails(self, findings: Sequence[Finding], exit_code: int) -> None:
        self.findings += findings
        if any(each.severity is Severity.ERROR for each in findings):
            self.exit_code = self.exit_code or exit_code


def examine_destination(
    destination: Destination, config: ProjectConfig, *, answer: Answer | None
) -> ExaminedDestination:
    """Look at one destination. `answer` is None where there are no files to ask about."""
    seen = ExaminedDestination()
    projects = answer.projects if answer is not None else _own_name(config)
    asked = answer is not None and answer.files is not None
    if not destination.stated.kind.local:
        wrong = misdirected(destination.repository.url) if destination.stated.kind.standard_api else None
        if wrong is not None:
            seen.fails([wrong], 4)
        else:
            _credentials(destination, config, projects, seen, asked=asked)
    if answer is not None and answer.files is not None:
        seen.fails(answer.findings, 1)
        _files(answer.files, seen)
        _only_uploads(destination, answer.files, seen)
    elif answer is not None:
        seen.untested.append(
            f"whether {destination.repository.name} takes the files, and what it has already: {_OFFLINE}"
        )
    names = _names(destination, config, answer, projects, seen)
    seen.findings += identity_facts(destination, config, names, seen.fact)
    return seen


def _own_name(config: ProjectConfig) -> tuple[NormalizedName, ...]:
    name = project_name(config.pyproject)
    return (canonicalize_name(name),) if name else ()


# --- credentials


def _credentials(
    destination: Destination,
    config: ProjectConfig,
    projects: Sequence[NormalizedName],
    seen: ExaminedDestination,
    *,
    asked: bool,
) -> None:
    """One line for each credential that is used, with the projects it is for where they differ."""
    found: dict[str, list[NormalizedName]] = {}
    for project in projects:
        try:
            credential = destination.opened.credentials.plausible(destination.request(project))
        except CredentialError as error:
            if not asked:  # else the preflight has told it
                seen.fails(error.findings, CredentialError.exit_code)
            continue
        if credential is None:
            _no_credential(destination, config, project, seen, asked=asked)
            continue
        found.setdefault(_in_words(credential), []).append(project)
    for words, of in found.items():
        seen.fact("credential", words if len(found) == 1 else f"{words} [{', '.join(of)}]")


def _in_words(credential: Credential) -> str:
    """Kind, place, host, scope and expiry of a credential; nothing of its value."""
    if credential.kind is CredentialKind.TRUSTED_PUBLISHING:
        return f"{credential.origin}, for {credential.host}; a token is minted with the first upload"
    what = describe(credential.secret)
    token = read_pypi_token(credential.secret.reveal())
    expires = token.expires if token is not None else credential.expires
    until = f", until {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(expires))}" if expires else ""
    return f"{credential.username}, {what}{until}, for {credential.host}, from {credential.origin}"


def _no_credential(
    destination: Destination,
    config: ProjectConfig,
    project: NormalizedName,
    seen: ExaminedDestination,
    *,
    asked: bool,
) -> None:
    """None was found: a matter of the preflight, or offline of what the workflows will have."""
    if asked:
        return
    request = destination.request(project)
    needed = destination.public or hostname_of(destination.repository.url) == "ghcr.io"
    workflow = workflow_that_publishes(destination, config) if destination.offline else None
    if workflow is not None:
        seen.fact("credential", f"none on this machine; the job at {workflow} has its own")
    elif destination.offline and destination.in_job_with_identity:
        seen.untested.append(f"trusted publishing to {destination.repository.name}: {_OFFLINE}")
    elif needed:
        if not any(each.code == CREDENTIAL_MISSING.code for each in seen.findings):
            # Once is enough, though each project may have a variable of its own.
            error = explain_missing(request, destination.opened.credentials.trace(request))
            seen.fails(error.findings, CredentialError.exit_code)
    else:
        seen.untested.append(f"whether {destination.repository.name} wants a credential; none was found")


# --- files and names


def _files(files: Sequence[PlannedFile], seen: ExaminedDestination) -> None:
    words = {
        "upload": "to upload",
        "present": "there already, with the same bytes",
        "skip": "there with other bytes, skipped",
        "conflict": "there with other bytes",
    }
    for action, text in words.items():
        of = [each for each in files if each.action == action]
        if of:
            seen.fact("files", f"{count(len(of), 'file')} {text}, {size(sum(each.size for each in of))}")


def _only_uploads(destination: Destination, files: Sequence[PlannedFile], seen: ExaminedDestination) -> None:
    """Say what nobody can know before: silence would pass for a promise."""
    remote = not destination.stated.kind.local
    if remote and any(each.action == "upload" for each in files):
        seen.untested.append(f"what {destination.repository.name} says to a file: only an upload tells")


def _names(
    destination: Destination,
    config: ProjectConfig,
    answer: Answer | None,
    projects: Sequence[NormalizedName],
    seen: ExaminedDestination,
) -> NamesAsked:
    """What the index says about the projects' names, and about the versions and hashes it has."""
    silent = any(each.code.startswith("PA5") or each.code in _WRONG_ADDRESS for each in seen.findings)
    if destination.offline or not destination.stated.kind.standard_api or silent:
        names = names_offline(destination, projects)
    else:
        names = ask_for_names(
            destination, config, projects, answer.distributions if answer is not None else ()
        )
    seen.facts += names.facts
    seen.fails(names.findings, 1)
    seen.untested += names.untested
    return names
