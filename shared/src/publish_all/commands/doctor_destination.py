"""What doctor sees of one destination: its address, the credential for it, files, names, trusted publishing, clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from email.utils import parsedate_to_datetime
from functools import cached_property
from urllib.parse import urljoin

from packaging.utils import NormalizedName, canonicalize_name

from publish_all import diagnoses as known
from publish_all._git import repository_root
from publish_all._http_errors import HttpError
from publish_all._toml import table
from publish_all.checks.metadata import in_use, neighbours, prohibited, too_similar
from publish_all.checks.publish_jobs import PublishJob, gitlab_line, publish_jobs
from publish_all.commands.destinations import Connection
from publish_all.commands.files import PublishOptions
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import FIXED, HOSTS, canonical
from publish_all.config.github_project import link_of_actions, link_of_git
from publish_all.config.model import ProjectConfig, RepositoryConfig, When
from publish_all.config.workflows import Workflow
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.credential_source import Credential, CredentialKind, CredentialRequest, Purpose
from publish_all.credentials.trusted_publishing import (
    AmbientIdentity,
    ask_for_audience,
    base_of,
    ensure_own,
    form_fields,
    needs_pending,
)
from publish_all.credentials.value import describe, read_pypi_token
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError, PublishAllError
from publish_all.events import Event, Found, Listener, Note, StepStarted
from publish_all.findings import Finding, Severity
from publish_all.reporting.text import count, size
from publish_all.repositories.legacy import LegacyRepository
from publish_all.repositories.repository import Repository
from publish_all.repositories.simple_index import misdirected
from publish_all.repositories.simple_pages import ProjectPage
from publish_all.summaries import Examined, ExplainedFinding, Fact
from publish_all.upload.plan import RepositoryPlan
from publish_all.upload.preflight import RepositoryPreflight
from publish_all.version.static import project_name

LARGEST_SKEW = 60.0
"""Seconds by which our clock may differ from a server's: identity tokens are valid for some minutes."""

_OFFLINE = "--offline"
_WRONG_ADDRESS = frozenset({known.INDEX_URL.code, known.NO_UPLOAD_API.code, known.GITHUB_HAS_NO_PYTHON.code})
_SHOWN_HASH = 12
_FILES_IN_WORDS = {
    "upload": "to upload",
    "present": "already uploaded, with the same content",
    "skip": "already uploaded with other content, skipped",
    "conflict": "already uploaded with other content",
}


class Section:
    """The results of one section of the report. `failures` are the exit codes of all sections, in order."""

    def __init__(self, name: str, failures: list[int], listener: Listener) -> None:
        self.name = name
        self.where = ""
        self.untested: list[str] = []
        self._failures = failures
        self._listener = listener
        self._facts: list[Fact] = []
        self._found: dict[tuple[Finding, bool], list[str]] = {}
        self._asking = False

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(finding.code for finding, _ in self._found)

    def add(self, *findings: Finding) -> None:
        """Add findings without duplicates. The same finding in several files becomes one about all of them."""
        for each in findings:
            places = self._found.setdefault((replace(each, where=""), bool(each.where)), [])
            places += [each.where] if each.where not in places else []

    def fail(self, findings: Sequence[Finding], exit_code: int) -> None:
        """Add findings, with which a publish ends if one of them is an error."""
        self.add(*findings)
        if any(each.severity is Severity.ERROR for each in findings):
            self._failures.append(exit_code)

    def failed(self, error: PublishAllError) -> None:
        self.add(*known.findings_of(error))
        self._failures.append(error.exit_code)

    def fact(self, label: str, text: str) -> None:
        self._facts.append(Fact(label=label, text=text))

    def hear(self, event: Event) -> None:
        """Collect findings and notes for the report, and forward progress events.

        The findings of a preflight are in its result.
        """
        match event:
            case StepStarted():
                self._asking = event.step == "preflight"
            case Found():
                self.add(*() if self._asking else [event.finding])
            case Note():
                self.fact("note", event.message)
            case _:
                self._listener(event)

    def examined(self) -> Examined:
        order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
        found = []
        for (each, _), places in self._found.items():
            values = {field.name: getattr(each, field.name) for field in fields(each)}
            values |= {"where": ", ".join(places), "why": known.Diagnosis(each.code).entry.why}
            found.append(ExplainedFinding(**values))
        return Examined(
            name=self.name,
            where=self.where,
            facts=tuple(dict.fromkeys(self._facts)),
            untested=tuple(dict.fromkeys(self.untested)),
            findings=tuple(sorted(found, key=lambda each: order.index(each.severity))),
        )


