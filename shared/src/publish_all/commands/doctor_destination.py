"""What doctor sees of one destination: its address, the credential for it, files, names, trusted publishing, clock."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._git import repository_root
from publish_all._http_errors import HttpError
from publish_all.checks.names import in_use, neighbours, prohibited, too_similar
from publish_all.checks.publish_jobs import PublishJob, gitlab_line, publish_jobs
from publish_all.commands.destinations import Connection
from publish_all.commands.files import PublishOptions
from publish_all.config.addresses import hostname_of
from publish_all.config.builtin import canonical
from publish_all.config.github_project import link_of_actions, link_of_git
from publish_all.config.model import ProjectConfig, When
from publish_all.config.workflows import Workflow
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.credential_source import Credential, CredentialKind, CredentialRequest, Purpose
from publish_all.credentials.identity import AmbientIdentity, IdentityToken, form_fields
from publish_all.credentials.trusted_publishing import ask_for_audience, base_of, ensure_own
from publish_all.credentials.value import describe, read_pypi_token
from publish_all.diagnoses import (
    CLOCK_WRONG,
    CREDENTIAL_MISSING,
    GITHUB_HAS_NO_PYTHON,
    INDEX_URL,
    NO_UPLOAD_API,
    PENDING_PUBLISHERS_NEEDED,
    Diagnosis,
)
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError
from publish_all.findings import Finding, Severity
from publish_all.reporting.text import count, size
from publish_all.repositories.repository import Repository
from publish_all.repositories.simple_index import Listing, SimpleIndex, index_candidates, misdirected
from publish_all.results import Examined, ExplainedFinding, Fact
from publish_all.upload.plan import RepositoryPlan
from publish_all.upload.preflight import RepositoryPreflight
from publish_all.version.static import project_name

LARGEST_SKEW = 60.0
"""Seconds by which our clock may differ from a server's: identity tokens are valid for some minutes."""

_OFFLINE = "--offline"
_WRONG_ADDRESS = frozenset({INDEX_URL.code, NO_UPLOAD_API.code, GITHUB_HAS_NO_PYTHON.code})
_SHOWN_HASH = 12
_PENDING_PAGES = {
    "pypi": "https://pypi.org/manage/account/publishing/",
    "testpypi": "https://test.pypi.org/manage/account/publishing/",
}
_FILES_IN_WORDS = {
    "upload": "to upload",
    "present": "there already, with the same bytes",
    "skip": "there with other bytes, skipped",
    "conflict": "there with other bytes",
}


@dataclasses.dataclass(kw_only=True, slots=True)
class Section:
    """What is known so far of one thing that is looked at. `failures` are the exit codes of all sections, in order."""

    name: str
    failures: list[int]
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

    def fail(self, findings: Sequence[Finding], exit_code: int) -> None:
        """Add findings, with which a publish ends if one of them is an error."""
        self.add(*findings)
        if any(each.severity is Severity.ERROR for each in findings):
            self.failures.append(exit_code)

    def fact(self, label: str, text: str) -> None:
        fact = Fact(label=label, text=text)
        if fact not in self.facts:
            self.facts.append(fact)

    def examined(self) -> Examined:
        order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
        found = sorted(self.findings, key=lambda each: order.index(each.severity))
        return Examined(
            name=self.name,
            where=self.where,
            facts=tuple(self.facts),
            untested=tuple(dict.fromkeys(self.untested)),
            findings=tuple(map(_explained, found)),
        )


def _explained(finding: Finding) -> ExplainedFinding:
    stated = {each.name: getattr(finding, each.name) for each in fields(finding)}
    return ExplainedFinding(**stated, why=Diagnosis(finding.code).entry.why)


def _alike(one: Finding, other: Finding) -> bool:
    return bool(one.where) == bool(other.where) and replace(one, where="") == replace(other, where="")


