"""Repositories that speak PyPI's legacy upload API (https://docs.pypi.org/api/upload/), as nearly all do."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import BasicAuth, Reply, Session
from publish_all._http_errors import Failure, HttpError
from publish_all._urls import origin, shown_url, without_userinfo
from publish_all.attestations.signer import SigningError
from publish_all.config.kinds import LEGACY
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.address import host_of
from publish_all.credentials.chain import explain_missing
from publish_all.credentials.source import Credential, CredentialRequest, Credentials, Purpose
from publish_all.distributions.distribution import Distribution, DistributionKind, Release
from publish_all.distributions.metadata import form_fields
from publish_all.errors import CheckError, ConfigurationError, CredentialError, RepositoryError
from publish_all.findings import Finding
from publish_all.repositories.index_urls import index_candidates, misdirected
from publish_all.repositories.multipart import FileChangedError, MultipartBody, form_only
from publish_all.repositories.replies import Attempt, classify, lost, network_diagnosis
from publish_all.repositories.repository import (
    Capabilities,
    Means,
    Progress,
    ReleaseOutcome,
    UploadOutcome,
    Verification,
    no_progress,
)
from publish_all.repositories.simple_index import Listing, SimpleIndex
from publish_all.results import FileState

if TYPE_CHECKING:
    from publish_all.attestations.attestation import Attestation
    from publish_all.attestations.attester import Attester

EXPIRY_MARGIN = 60.0
"""A token with less than so many seconds to live is renewed before an upload."""

REPLY_LIMIT = 1024 * 1024
"""The longest reply to an upload that is read, in bytes."""

_MAY_BE_THERE = frozenset({200, 201, 202, 203, 400, 403, 409, 422})
"""Statuses of answers to an upload after which the index is asked whether the file is there."""

_ACCEPT = {"Accept": "application/json"}
_PROTOCOL = ((":action", "file_upload"), ("protocol_version", "1"))


class LegacyRepository:
    """One repository with a legacy upload URL and, where it is known or can be guessed, a simple index."""

    kind = LEGACY

    def __init__(
        self,
        config: RepositoryConfig,
        *,
        credentials: Credentials,
        session: Session,
        attester: Attester | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._session = session
        self._attester = attester
        self._clock = clock
        self._url = _with_owner(config)
        self._indexes: dict[str, SimpleIndex] = {}

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def url(self) -> str:
        return shown_url(self._url)

    @property
    def capabilities(self) -> Capabilities:
        """As PyPI wants it: several uploads that open a release at once fail, and so do more than four at a time to one release."""
        return Capabilities(
            opens_alone=True,
            parallel_per_release=4,
            parallel=16,
            final_on_upload=True,
            public=self._config.public,
        )

    # --- preflight

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Send an upload without a file, which every server refuses, and see how it is refused.

        That tells whether the URL takes uploads and whether the credential is accepted, and stores
        nothing. In brief it is left out where there is a credential, and the index, which is asked
        anyway, is on the same server. Raises `HttpError` when the server can't be reached, and `CredentialError` with the
        findings when a credential is missing or refused.
        """
        wrong = misdirected(self._url)
        if wrong is not None:
            return (wrong,)
        findings: list[Finding] = []
        for attempt in self._probes(releases):
            if brief and attempt.credential is not None and self._has_its_index(attempt.url):
                continue
            outcome = self._probe(attempt)
            if outcome.status is FileState.UNAUTHORIZED:
                raise self._credential_error(outcome, attempt)
            findings += outcome.findings
        findings += self._attesting(releases)
        return tuple(dict.fromkeys(findings))

    def _attesting(self, releases: tuple[Release, ...]) -> Iterator[Finding]:
        """What there is to say about attestations for these releases."""
        if self._attester is None:
            return
        for each in releases:
            credential = self._credentials.plausible(self._request(each.project))
            yield from self._attester.preflight(each.distributions, credential)

    def _probes(self, releases: tuple[Release, ...]) -> Iterator[Attempt]:
        """One attempt for each URL and credential that the releases would be uploaded with."""
        seen = set[tuple[str, str, object]]()
        for project in dict.fromkeys(each.project for each in releases):
            request = self._request(project)
            credential = self._credentials.plausible(request)
            key = (request.url, credential.username if credential else "", credential and credential.secret)
            if key not in seen:
                seen.add(key)
                yield Attempt(repository=self.name, url=request.url, credential=credential)

    def _has_its_index(self, url: str) -> bool:
        roots = (self._config.index_url,) if self._config.index_url else index_candidates(url)
        return all(origin(root) == origin(url) for root in roots)

    def _probe(self, attempt: Attempt) -> UploadOutcome:
        """What an upload without a file gives; UPLOADED means that a real one may come."""
        body, content_type = form_only(_PROTOCOL)
        # A credential with an empty secret stands for a token that is minted only when it is needed.
        minted_later = attempt.credential is not None and not attempt.credential.secret
        auth = None if minted_later else self._auth(attempt.credential, attempt.url)
        reply = self._session.request(
            "POST", attempt.url, auth=auth, headers=_ACCEPT | {"Content-Type": content_type}, body=body
        )
        # 500 is what some servers make of a missing file, so it does not say that they are in trouble.
        if (200 <= reply.status < 300 and not reply.is_page) or reply.status == 500:
            finding = attempt.finding(
                known.UPLOAD_API_DOUBTFUL,
                f"{attempt.url} answers {reply.status} to an upload without a file.",
                "If uploads fail, see whether the URL is the one to upload to.",
            )
            return UploadOutcome(status=FileState.UPLOADED, findings=(finding,))
        outcome = classify(reply, attempt, now=self._clock())
        if outcome.status in {FileState.FAILED, FileState.UNCLEAR}:
            raise _unavailable(reply, outcome)
        speaks = reply.status in {400, 409, 411, 413, 415, 422}
        if speaks or (minted_later and outcome.status is FileState.UNAUTHORIZED):
            return UploadOutcome(status=FileState.UPLOADED)
        return outcome

    def _credential_error(self, outcome: UploadOutcome, attempt: Attempt) -> CredentialError:
        if attempt.credential is None:
            request = self._request(None)
            return explain_missing(request, self._credentials.trace(request))
        finding = outcome.findings[0]
        return CredentialError(
            f"{finding.message} ({finding.where})", hint=finding.hint, findings=outcome.findings
        )

    # --- upload

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """One attempt; a second one at once if the token had expired and a new one can be had."""
        request = self._request(distribution.project)
        attempt = Attempt(repository=self.name, url=request.url, distribution=distribution)
        try:
            # Before a token is minted: a mint uses up a pending publisher, even if no upload follows.
            attestations = self._attestations(distribution, self._credentials.plausible, request)
            credential = self._fresh(request)
            if attestations:
                # Trusted publishing may have failed after all, and another credential have been found.
                attestations = self._attestations(distribution, self._credentials.get, request)
            outcome = self._upload(attempt, credential, attestations, progress)
            if outcome.status is FileState.UNAUTHORIZED and credential and credential.expires is not None:
                renewed = self._credentials.renew(request)
                if renewed is not None and renewed.secret != credential.secret:
                    outcome = self._upload(attempt, renewed, attestations, progress)
        except CredentialError as error:
            return _no_credential(error, attempt)
        except SigningError as error:
            return self._unsigned(error)
        except CheckError as error:
            return UploadOutcome(status=FileState.REFUSED, findings=error.findings)
        except HttpError as error:
            return lost(error, attempt, body_sent=False)
        return outcome

    def _attestations(
        self,
        distribution: Distribution,
        ask: Callable[[CredentialRequest], Credential | None],
        request: CredentialRequest,
    ) -> tuple[Attestation, ...]:
        return self._attester.attest(distribution, ask(request)) if self._attester is not None else ()

    def _unsigned(self, error: SigningError) -> UploadOutcome:
        assert self._attester is not None  # noqa: S101 - nobody else signs
        status = FileState.FAILED if error.retryable else FileState.REFUSED
        return UploadOutcome(status=status, findings=(self._attester.impossible(error),))

    def _fresh(self, request: CredentialRequest) -> Credential | None:
        credential = self._credentials.get(request)
        if credential is None or credential.expires is None:
            return credential
        if credential.expires - self._clock() > EXPIRY_MARGIN:
            return credential
        return self._credentials.renew(request) or credential

    def _upload(
        self,
        tried: Attempt,
        credential: Credential | None,
        attestations: Sequence[Attestation],
        progress: Progress,
    ) -> UploadOutcome:
        distribution = tried.distribution
        assert distribution is not None  # noqa: S101 - attempts of `upload` have one
        attempt = Attempt(
            repository=self.name, url=tried.url, credential=credential, distribution=distribution
        )
        body = MultipartBody(
            [*_PROTOCOL, *_fields(distribution), *_attested(attestations)],
            path=distribution.path,
            size=distribution.size,
            progress=progress,
        )
        try:
            reply = self._session.request(
                "POST",
                attempt.url,
                auth=self._auth(credential, attempt.url),
                headers=_ACCEPT | {"Content-Type": body.content_type},
                body=body,
                limit=REPLY_LIMIT,
            )
        except HttpError as error:
            return lost(error, attempt, body_sent=body.complete)
        except FileChangedError as error:
            finding = attempt.finding(known.FILE_CHANGED, str(error), "Build again, and run again.")
            return UploadOutcome(status=FileState.REFUSED, findings=(finding,))
        outcome = classify(reply, attempt, now=self._clock())
        if outcome.status is FileState.UPLOADED and not body.complete:
            # An answer that came before the body was sent can't be about it.
            finding = attempt.finding(known.ANSWER_LOST, f"{self.name} answered before all was sent.")
            return UploadOutcome(status=FileState.UNCLEAR, findings=(finding,))
        return self._settled(outcome, distribution) if reply.status in _MAY_BE_THERE else outcome

    def _settled(self, outcome: UploadOutcome, distribution: Distribution) -> UploadOutcome:
        """The outcome of an answer that may mean that the file is there, after a look whether it is.

        Servers say so in many words and languages, so the words do not count.
        """
        if outcome.status in {FileState.UPLOADED, FileState.PRESENT}:
            return outcome
        doubtful = any(each.code == known.MAYBE_OTHER_BYTES.code for each in outcome.findings)
        try:
            index = self._index(distribution.project)
            state = index.states(index.listing(distribution.project), [distribution])[distribution.filename]
        except HttpError as error:
            if not doubtful:
                return outcome
            finding = network_diagnosis(error).found(error.message, where=error.url, hint=error.hint or "")
            return UploadOutcome(status=FileState.UNCLEAR, findings=(*outcome.findings, finding))
        if state is FileState.PRESENT:
            return UploadOutcome(status=FileState.PRESENT)
        if state is FileState.DIFFERENT and outcome.findings:
            first = outcome.findings[0]
            hint = first.hint if doubtful else "Release a new version."
            finding = known.OTHER_BYTES.found(first.message, where=first.where, hint=hint)
            return UploadOutcome(status=FileState.CONFLICT, findings=(finding,))
        return outcome

    # --- the index

    def states(self, release: Release) -> Mapping[str, FileState]:
        index, listing = self._listing(release)
        return index.states(listing, release.distributions)

    def commit(self, release: Release) -> ReleaseOutcome:
        """Each upload is final: there is nothing to do."""
        del release
        return ReleaseOutcome(complete=True)

    def verify(self, release: Release) -> Verification:
        try:
            index, listing = self._listing(release)
            states = index.states(listing, release.distributions, proven=True)
        except HttpError as error:
            finding = network_diagnosis(error).found(error.message, where=error.url, hint=error.hint or "")
            return Verification(findings=(finding,))
        if not listing.known:
            return Verification(possible=False, findings=listing.findings)
        return Verification(
            states=states,
            findings=tuple(
                self._unhashed(name) if state is FileState.UNKNOWN else self._gone(name)
                for name, state in states.items()
                if state in {FileState.UNKNOWN, FileState.INCOMPLETE}
            ),
        )

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        return self._index(project).fetch(project, version, folder)

    def page(self, release: Release) -> str | None:
        """PyPI's page of the release, or where another index lists the project."""
        root = self._index(release.project).root
        if root is None:
            return None
        if self._config.public:
            path = f"../project/{release.project}/{quote(str(release.version))}/"
            return shown_url(urljoin(root, path))
        return f"{shown_url(root).rstrip('/')}/{release.project}/"

    def install_command(self, release: Release) -> str | None:
        root = self._index(release.project).root
        if root is None:
            return None
        requirement = f"{release.project}=={release.version}"
        if self.name == "pypi":
            return f"pip install {shlex.quote(requirement)}"
        return f"pip install --index-url {shlex.quote(shown_url(root))} {shlex.quote(requirement)}"

    def _listing(self, release: Release) -> tuple[SimpleIndex, Listing]:
        index = self._index(release.project)
        return index, index.listing(release.project)

    def _index(self, project: NormalizedName) -> SimpleIndex:
        """The index of a project: one for all, unless the upload URL has the project's name in it."""
        upload_url = _with_name(self._url, project)
        known_index = self._indexes.get(upload_url)
        if known_index is not None:
            return known_index
        stated = self._config.index_url
        roots = (_with_name(stated, project),) if stated else index_candidates(upload_url)
        index = SimpleIndex(
            roots,
            repository=self.name,
            username=self._config.username,
            upload_url=upload_url,
            stated=stated is not None,
            session=self._session,
            credentials=self._credentials,
        )
        # Another thread may have been faster; then its index, which may have learnt where it is, is used.
        return self._indexes.setdefault(upload_url, index)

    def _gone(self, filename: str) -> Finding:
        return known.LISTED_NOT_THERE.found(
            f"The index of {self.name} lists {filename}, but answers that the file is not there.",
            where=self.url,
            hint="Try to install it. If that fails, run the same command again: the file is uploaded again.",
        )

    def _unhashed(self, filename: str) -> Finding:
        return known.INDEX_WITHOUT_HASHES.found(
            f"The index of {self.name} lists {filename} without a hash.", where=self.url
        )

    # --- credentials

    def _request(self, project: NormalizedName | None) -> CredentialRequest:
        url = _with_name(self._url, project) if project is not None else self._url
        return CredentialRequest(
            repository=self.name,
            url=url,
            project=project,
            purpose=Purpose.UPLOAD,
            username=self._config.username,
        )

    def _auth(self, credential: Credential | None, url: str) -> BasicAuth | None:
        """Raises `CredentialError` rather than show a credential to a host that it was not found for."""
        if credential is None:
            return None
        if credential.host != host_of(url):
            finding = known.CREDENTIAL_OF_OTHER_HOST.found(
                f"The credential from {credential.origin} is for {credential.host}, not for {host_of(url)}.",
                where=shown_url(url),
                hint="Give a credential for this repository.",
            )
            raise CredentialError(finding.message, hint=finding.hint, findings=(finding,))
        return BasicAuth(username=credential.username, secret=credential.secret)


