"""Repositories with PyPI's legacy upload API (https://docs.pypi.org/api/upload/), which nearly all have."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, urljoin

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import BasicAuth, Session
from publish_all._http_errors import Failure, HttpError
from publish_all._server_text import plain
from publish_all._urls import origin, shown_url, without_userinfo
from publish_all.attestations.attestation import SigningError
from publish_all.config.addresses import is_pypi
from publish_all.config.kinds import LEGACY, Kind
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.credential_source import (
    CredentialKind,
    CredentialRequest,
    Credentials,
    Purpose,
)
from publish_all.credentials.trusted_publishing import base_of, ensure_covers, needs_pending
from publish_all.diagnoses import Diagnosis, findings_of
from publish_all.distributions.core_metadata import form_fields
from publish_all.distributions.distribution import Distribution, DistributionKind, Release, release_of
from publish_all.errors import CheckError, CredentialError, UsageError
from publish_all.findings import Finding, Severity
from publish_all.repositories.bodies import FileBody, FileChangedError, form
from publish_all.repositories.replies import Attempt, classify, ensure_host, lost
from publish_all.repositories.repository import (
    Capabilities,
    Look,
    Means,
    Progress,
    ReleaseOutcome,
    Removal,
    UploadOutcome,
    filled_url,
    no_progress,
)
from publish_all.repositories.simple_index import SimpleIndex, index_candidates, misdirected
from publish_all.repositories.simple_pages import ProjectPage
from publish_all.results import FileState

if TYPE_CHECKING:
    from publish_all.attestations.attestation import Attestation, Attester

EXPIRY_MARGIN = 60.0
"""A token with less than so many seconds to live is renewed before an upload."""

REPLY_LIMIT = 1024 * 1024
"""The longest reply to an upload that is read, in bytes."""

_MAY_BE_THERE = frozenset({200, 201, 202, 203, 400, 403, 409, 422})
"""Statuses of answers to an upload after which the index is asked whether the file is there."""

PROJECT_LIMIT = 10 * 1024**3
"""What all files of a project may add up to on PyPI, in bytes; PyPI raises it on request."""

_DAY = 86400.0
_CLOSED, _CLOSING = 14 * _DAY, 12 * _DAY
_ACCEPT = {"Accept": "application/json"}
_PROTOCOL = ((":action", "file_upload"), ("protocol_version", "1"))


@dataclass(eq=False, repr=False)
class LegacyRepository:
    """One repository with a legacy upload URL and, if it is known or can be guessed, a simple index."""

    kind: ClassVar[Kind] = LEGACY

    config: RepositoryConfig
    credentials: Credentials
    session: Session
    attester: Attester
    clock: Callable[[], float] = time.time
    _indexes: dict[str, SimpleIndex] = field(default_factory=dict)
    _by_identity: Mapping[NormalizedName, bool] = field(default_factory=dict)
    # The names of files that were uploaded with attestations.
    _attested: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.config.name
        self._url = without_userinfo(filled_url(self.config))
        # The limits of PyPI: several uploads that open a release at the same time fail, and so do more than four
        # uploads to one release.
        self.capabilities = Capabilities(
            opens_alone=True,
            parallel_per_release=4,
            parallel=16,
            final_on_upload=True,
            public=self.config.public,
            creates_alone=self.config.public,
        )

    @property
    def url(self) -> str:
        return shown_url(self._url)

    # --- preflight

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Send an upload without a file, which every server refuses, and read the refusal.

        The answer shows whether the URL accepts uploads and whether the credential is accepted. It stores
        nothing. With `brief` it is skipped if there is a credential, and the index, which is asked
        anyway, is on the same server. Raises `HttpError` if the server cannot be reached, and `CredentialError` with the
        findings when a credential is missing or refused.
        """
        wrong = misdirected(self._url)
        if wrong is not None:
            return (wrong,)
        findings: list[Finding] = []
        asked: set[object] = set()
        for each in releases:
            request = self._request(each.project)
            credential = self.credentials.plausible(request)
            findings += self.attester.preflight(each.distributions, credential)
            attempt = Attempt(self.name, request.url, credential)
            roots = (self.config.index_url,) if self.config.index_url else index_candidates(request.url)
            if brief and credential is not None and {*map(origin, roots)} == {origin(request.url)}:
                continue
            # Once for each URL and credential that the releases would be uploaded with.
            who = (credential.username, credential.secret) if credential is not None else None
            if (request.url, who) not in asked:
                asked.add((request.url, who))
                findings += self._probe(attempt).findings
        return tuple(dict.fromkeys(findings))

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        """Remember the projects that are uploaded with tokens minted for this job. PyPI creates only one of them for a job."""
        found = {each: self.credentials.plausible(self._request(each)) for each in projects}
        self._by_identity = {
            project: projects[project]
            for project, credential in found.items()
            if credential is not None and credential.kind is CredentialKind.TRUSTED_PUBLISHING
        }
        new = [project for project, is_new in self._by_identity.items() if is_new]
        if len(new) < 2 or not is_pypi(self._url):
            return ()
        message = (
            f"{len(new)} projects are new on {self.name} ({', '.join(new)}), and this job publishes all of them from "
            "one environment. Trusted publishing can create only one of them."
        )
        return (needs_pending(new, message, url=self._url, where=self.name),)

    def _probe(self, attempt: Attempt) -> UploadOutcome:
        """The outcome of an upload without a file; UPLOADED means that a real upload may follow."""
        head, tail, content_type = form(_PROTOCOL)
        # A credential with an empty secret means a token that is minted only when it is needed.
        minted_later = attempt.credential is not None and not attempt.credential.secret
        auth = None if minted_later else _auth(attempt)
        reply = self.session.request(
            "POST", attempt.url, auth=auth, headers=_ACCEPT | {"Content-Type": content_type}, body=head + tail
        )
        # Some servers answer 500 for a missing file, so it does not mean that they do not work.
        if (200 <= reply.status < 300 and not reply.is_page) or reply.status == 500:
            message = f"{attempt.url} answers {reply.status} to an upload without a file."
            return attempt.outcome(FileState.UPLOADED, Diagnosis("PA445"), message)
        outcome = classify(reply, attempt, now=self.clock())
        if reply.status in {400, 409, 411, 413, 415, 422}:
            return UploadOutcome(status=FileState.UPLOADED)
        if outcome.status is FileState.UNAUTHORIZED:
            if minted_later:
                return UploadOutcome(status=FileState.UPLOADED)
            if attempt.credential is None:
                request = self._request(None)
                raise explain_missing(request, self.credentials.trace(request))
            first = outcome.findings[0]
            message = f"{first.message} ({first.where})"
            raise CredentialError(message, hint=first.hint, findings=outcome.findings)
        if outcome.status in {FileState.FAILED, FileState.UNCLEAR}:
            first = outcome.findings[0]
            raise HttpError(
                first.message,
                failure=Failure.STATUS,
                url=shown_url(reply.url),
                hint=first.hint,
                retryable=True,
                retry_after=outcome.retry_after,
            )
        return outcome

    # --- upload

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """One attempt; a second one at once if the token had expired and a new one is available."""
        request = self._request(distribution.project)
        attempt = Attempt(repository=self.name, url=request.url, distribution=distribution)
        try:
            # Before a token is minted: a mint uses up a pending publisher, even if no upload follows.
            attestations = self.attester.attest(distribution, self.credentials.plausible(request))
            credential = self.credentials.get(request)
            expires = credential.expires if credential is not None else None
            if expires is not None and expires - self.clock() <= EXPIRY_MARGIN:
                credential = self.credentials.renew(request) or credential
            if credential is not None and credential.kind is CredentialKind.TRUSTED_PUBLISHING:
                ensure_covers(credential, request, self._by_identity)
            if attestations:
                # Trusted publishing may have failed, and another credential may have been found.
                attestations = self.attester.attest(distribution, self.credentials.get(request))
            outcome = self._upload(attempt._replace(credential=credential), attestations, progress)
            if outcome.status is FileState.UNAUTHORIZED and credential and credential.expires is not None:
                renewed = self.credentials.renew(request)
                if renewed is not None and renewed.secret != credential.secret:
                    outcome = self._upload(attempt._replace(credential=renewed), attestations, progress)
        except SigningError as error:
            return replace(UploadOutcome.failed(error), findings=(self.attester.impossible(error),))
        except (CredentialError, CheckError, FileChangedError) as error:
            return UploadOutcome.failed(error)
        except HttpError as error:
            return lost(error, attempt, body_sent=False)
        return outcome

    def _upload(
        self, attempt: Attempt, attestations: Sequence[Attestation], progress: Progress
    ) -> UploadOutcome:
        distribution = attempt.distribution
        assert distribution is not None  # noqa: S101 - attempts of `upload` have one
        fields = [*_PROTOCOL, *_fields(distribution)]
        if attestations:
            # PEP 740: https://docs.pypi.org/api/upload/
            fields.append(("attestations", json.dumps([dict(each.content) for each in attestations])))
        head, tail, content_type = form(fields, distribution.path.name)
        body = FileBody(distribution.path, size=distribution.size, progress=progress, head=head, tail=tail)
        try:
            reply = self.session.request(
                "POST",
                attempt.url,
                auth=_auth(attempt),
                headers=_ACCEPT | {"Content-Type": content_type},
                body=body,
                limit=REPLY_LIMIT,
            )
        except HttpError as error:
            return lost(error, attempt, body_sent=body.complete)
        outcome = classify(reply, attempt, now=self.clock())
        if attestations and outcome.status is FileState.UPLOADED:
            self._attested.add(distribution.filename)
        if outcome.status is FileState.UPLOADED and not body.complete:
            # An answer from before the body was sent cannot be about it.
            message = f"{self.name} answered before all data was sent."
            return attempt.outcome(FileState.UNCLEAR, known.ANSWER_LOST, message)
        return self._settled(outcome, distribution) if reply.status in _MAY_BE_THERE else outcome

    def _settled(self, outcome: UploadOutcome, distribution: Distribution) -> UploadOutcome:
        """The outcome of an answer that may mean that the file exists, after a check.

        Servers use many words and languages for it, so the words are ignored.
        """
        if outcome.status in {FileState.UPLOADED, FileState.PRESENT}:
            return outcome
        doubtful = any(each.code == known.MAYBE_OTHER_BYTES.code for each in outcome.findings)
        try:
            index = self.index(distribution.project)
            state = index.states(index.listing(distribution.project), [distribution])[distribution.filename]
        except HttpError as error:
            if not doubtful:
                return outcome
            return UploadOutcome(status=FileState.UNCLEAR, findings=(*outcome.findings, *findings_of(error)))
        if state is FileState.PRESENT:
            return UploadOutcome(status=FileState.PRESENT)
        if state is FileState.DIFFERENT and outcome.findings:
            first = outcome.findings[0]
            hint = first.hint if doubtful else "Release a new version."
            finding = known.OTHER_BYTES.found(first.message, where=first.where, hint=hint)
            return UploadOutcome(status=FileState.CONFLICT, findings=(finding,))
        return outcome

    # --- the index

    def states(self, release: Release) -> Look:
        index = self.index(release.project)
        listing = index.listing(release.project)
        states = index.states(listing, release.distributions)
        findings: tuple[Finding, ...] = ()
        if listing.page is not None:
            missing = [each for each in release.distributions if states[each.filename] is FileState.ABSENT]
            findings = tuple(self.against_new_files(listing.page, release, missing))
        return Look(states=states, new_project=listing.known and listing.page is None, findings=findings)

    def against_new_files(
        self, page: ProjectPage, release: Release, missing: Sequence[Distribution]
    ) -> Iterator[Finding]:
        """What to know before the `missing` files of a release are uploaded; nothing if there are none.

        From the state of the project (PEP 792), and PyPI's rules about age and size.
        """
        if not missing:
            return
        name, now = self.name, self.clock()
        yield from self._project_state(page, release)
        wanted = release.project, release.version
        listed = [each for each in page.files if release_of(each.filename) == wanted]
        if listed and all(each.yanked is not None for each in listed):
            reason = _because(next((each.yanked for each in listed if each.yanked), None))
            message = f"All files of {release} on {name} are yanked{reason}."
            yield Diagnosis("PA416").found(message, where=name)
        if not self.config.public:
            return
        times = [time for each in listed if (time := _seconds(each.upload_time)) is not None]
        age = now - min(times, default=now)
        begun = f"{release} on {name} is {int(age / _DAY)} days old"
        what = f"{len(missing)} of these files are missing there."
        if age > _CLOSED:
            message = f"{begun} and no longer accepts files; {what}"
            yield known.RELEASE_CLOSED.found(message, where=name)
        elif age >= _CLOSING:
            message = f"{begun}. After 14 days it accepts no more files; {what}"
            hint = "Upload all files of the release before then."
            yield known.RELEASE_CLOSED.found(message, where=name, hint=hint, severity=Severity.WARNING)
        total = sum(each.size or 0 for each in page.files) + sum(each.size for each in missing)
        if total > 0.9 * PROJECT_LIMIT:
            message = f"With these files, {release.project} on {name} uses {total / 1024**3:.1f} of 10 GiB."
            if total > PROJECT_LIMIT:
                message += " The index refuses them unless the limit of the project was raised."
            yield Diagnosis("PA428").found(message, where=name)

    def _project_state(self, page: ProjectPage, release: Release) -> Iterator[Finding]:
        """What the state of the project means for uploads."""
        name = self.name
        message = f"{release.project} is {page.status} on {name}{_because(page.status_reason)}."
        if page.status == "archived":
            settings = f"{base_of(self._url)}/manage/project/{release.project}/settings/"
            hint = f"Unarchive the project at {settings}, then run again." if is_pypi(self._url) else ""
            yield Diagnosis("PA425").found(message, where=name, hint=hint)
        elif page.status == "quarantined":
            message += " The index accepts files and does not list them."
            yield Diagnosis("PA426").found(message, where=name)
        elif page.status == "deprecated":
            yield Diagnosis("PA427").found(message, where=name)

    def commit(self, release: Release) -> ReleaseOutcome:
        """Each upload is final: there is nothing to do."""
        del release
        return ReleaseOutcome(complete=True)

    def verify(self, release: Release) -> Look:
        index = self.index(release.project)
        try:
            listing = index.listing(release.project)
            states = index.states(listing, release.distributions, proven=True)
        except HttpError as error:
            return Look(findings=findings_of(error))
        if not listing.known:
            return Look(possible=False, findings=listing.findings)
        page = listing.page
        doubts = []
        for name, state in states.items():
            if state is FileState.UNKNOWN:
                message = f"The index of {self.name} lists {name} without a hash."
                doubts.append(Diagnosis("PA451").found(message, where=self.url))
            elif state is FileState.INCOMPLETE:
                message = f"The index of {self.name} lists {name}, but the file itself does not exist."
                doubts.append(Diagnosis("PA455").found(message, where=self.url))
        final = page is not None and page.status == "quarantined" and FileState.ABSENT in states.values()
        if page is not None and final:
            doubts += self._project_state(page, release)
        listed = page.files if page is not None else ()
        bare = {each.filename for each in listed if each.provenance is None} & self._attested
        if bare:
            names = ", ".join(sorted(bare))
            message = f"{self.name} lists no provenance for {names}, uploaded with attestations."
            doubts.append(Diagnosis("PA456").found(message, where=self.name))
        return Look(states=states, final=final, findings=tuple(doubts))

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        return self.index(project).fetch(project, version, folder)

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        raise self._by_hand("yank" if reason is not None else "unyank", project, version)

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        raise self._by_hand("delete", project, version)

    def _by_hand(self, verb: str, project: NormalizedName, version: Version) -> UsageError:
        """The upload API can only upload files."""
        hint = "Use the web page or the tool of the server."
        if is_pypi(self._url):
            page = f"{base_of(self._url)}/manage/project/{project}/release/{quote(str(version))}/"
            hint = f"Use its page: {page}"
        return UsageError(f"{self.name} has no API to {verb} a release", hint=hint)

    def page(self, release: Release) -> str | None:
        """PyPI's page of the release, or the page of the project in another index."""
        root = self.index(release.project).root
        if root is None:
            return None
        if self.config.public:
            path = f"../project/{release.project}/{quote(str(release.version))}/"
            return shown_url(urljoin(root, path))
        return f"{shown_url(root).rstrip('/')}/{release.project}/"

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        del together
        root = self.index(release.project).root
        if root is None:
            return None
        requirement = f"{release.project}=={release.version}"
        if self.name == "pypi":
            return f"pip install {shlex.quote(requirement)}"
        return f"pip install --index-url {shlex.quote(shown_url(root))} {shlex.quote(requirement)}"

    def index(self, project: NormalizedName) -> SimpleIndex:
        """The index of a project: one for all, unless the upload URL has the project's name in it."""
        upload_url = _with_name(self._url, project)
        stated = self.config.index_url
        index = SimpleIndex(
            root=_with_name(stated, project) if stated else None,
            candidates=index_candidates(upload_url),
            config=self.config,
            upload_url=upload_url,
            session=self.session,
            credentials=self.credentials,
        )
        # An index that is known already may have found its URL.
        return self._indexes.setdefault(upload_url, index)

    def _request(self, project: NormalizedName | None) -> CredentialRequest:
        url = _with_name(self._url, project) if project is not None else self._url
        return CredentialRequest(config=self.config, url=url, project=project, purpose=Purpose.UPLOAD)