class DestinationExam:
    """Looks at one destination, and tells its section."""

    def __init__(
        self,
        repository: Repository,
        opened: Connection,
        section: Section,
        *,
        config: ProjectConfig,
        options: PublishOptions,
        workflows: Sequence[Workflow],
    ) -> None:
        self.repository = repository
        self.section = section
        (self.stated,) = opened.chosen
        self._opened = opened
        self._config = config
        self._around = options.runtime
        self._offline = options.offline
        self._auth = options.connection.auth
        self._workflows = workflows
        self._canonical = canonical(self.stated.name)
        self._default = tuple(canonical(each) for each in config.publish_to)

    def examine(self, planned: RepositoryPlan | None, answer: RepositoryPreflight | None) -> None:
        """`planned` is None where there are no files to ask about, `answer` where it was not asked."""
        section, name = self.section, self.repository.name
        files = tuple(planned.files) if planned is not None else ()
        projects = tuple(dict.fromkeys(each.project for each in files))
        own_name = project_name(self._config.pyproject)
        if planned is None and own_name:
            projects = (canonicalize_name(own_name),)
        if not self.stated.kind.local:
            wrong = misdirected(self.repository.url) if self.stated.kind.standard_api else None
            if wrong is not None:
                section.fail([wrong], 4)
            else:
                self._tell_credentials(projects, asked=answer is not None)
        if answer is not None:
            section.fail(answer.findings, 1)
            for action, text in _FILES_IN_WORDS.items():
                sizes = [each.size for each in answer.files if each.action == action]
                if sizes:
                    section.fact("files", f"{count(len(sizes), 'file')} {text}, {size(sum(sizes))}")
            if not self.stated.kind.local and any(each.action == "upload" for each in answer.files):
                section.untested.append(f"what {name} says to a file: only an upload tells")
        elif planned is not None:
            section.untested.append(f"whether {name} takes the files, and what it has already: {_OFFLINE}")
        self._tell_publishers(self._tell_names(projects, files))

    def _request(self, project: NormalizedName | None) -> CredentialRequest:
        """The question that an upload of this project will put to the chain of credentials."""
        return CredentialRequest(
            config=self.stated,
            url=self.repository.url.replace("{name}", project or "{name}"),
            project=project,
            purpose=Purpose.UPLOAD,
        )

    # Credentials

    def _tell_credentials(self, projects: Sequence[NormalizedName], *, asked: bool) -> None:
        """One line for each credential that is used, with the projects it is for where they differ."""
        found: dict[str, list[NormalizedName]] = {}
        for project in projects:
            try:
                credential = self._opened.credentials.plausible(self._request(project))
            except CredentialError as error:
                if not asked:  # else the preflight has told it
                    self.section.fail(error.findings, CredentialError.exit_code)
                continue
            if credential is not None:
                found.setdefault(_in_words(credential), []).append(project)
            elif not asked:
                self._tell_no_credential(project)
        for words, of in found.items():
            self.section.fact("credential", words if len(found) == 1 else f"{words} [{', '.join(of)}]")

    def _tell_no_credential(self, project: NormalizedName) -> None:
        """None was found offline, where it may be a matter of what the workflows will have."""
        section, name = self.section, self.repository.name
        needed = self.repository.capabilities.public or hostname_of(self.repository.url) == "ghcr.io"
        workflow = self._publishing_workflow() if self._offline else None
        identity = AmbientIdentity(environment=self._around.environment)
        if workflow is not None:
            section.fact("credential", f"none on this machine; the job at {workflow} has its own")
        elif self._offline and self._auth != "token" and identity.provider is not None:
            section.untested.append(f"trusted publishing to {name}: {_OFFLINE}")
        elif not needed:
            section.untested.append(f"whether {name} wants a credential; none was found")
        elif not any(each.code == CREDENTIAL_MISSING.code for each in section.findings):
            # Once is enough, though each project may have a variable of its own.
            request = self._request(project)
            error = explain_missing(request, self._opened.credentials.trace(request))
            section.fail(error.findings, CredentialError.exit_code)

    def _publishing_workflow(self) -> str | None:
        """The file and line of a job that publishes there, with all that it needs for that; None if there is none."""
        is_github = self.stated.kind.registry and self._canonical == "github"
        for job in self._jobs():
            permission = "packages" if is_github else "id-token"
            if job.has_token or job.workflow.permission(job.job, permission) == "write":
                return job.where
        path = repository_root(self._config.root) / ".gitlab-ci.yml"
        line = gitlab_line(_text_of(path), self._canonical, self._default)
        return f"{path.name}:{line}" if line is not None else None

    def _jobs(self) -> Iterator[PublishJob]:
        for workflow in self._workflows:
            for each in publish_jobs(workflow):
                if each.goes_to(self._canonical, self._default):
                    yield each

    # Names

    def _tell_names(
        self, projects: Sequence[NormalizedName], files: Sequence[Distribution]
    ) -> tuple[NormalizedName, ...]:
        """What the index says about the projects' names, versions and hashes; the projects that are known to be new."""
        section = self.section
        silent = any(each.code.startswith("PA5") or each.code in _WRONG_ADDRESS for each in section.findings)
        if self._offline or not self.stated.kind.standard_api or silent:
            self._tell_names_unasked(projects)
            return ()
        new: list[NormalizedName] = []
        known = True
        for project in projects:
            try:
                listing = self._index(project).listing(project)
            except HttpError as error:
                # The preflight has asked the same, and told it.
                section.untested.append(f"what {self.repository.name} has of {project}: {error.message}")
                known = False
                continue
            section.fail(listing.findings, 1)
            known = known and listing.known
            if not listing.known:
                continue
            if listing.page is None or not listing.page.files:
                new.append(project)
                section.fact("name", f"{project}: not there yet; the first upload makes it")
                section.fail(self._against_new(project), 1)
            else:
                self._tell_there(project, listing, [each for each in files if each.project == project])
        section.fail(self._clock(), 1)
        return tuple(new) if known else ()

    def _tell_names_unasked(self, projects: Sequence[NormalizedName]) -> None:
        """What can be said about names without asking: only whether an index would ever give them."""
        if not self.repository.capabilities.public:
            return
        for project in projects:
            finding = prohibited(project, repository=self.repository.name)
            if finding is not None:
                # The project may be older than the rule, and so be there.
                self.section.add(replace(finding, severity=Severity.WARNING))
        if projects:
            reason = _OFFLINE if self._offline else "it could not be asked"
            self.section.untested.append(f"whether the names are free at {self.repository.name}: {reason}")

    def _index(self, project: NormalizedName) -> SimpleIndex:
        stated, url = self.stated.index_url, self.repository.url.replace("{name}", project)
        return SimpleIndex(
            root=stated.replace("{name}", project) if stated else None,
            candidates=index_candidates(url),
            config=self.stated,
            upload_url=url,
            session=self._opened.session,
            credentials=self._opened.credentials,
        )

    def _against_new(self, project: NormalizedName) -> tuple[Finding, ...]:
        """What stands against making this project on a public index."""
        if not self.repository.capabilities.public:
            return ()
        finding = prohibited(project, repository=self.repository.name)
        if finding is not None:
            return (finding,)
        for other in neighbours(project):
            try:
                listing = self._index(other).listing(other)
            except HttpError:
                return ()
            if listing.page is not None and listing.page.files:
                return (too_similar(project, other, repository=self.repository.name),)
        return ()

    def _tell_there(self, project: NormalizedName, listing: Listing, files: Sequence[Distribution]) -> None:
        """Tell of a project that is there: its files, and whether it seems to be somebody else's."""
        assert listing.page is not None  # noqa: S101 - the caller has seen it
        self.section.fact("name", f"{project}: there, with {count(len(listing.page.files), 'file')}")
        for each in files:
            listed = listing.page.file(each.filename)
            if listed is None:
                continue
            ours, theirs = each.digests.sha256, listed.hashes.get("sha256")
            same = "ours" if theirs == ours else f"ours is {ours[:_SHOWN_HASH]}…"
            told = f"sha256 {theirs[:_SHOWN_HASH]}… ({same})" if theirs else "without a sha256"
            self.section.fact("published", f"{each.filename}: {told}")
        links = self._their_links(project) if self.repository.capabilities.public else None
        if links is not None:
            finding = in_use(project, self._our_links(files), links, repository=self.repository.name)
            self.section.fail([finding] if finding is not None else [], 1)

    def _their_links(self, project: NormalizedName) -> Mapping[str, str] | None:
        """The links on the page of a project that is there, None where they cannot be had."""
        root = self.stated.index_url
        if root is None:
            return None
        try:
            reply = self._opened.session.request("GET", urljoin(root, f"../pypi/{project}/json"))
            info = reply.json().get("info") if reply.status == 200 else None
        except (HttpError, ValueError, AttributeError):
            return None
        if not isinstance(info, dict):
            return None
        stated = info.get("project_urls")
        links = {str(key): str(value) for key, value in stated.items()} if isinstance(stated, dict) else {}
        return links | ({"home page": str(info["home_page"])} if info.get("home_page") else {})

    def _our_links(self, files: Sequence[Distribution]) -> Mapping[str, str]:
        links = {}
        for each in files:
            for value in each.metadata.get("Project-URL", ()):
                label, _, url = value.partition(",")
                links[label] = url.strip()
            if (home := each.header("Home-page")) is not None:
                links["home page"] = home
        link = link_of_git(self._config.root, environment=self._around.environment, run=self._around.run)
        if links and link is not None:
            links["git remote"] = f"https://github.com/{link}"
        return links

    def _clock(self) -> tuple[Finding, ...]:
        """Whether our clock and the server's agree, by the date of one of its replies."""
        try:
            reply = self._opened.session.request("HEAD", self.stated.index_url or self.repository.url)
            theirs = parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
        except (HttpError, ValueError, TypeError):
            return ()
        ahead = time.time() - theirs
        if abs(ahead) <= LARGEST_SKEW:
            return ()
        direction = "ahead of" if ahead > 0 else "behind"
        finding = CLOCK_WRONG.found(
            f"the clock of this machine is {round(abs(ahead))} s {direction} that of {self.repository.name} "
            f"({time.strftime('%H:%M:%S UTC', time.gmtime(theirs))})",
            where=self.repository.name,
        )
        return (finding,)

    # Trusted publishing

    def _tell_publishers(self, new: Sequence[NormalizedName]) -> None:
        """Tell the publisher of each project as the fields of the index's form; find what N new projects need."""
        stated = self.stated
        wanted = self._canonical in _PENDING_PAGES or stated.trusted_publishing is When.ALWAYS
        if not stated.kind.trusted_publishing or not wanted or stated.trusted_publishing is When.NEVER:
            return
        token = self._identity_token()
        publishers = [form_fields(token, None)] if token is not None else [*self._publishers_of_workflows()]
        for form in publishers:
            self.section.fact("publisher", "\n".join(f"{name}: {value}" for name, value in form))
        one_environment = token is not None or len(publishers) < len(new)
        if len(new) < 2 or not publishers or not one_environment:
            return
        # An index takes one pending publisher for each environment of a workflow.
        first = dict(publishers[0])
        page = _PENDING_PAGES.get(self._canonical, "the index's page for pending publishers")
        rows = "\n".join(f"  {name}: environment pypi-{name}" for name in new)
        finding = PENDING_PUBLISHERS_NEEDED.found(
            f"{len(new)} projects are new here ({', '.join(new)}), and the workflow publishes all of them from one "
            f"environment: {first.get('Environment name', '')}.",
            where=first.get("Workflow name", self.repository.name),
            hint=f"Register one pending publisher for each at {page}, with an environment of its own, and publish "
            f"each variant in a job with that environment (--variant):\n{rows}",
        )
        self.section.add(finding)

    def _identity_token(self) -> IdentityToken | None:
        """The identity of this job, for its claims alone: nothing is minted with it."""
        identity = AmbientIdentity(environment=self._around.environment)
        if self._offline or self._auth == "token" or identity.provider is None:
            return None
        base = base_of(self.repository.url)
        audience, _ = ask_for_audience(self._opened.session, base)
        if audience is None or identity.missing_permission(audience) is not None:
            return None
        try:
            ensure_own(audience, self._request(None), base)
            return identity.token(audience)
        except CredentialError:
            return None  # told by the chain of credentials

    def _publishers_of_workflows(self) -> Iterator[Sequence[tuple[str, str]]]:
        """The form's fields for each job that publishes there with trusted publishing."""
        environment, run = self._around.environment, self._around.run
        link = link_of_actions(environment) or link_of_git(
            self._config.root, environment=environment, run=run
        )
        owner, _, repository = (link or "(not known: no git remote)/").partition("/")
        pairs = (
            (job.workflow.path.name, each)
            for job in self._jobs()
            if not job.has_token
            for each in job.environments
        )
        for workflow, name in dict.fromkeys(pairs):
            yield (
                ("Owner", owner),
                ("Repository name", repository or owner),
                ("Workflow name", workflow),
                ("Environment name", name or "(none: leave it empty)"),
            )


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _in_words(credential: Credential) -> str:
    """Kind, place, host, scope and expiry of a credential; nothing of its value."""
    if credential.kind is CredentialKind.TRUSTED_PUBLISHING:
        return f"{credential.origin}, for {credential.host}; a token is minted with the first upload"
    what = describe(credential.secret)
    token = read_pypi_token(credential.secret.reveal())
    expires = token.expires if token is not None else credential.expires
    until = f", until {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(expires))}" if expires else ""
    return f"{credential.username}, {what}{until}, for {credential.host}, from {credential.origin}"