def _fields(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """What the server is told about the file, in the API's names."""
    yield "filetype", distribution.kind.value
    yield "pyversion", _python_tag(distribution)
    yield "md5_digest", distribution.digests.md5
    yield "sha256_digest", distribution.digests.sha256
    yield "blake2_256_digest", distribution.digests.blake2_256
    yield from form_fields(distribution.metadata, distribution.description)


def _attested(attestations: Sequence[Attestation]) -> Iterator[tuple[str, str]]:
    """PEP 740: https://docs.pypi.org/api/upload/."""
    if attestations:
        yield "attestations", json.dumps([dict(each.content) for each in attestations])


def _python_tag(distribution: Distribution) -> str:
    if distribution.kind is DistributionKind.SDIST or distribution.tag is None:
        return "source"
    return distribution.tag.split("-")[-3]


def _with_owner(config: RepositoryConfig) -> str:
    """The configured URL with `{owner}` and `{repository}` filled in. Raises `ConfigurationError`."""
    if config.url is None:
        raise ConfigurationError(
            f"tool.publish-all.repositories.{config.name}.url is not stated.",
            hint="State the URL that uploads go to.",
        )
    url = without_userinfo(config.url)
    known_values = {"owner": config.owner, "repository": (config.link or "").rpartition("/")[2] or None}
    for key, value in known_values.items():
        if f"{{{key}}}" in url:
            if value is None:
                raise ConfigurationError(
                    f"tool.publish-all.repositories.{config.name}.url holds {{{key}}}, which is not known.",
                    hint="State `owner` or `link` of the repository.",
                )
            url = url.replace(f"{{{key}}}", quote(value, safe=""))
    return url


def _with_name(url: str, project: NormalizedName) -> str:
    return url.replace("{name}", quote(project, safe=""))


def _no_credential(error: CredentialError, attempt: Attempt) -> UploadOutcome:
    findings = error.findings or (attempt.finding(known.CREDENTIAL_REFUSED, error.message, error.hint or ""),)
    return UploadOutcome(status=FileState.UNAUTHORIZED, findings=findings)


def _unavailable(reply: Reply, outcome: UploadOutcome) -> RepositoryError:
    finding = outcome.findings[0]
    return HttpError(
        finding.message,
        failure=Failure.STATUS,
        url=shown_url(reply.url),
        hint=finding.hint or "The server may be all right again in a while: run again.",
        retryable=True,
        retry_after=outcome.retry_after,
    )


def make(config: RepositoryConfig, means: Means) -> LegacyRepository:
    from publish_all.attestations.attester import Attester

    attester = Attester(
        repository=config.name,
        when=config.attestations,
        public=config.public,
        signer=means.signer,
        listener=means.listener,
    )
    return LegacyRepository(config, credentials=means.credentials, session=means.session, attester=attester)