def _auth(attempt: Attempt) -> BasicAuth | None:
    if attempt.credential is None:
        return None
    ensure_host(attempt.credential, attempt.url)
    return BasicAuth(username=attempt.credential.username, secret=attempt.credential.secret)


def _fields(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """The fields about the file, with the names of the API."""
    yield "filetype", distribution.kind.value
    tag = distribution.tag if distribution.kind is DistributionKind.WHEEL else None
    yield "pyversion", tag.split("-")[-3] if tag is not None else "source"
    yield "md5_digest", distribution.digests.md5
    yield "sha256_digest", distribution.digests.sha256
    yield "blake2_256_digest", distribution.digests.blake2_256
    yield from form_fields(distribution.core_metadata, distribution.description)


def _with_name(url: str, project: NormalizedName) -> str:
    return url.replace("{name}", quote(project, safe=""))


def make(config: RepositoryConfig, means: Means) -> LegacyRepository:
    from publish_all.attestations.attestation import Attester

    attester = Attester(
        repository=config.name,
        when=config.attestations,
        public=config.public,
        signer=means.signer,
        listener=means.listener,
    )
    return LegacyRepository(config, credentials=means.credentials, session=means.session, attester=attester)


def _because(reason: str | None) -> str:
    return f" ({plain(reason).rstrip('.')})" if reason else ""


def _seconds(time: str | None) -> float | None:
    """An `upload-time` (PEP 700: always UTC) as Unix time. Fractions of a second do not matter here."""
    with suppress(ValueError):
        return datetime.fromisoformat((time or "")[:19]).replace(tzinfo=timezone.utc).timestamp()
    return None