def trusts_publishers(stated: RepositoryConfig) -> bool:
    """Whether a repository takes trusted publishing, as far as the configuration tells."""
    usual = canonical(stated.name) in {"pypi", "testpypi"} and stated.trusted_publishing is not When.NEVER
    return stated.kind.trusted_publishing and (usual or stated.trusted_publishing is When.ALWAYS)


@dataclass
class DestinationExam:
    """Checks one destination, and adds its section to the report."""

    repository: Repository
    opened: Connection
    section: Section
    config: ProjectConfig
    options: PublishOptions
    workflows: Sequence[Workflow]

    @property
    def stated(self) -> RepositoryConfig:
        return self.opened.chosen[0]

    @property
    def _names(self) -> tuple[str, tuple[str, ...]]:
        """Its name, and those of the repositories that a job publishes to which names none."""
        return canonical(self.stated.name), tuple(map(canonical, self.config.publish_to))

    @cached_property
    def _jobs(self) -> Sequence[PublishJob]:
        """Those that publish there."""
        jobs = (each for workflow in self.workflows for each in publish_jobs(workflow))
        return [each for each in jobs if each.goes_to(*self._names)]

    def examine(self, planned: RepositoryPlan | None, answer: RepositoryPreflight | None) -> None:
        """`planned` is None where there are no files to ask about, `answer` where it was not asked."""
        section, name, local = self.section, self.repository.name, self.stated.kind.local
        files = tuple(planned.files) if planned is not None else ()
        projects = tuple(dict.fromkeys(each.project for each in files))
        own_name = project_name(self.config.pyproject)
        if planned is None and own_name:
            projects = (canonicalize_name(own_name),)
        wrong = misdirected(self.repository.url) if self.stated.kind.standard_api else None
        if wrong is not None:
            section.fail([wrong], 4)
        elif not local:
            self._tell_credentials(projects, asked=answer is not None)
        if answer is not None:
            section.fail(answer.findings, 1)
            for action, text in _FILES_IN_WORDS.items():
                sizes = [each.size for each in answer.files if each.action == action]
                if sizes:
                    section.fact("files", f"{count(len(sizes), 'file')} {text}, {size(sum(sizes))}")
            if not local and any(each.action == "upload" for each in answer.files):
                section.untested.append(f"checks that {name} makes only during an upload")
        elif planned is not None:
            section.untested.append(f"whether {name} accepts the files, and which files it has: {_OFFLINE}")
        self._tell_publishers(self._tell_names(projects, files))

    def _request(self, project: NormalizedName | None) -> CredentialRequest:
        """The question that an upload of this project will put to the chain of credentials."""
        url = self.repository.url.replace("{name}", project or "{name}")
        return CredentialRequest(config=self.stated, url=url, project=project, purpose=Purpose.UPLOAD)

    # Credentials

    def _tell_credentials(self, projects: Sequence[NormalizedName], *, asked: bool) -> None:
        """One line for each credential that is used, with the projects it is for where they differ.

        If the repository was asked, its problems are in the answer of the preflight.
        """
        found: dict[str, list[NormalizedName]] = {}
        for project in projects:
            try:
                credential = self.opened.credentials.plausible(self._request(project))
            except (CredentialError, HttpError) as error:
                if not asked:
                    self.section.failed(error)
                continue
            if credential is not None:
                found.setdefault(_in_words(credential), []).append(project)
            elif not asked:
                self._tell_no_credential(project)
        for words, of in found.items():
            self.section.fact("credential", words if len(found) == 1 else f"{words} [{', '.join(of)}]")

    def _tell_no_credential(self, project: NormalizedName) -> None:
        """Report a missing credential, which a workflow may have."""
        section, name, offline = self.section, self.repository.name, self.options.offline
        on_github = hostname_of(self.repository.url) in HOSTS["github"] | HOSTS["releases"]
        if offline and (workflow := self._publishing_workflow()) is not None:
            section.fact("credential", f"not found on this machine; the job at {workflow} has one")
        elif offline and self._may_have_identity():
            section.untested.append(f"trusted publishing to {name}: {_OFFLINE}")
        elif not (self.repository.capabilities.public or on_github):
            section.untested.append(f"whether {name} needs a credential; none was found")
        elif known.CREDENTIAL_MISSING.code not in section.codes:
            # Reported once, although each project may have its own variable.
            request = self._request(project)
            section.failed(explain_missing(request, self.opened.credentials.trace(request)))

    def _may_have_identity(self) -> bool:
        identity = AmbientIdentity(environment=self.options.runtime.environment)
        return self.options.connection.auth != "token" and identity.provider is not None

    def _publishing_workflow(self) -> str | None:
        """The file and line of a job that publishes there, with all required permissions; None if there is none."""
        permission = (self._names[0] in FIXED and self.stated.kind.permission) or "id-token"
        for job in self._jobs:
            if job.has_token or job.workflow.permission(job.job, permission) == "write":
                return job.where
        path = repository_root(self.config.root) / ".gitlab-ci.yml"
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        line = gitlab_line(text, *self._names)
        return f"{path.name}:{line}" if line is not None else None

    # Names

    def _tell_names(
        self, projects: Sequence[NormalizedName], files: Sequence[Distribution]
    ) -> tuple[NormalizedName, ...]:
        """Check names, versions and hashes of the projects on the index. Returns the new projects."""
        section, repository, public = self.section, self.repository, self.repository.capabilities.public
        refused = {each: prohibited(each, repository=repository.name) for each in projects if public}
        silent = any(each.startswith("PA5") or each in _WRONG_ADDRESS for each in section.codes)
        if self.options.offline or silent or not isinstance(repository, LegacyRepository):
            # The project may be older than the rule, and so be there.
            section.add(*(replace(each, severity=Severity.WARNING) for each in refused.values() if each))
            if refused:
                reason = _OFFLINE if self.options.offline else "it could not be reached"
                section.untested.append(f"whether the names are free at {repository.name}: {reason}")
            return ()
        new: list[NormalizedName] = []
        complete = True
        for project in projects:
            try:
                listing = repository.index(project).listing(project)
            except HttpError as error:
                # The preflight has asked the same, and told it.
                section.untested.append(f"the files of {project} on {repository.name}: {error.message}")
                complete = False
                continue
            section.fail(listing.findings, 1)
            complete = complete and listing.known
            # On PyPI a project is there as soon as its name is taken, with a file or without.
            if listing.page is not None and (listing.page.files or public):
                self._tell_there(project, listing.page, [each for each in files if each.project == project])
            elif listing.known:
                new.append(project)
                section.fact("name", f"{project}: a new project, created by the first upload")
                against = refused.get(project) or (self._namesake(project, repository) if public else None)
                section.fail([against] if against is not None else [], 1)
        section.fail([*self._clock()], 1)
        return tuple(new) if complete else ()

    def _namesake(self, project: NormalizedName, repository: LegacyRepository) -> Finding | None:
        """The finding for a project that is there and looks like this one."""
        for other in neighbours(project):
            try:
                if repository.index(other).listing(other).page is not None:
                    return too_similar(project, other, repository=repository.name)
            except HttpError:
                return None
        return None

    def _tell_there(self, project: NormalizedName, page: ProjectPage, files: Sequence[Distribution]) -> None:
        """Tell of a project that is there: its files, and whether it seems to be somebody else's."""
        self.section.fact("name", f"{project}: exists, with {count(len(page.files), 'file')}")
        for each in files:
            if (listed := page.file(each.filename)) is not None:
                ours, theirs = each.digests.sha256, listed.hashes.get("sha256")
                same = "ours" if theirs == ours else f"ours is {ours[:_SHOWN_HASH]}…"
                told = f"sha256 {theirs[:_SHOWN_HASH]}… ({same})" if theirs else "without a sha256"
                self.section.fact("published", f"{each.filename}: {told}")
        if self.repository.capabilities.public:
            links = self._their_links(project)
            finding = in_use(project, self._our_links(files), links, repository=self.repository.name)
            self.section.fail([finding] if finding is not None else [], 1)

    def _their_links(self, project: NormalizedName) -> set[str]:
        """The links on the page of a project that is there, none where they cannot be had."""
        if self.stated.index_url is None:
            return set()
        url = urljoin(self.stated.index_url, f"../pypi/{project}/json")
        try:
            reply = self.opened.session.request("GET", url)
            info = table(reply.json() if reply.status == 200 else None, "info")
        except (HttpError, ValueError):
            return set()
        return {str(each) for each in (*table(info, "project_urls").values(), info.get("home_page")) if each}

    def _our_links(self, files: Sequence[Distribution]) -> set[str]:
        links: set[str] = set()
        for each in files:
            links.update(value.partition(",")[2] or value for value in each.metadata.get("Project-URL", ()))
            links.update(each.metadata.get("Home-page", ()))
        runtime = self.options.runtime
        link = link_of_git(self.config.root, environment=runtime.environment, run=runtime.run)
        return links | {f"https://github.com/{link}"} if links and link is not None else links

    def _clock(self) -> Iterator[Finding]:
        """Whether our clock and the server's agree, by the date of one of its replies."""
        try:
            reply = self.opened.session.request("HEAD", self.stated.index_url or self.repository.url)
            theirs = parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
        except (HttpError, ValueError, TypeError):
            return
        ahead = time.time() - theirs
        if abs(ahead) > LARGEST_SKEW:
            direction = "ahead of" if ahead > 0 else "behind"
            yield Diagnosis("PA521").found(
                f"the clock of this machine is {round(abs(ahead))} s {direction} that of {self.repository.name} "
                f"({time.strftime('%H:%M:%S UTC', time.gmtime(theirs))})",
                where=self.repository.name,
            )

    # Trusted publishing

    def _tell_publishers(self, new: Sequence[NormalizedName]) -> None:
        """Show the publisher of each project as the fields of the form of the index, and check the needs of new projects."""
        if not trusts_publishers(self.stated):
            return
        own = self._own_publisher()
        publishers = [own] if own is not None else [*self._publishers_of_workflows()]
        for form in publishers:
            self.section.fact("publisher", "\n".join(f"{name}: {value}" for name, value in form.items()))
        # For a job itself the preflight has told it.
        if own is not None or not 0 < len(publishers) < len(new):
            return
        first = publishers[0]
        message = (
            f"{len(new)} projects are new here ({', '.join(new)}), but the workflow publishes all of them from one "
            f"environment: {first['Environment name']}."
        )
        url, where = self.repository.url, first["Workflow name"]
        self.section.add(needs_pending(new, message, url=url, where=where, severity=Severity.WARNING))

    def _own_publisher(self) -> Mapping[str, str] | None:
        """The form's fields for this job, by the claims of its identity: nothing is minted with it."""
        if self.options.offline or not self._may_have_identity():
            return None
        identity = AmbientIdentity(environment=self.options.runtime.environment)
        base = base_of(self.repository.url)
        audience, _ = ask_for_audience(self.opened.session, base)
        if audience is None or identity.missing_permission(audience) is not None:
            return None
        try:
            ensure_own(audience, self._request(None), base)
            token = identity.token(audience)
        except CredentialError:
            return None  # told by the chain of credentials
        return form_fields(token, None) if token is not None else None

    def _publishers_of_workflows(self) -> Iterator[Mapping[str, str]]:
        """The form's fields for each job that publishes there with trusted publishing."""
        environment, run = self.options.runtime.environment, self.options.runtime.run
        link = link_of_actions(environment) or link_of_git(self.config.root, environment=environment, run=run)
        owner, _, repository = (link or "(not known: no git remote)/").partition("/")
        jobs = [each for each in self._jobs if not each.has_token]
        pairs = ((job.workflow.path.name, each) for job in jobs for each in job.environments)
        for workflow, name in dict.fromkeys(pairs):
            yield {
                "Owner": owner,
                "Repository name": repository or owner,
                "Workflow name": workflow,
                "Environment name": name or "(none: leave it empty)",
            }


def _in_words(credential: Credential) -> str:
    """Kind, place, host, scope and expiry of a credential; nothing of its value."""
    if credential.kind is CredentialKind.TRUSTED_PUBLISHING:
        return f"{credential.origin}, for {credential.host}; a token is requested for the first upload"
    token = read_pypi_token(credential.secret.reveal())
    expires = token.expires if token is not None else credential.expires
    until = f", until {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(expires))}" if expires else ""
    what = f"{describe(credential.secret)}{until}"
    return f"{credential.username}, {what}, for {credential.host}, from {credential.origin}"
