"""Repositories that are OCI registries: GitHub's container registry (ghcr.io), and any other.

Each file is pushed by its digest, which overwrites nothing; `commit` then lists all files of a release
at once, by one write of its index.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import Session
from publish_all._http_errors import HttpError
from publish_all.config.kinds import OCI
from publish_all.config.model import RepositoryConfig, Scope
from publish_all.credentials.address import host_of, hostname_of
from publish_all.credentials.source import Credential, CredentialRequest, Credentials, Purpose
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import ConfigurationError, CredentialError
from publish_all.findings import Finding
from publish_all.repositories.fetch import not_there, store
from publish_all.repositories.file_body import FileBody
from publish_all.repositories.multipart import FileChangedError
from publish_all.repositories.oci_index import ReleaseIndex
from publish_all.repositories.oci_layout import (
    EMPTY,
    MANIFEST_TYPE,
    Entry,
    FileManifest,
    PackageIndex,
    describe,
    digest_of,
    entry_of,
    parse_manifest,
    render_manifest,
)
from publish_all.repositories.oci_names import Place, PlaceError, architecture_of, parse_place, tag_of
from publish_all.repositories.oci_reader import (
    OciReader,
    ReleaseFile,
    missing_parts,
    read_index,
    read_manifest,
)
from publish_all.repositories.oci_receipt import PushedRelease, ReceiptFile
from publish_all.repositories.oci_registry import OciPackage, OciRegistry
from publish_all.repositories.oci_replies import (
    PUBLISH_AGAIN,
    Login,
    RefusedError,
    Wish,
    refused_beforehand,
)
from publish_all.repositories.replies import network_diagnosis
from publish_all.repositories.repository import (
    Capabilities,
    Means,
    Progress,
    ReleaseOutcome,
    UploadOutcome,
    Verification,
    no_progress,
)
from publish_all.repositories.simple_pages import IndexFile
from publish_all.results import FileState

_LOOKS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """Where a file stands, and which of its parts the registry has not got."""

    state: FileState
    missing: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class _Pushed:
    """What this run has put into the registry, and what it has learnt of it. Guarded by `lock`."""

    entries: dict[str, Entry] = field(default_factory=dict)
    blobs: set[tuple[str, str]] = field(default_factory=set)
    turns: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)
    plain_config: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class OciRepository:
    """One place in an OCI registry.

    `receipt` is where a job writes down what it has pushed, for another one to list; None to list it
    right away.
    """

    kind = OCI
    capabilities = Capabilities(opens_alone=False, parallel_per_release=8, parallel=16, final_on_upload=False)

    def __init__(
        self,
        config: RepositoryConfig,
        *,
        credentials: Credentials,
        session: Session,
        receipt: ReceiptFile | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = config
        self._credentials = credentials
        self._receipt = receipt
        self._clock = clock
        self._place = place_of(config)
        self._registry = OciRegistry(
            self._place.registry, session, name=config.name, clock=clock, sleep=sleep
        )
        self._pushed = _Pushed()

    @property
    def name(self) -> str:
        return self._config.name

    @property
    def url(self) -> str:
        return self._place.url

    @property
    def place(self) -> Place:
        return self._place

    @property
    def registry(self) -> OciRegistry:
        """The client behind it, for reading."""
        return self._registry

    @property
    def source(self) -> str | None:
        """The URL of the source repository that packages are linked to, None if it is not known."""
        host = hostname_of(self._place.registry)
        server = host.removeprefix("containers.") if host.startswith("containers.") else "github.com"
        return f"https://{server}/{self._config.link}" if self._config.link else None

    def login(self, project: NormalizedName | None, purpose: Purpose) -> Login | None:
        """The credential for a project; None if there is none, or the registry wants none.

        Raises `CredentialError`, and `HttpError` when the registry can't be reached.
        """
        repository = self._place.repository(project) if project is not None else None
        if self._registry.open if repository is None else self._registry.lets_read(repository):
            return None
        request = CredentialRequest(
            repository=self.name,
            url=self.url,
            project=project,
            purpose=purpose,
            username=self._config.username,
        )
        return self._login(self._credentials.get(request))

    # --- preflight

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Begin an upload for each project and give it up again: nothing is stored, and all rights are tested.

        Raises `HttpError` when the registry can't be reached and `CredentialError` when it refuses us.
        """
        del brief  # an upload that is begun is given up in a moment
        for project in dict.fromkeys(each.project for each in releases):
            try:
                self._probe(project)
            except RefusedError as error:
                if error.unauthorized:
                    raise _credential_error(error.findings[0]) from error
                if error.retryable:
                    raise
                return error.findings
        return ()

    def _probe(self, project: NormalizedName) -> None:
        was_open = self._registry.open
        package = self._package(project)
        beforehand = refused_beforehand(package.asked)
        if beforehand is not None:
            raise _credential_error(beforehand)
        try:
            package.probe()
        except RefusedError:
            if not was_open or self._registry.open:
                raise
            # It lets anyone read, and asks who it is only where something is written.
            self._package(project).probe()

    # --- upload

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """Push the file, its metadata and its manifest. Readers see them after `commit`."""
        try:
            package = self._package(distribution.project)
            entry = self._push(package, distribution, progress)
        except CredentialError as error:
            return UploadOutcome(status=FileState.UNAUTHORIZED, findings=_findings(error))
        except FileChangedError as error:
            finding = known.FILE_CHANGED.found(
                error.message, where=str(distribution.path), hint="Build again, and run again."
            )
            return UploadOutcome(status=FileState.REFUSED, findings=(finding,))
        except HttpError as error:
            self._forget(distribution)
            return _failed(error)
        with self._pushed.lock:
            self._pushed.entries[_key(distribution)] = entry
        return UploadOutcome(status=FileState.UPLOADED, url=self._page(distribution.project))

    def _push(self, package: OciPackage, distribution: Distribution, progress: Progress) -> Entry:
        body = FileBody(distribution.path, size=distribution.size, progress=progress)
        self._push_blob(package, f"sha256:{distribution.digests.sha256}", body)
        progress(distribution.size)
        if not self._pushed.plain_config:
            try:
                return self._push_manifest(package, distribution, with_metadata=True)
            except RefusedError as error:
                if error.unauthorized or error.retryable or error.status not in {400, 406, 415, 422}:
                    raise
                # The registry takes no config of our type; the next files need not try.
                self._pushed.plain_config = True
        return self._push_manifest(package, distribution, with_metadata=False)

    def _push_manifest(
        self, package: OciPackage, distribution: Distribution, *, with_metadata: bool
    ) -> Entry:
        config = distribution.core_metadata if with_metadata else EMPTY
        self._push_blob(package, digest_of(config), config)
        manifest, entry = self._described(distribution, with_metadata=with_metadata)
        package.put_manifest(entry.digest, manifest, MANIFEST_TYPE)
        return entry

    def _push_blob(self, package: OciPackage, digest: str, body: FileBody | bytes) -> None:
        """Once, though several files may have it: a wheel and its sdist the same metadata."""
        key = (package.asked.repository or "", digest)
        with self._pushed.lock:
            turn = self._pushed.turns.setdefault(key, threading.Lock())
        with turn:
            if key not in self._pushed.blobs:
                package.push_blob(digest, body)
                with self._pushed.lock:
                    self._pushed.blobs.add(key)

    def _forget(self, distribution: Distribution) -> None:
        """What the registry has of this project is to be asked anew."""
        repository = self._place.repository(distribution.project)
        with self._pushed.lock:
            self._pushed.blobs -= {each for each in self._pushed.blobs if each[0] == repository}

    def _described(self, distribution: Distribution, *, with_metadata: bool) -> tuple[bytes, Entry]:
        manifest = render_manifest(distribution, source=self.source, with_metadata=with_metadata)
        created = datetime.fromtimestamp(int(self._clock()), tz=timezone.utc)
        stamp = created.isoformat().replace("+00:00", "Z")
        return manifest, entry_of(distribution, manifest, created=stamp, with_metadata=with_metadata)

    # --- the index

    def states(self, release: Release) -> Mapping[str, FileState]:
        try:
            return {name: each.state for name, each in self._seen(release).items()}
        except RefusedError as error:
            if error.unauthorized:
                raise _credential_error(error.findings[0]) from error
            raise

    def _seen(self, release: Release) -> dict[str, _Seen]:
        """What the registry has of each file, by filename: not what the index says, but what can be fetched."""
        package = self._package(release.project)
        index = read_index(package, tag_of(release.version))
        names = [each.filename for each in release.distributions]
        if index is None:
            return dict.fromkeys(names, _Seen(state=FileState.ABSENT))
        with ThreadPoolExecutor(max_workers=min(_LOOKS_AT_ONCE, len(names))) as pool:
            looks = pool.map(lambda each: self._look(package, index, each), release.distributions)
            return dict(zip(names, looks, strict=True))

    def _look(self, package: OciPackage, index: PackageIndex, distribution: Distribution) -> _Seen:
        there = index.entry(architecture_of(distribution.filename))
        if there is None:
            return _Seen(state=FileState.ABSENT)
        manifest = self._manifest(package, there, distribution)
        file = f"sha256:{distribution.digests.sha256}"
        stated = {f"sha256:{there.sha256}"} if there.sha256 else set()
        if {*stated, *([manifest.layer.digest] if manifest else [])} != {file}:
            return _Seen(state=FileState.DIFFERENT)
        blobs = {"the file": file}
        if manifest is not None and manifest.metadata is not None:
            blobs["its metadata"] = manifest.metadata.digest
        missing = missing_parts(package, there.digest, blobs)
        return _Seen(state=FileState.INCOMPLETE if missing else FileState.PRESENT, missing=missing)

    def _manifest(self, package: OciPackage, there: Entry, distribution: Distribution) -> FileManifest | None:
        """The manifest of an entry; None if it is gone. It need not be fetched where it is what we write ourselves."""
        for with_metadata in (True, False):
            content, entry = self._described(distribution, with_metadata=with_metadata)
            if entry.digest == there.digest:
                return parse_manifest(content)
        return read_manifest(package, there.digest)

    def commit(self, release: Release) -> ReleaseOutcome:
        """List all files of the release, or with a receipt leave that to `finalize`."""
        try:
            pushed = self._pushed_release(release)
            if self._receipt is None:
                return self.list_files(pushed)
            self._receipt.add(pushed)
        except CredentialError as error:
            return ReleaseOutcome(complete=False, findings=_findings(error))
        except HttpError as error:
            return ReleaseOutcome(complete=False, findings=_http_findings(error), retryable=error.retryable)
        finding = known.LEFT_TO_FINALIZE.found(
            f"{release} is pushed to {self.name}, for `finalize` to list",
            where=str(self._receipt.path),
            hint=f"List it, with what other jobs have pushed: `publish-all finalize -r {self.name} RECEIPTS`",
        )
        return ReleaseOutcome(complete=True, findings=(finding,))

    def list_files(self, release: PushedRelease) -> ReleaseOutcome:
        """Write the index of a release with these files, unless they are in it. Raises as `ReleaseIndex`."""
        return self._index(release).add()

    def conflicts(self, release: PushedRelease) -> tuple[Finding, ...]:
        """Which of these files the index has with other bytes. Raises as `ReleaseIndex`."""
        return self._index(release).conflicts()

    def _index(self, release: PushedRelease) -> ReleaseIndex:
        return ReleaseIndex(
            release,
            package=self._package(release.project),
            repository=self.name,
            pause=self._registry.pause,
        )

    def _pushed_release(self, release: Release) -> PushedRelease:
        """Our part of a release: what this run has pushed, and what an earlier one has."""
        package = self._package(release.project)
        found = [self._entry(package, each) for each in release.distributions]
        return PushedRelease(
            repository=self.name,
            url=self.url,
            project=release.project,
            version=release.version,
            entries=tuple(found),
            annotations=describe(release.distributions[0], source=self.source),
        )

    def _entry(self, package: OciPackage, distribution: Distribution) -> Entry:
        with self._pushed.lock:
            entry = self._pushed.entries.get(_key(distribution))
        if entry is not None:
            return entry
        _, with_metadata = self._described(distribution, with_metadata=True)
        if package.has_manifest(with_metadata.digest):
            return with_metadata
        _, plain = self._described(distribution, with_metadata=False)
        return plain if package.has_manifest(plain.digest) else with_metadata

    def verify(self, release: Release) -> Verification:
        if self._receipt is not None:
            return Verification(possible=False)
        try:
            seen = self._seen(release)
        except HttpError as error:
            return Verification(findings=_http_findings(error))
        except CredentialError as error:
            return Verification(findings=_findings(error))
        return Verification(
            states={name: FileState.ABSENT if each.missing else each.state for name, each in seen.items()},
            findings=tuple(
                known.PART_MISSING.found(
                    f"{self.name} lists {name}, and has not got {', '.join(each.missing)}.",
                    where=f"{self._place.registry}/{self._place.repository(release.project)}",
                    hint=PUBLISH_AGAIN,
                )
                for name, each in seen.items()
                if each.missing
            ),
        )

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        login = self.login(project, Purpose.READ)
        reader = self.reader()
        versions = reader.tags(project, login).versions
        tags = [each for each in versions if each.version == version]
        files = [file for each in reader.releases(project, login, tags=tags) for file in each.files]
        if not files:
            others = [str(each.version) for each in versions]
            raise not_there(f"{self.name} has no files of {project} {version}", project, others, self.name)
        return tuple(self.fetch_file(project, each, folder, login) for each in files)

    def fetch_file(
        self, project: NormalizedName, file: ReleaseFile, folder: Path, login: Login | None
    ) -> Path:
        """Copy one file into `folder`, checked. Raises `RepositoryError`."""
        listed = IndexFile(filename=file.filename, url="", hashes={"sha256": file.sha256})
        with self.reader().open_file(project, file.sha256, login) as download:
            return store(download.chunks, listed, folder, self.name)

    def reader(self) -> OciReader:
        return OciReader(self._place, self._registry)

    # --- for people

    def page(self, release: Release) -> str | None:
        return self._page(release.project)

    def install_command(self, release: Release) -> str | None:
        if self._receipt is not None or self._config.scope is Scope.COMMAND_LINE:
            return None
        requirement = shlex.quote(f"{release.project}=={release.version}")
        return f"publish-all exec -r {self.name} -- pip install {requirement}"

    def _page(self, project: NormalizedName) -> str | None:
        """GitHub's page of the package, which hangs on the repository that it is linked to."""
        if self._config.link is None or hostname_of(self._place.registry) != "ghcr.io":
            return None
        name = self._place.repository(project).partition("/")[2]
        return f"https://github.com/{self._config.link}/pkgs/container/{quote(name, safe='')}"

    # --- credentials

    def _package(self, project: NormalizedName) -> OciPackage:
        """A project's OCI repository, to be written; with one token from the first question on."""
        login = self.login(project, Purpose.UPLOAD)
        return self._registry.package(self._place.repository(project), login=login, wish=Wish.WRITE)

    def _login(self, credential: Credential | None) -> Login | None:
        """Raises `CredentialError` rather than show a credential to a host that it was not found for."""
        if credential is None:
            return None
        if credential.host != host_of(self.url):
            finding = known.CREDENTIAL_OF_OTHER_HOST.found(
                f"The credential from {credential.origin} is for {credential.host}, not for {host_of(self.url)}.",
                where=self.url,
                hint="Give a credential for this repository.",
            )
            raise _credential_error(finding)
        return Login(username=credential.username, secret=credential.secret, origin=credential.origin)


def place_of(config: RepositoryConfig) -> Place:
    """Where a configured repository is. Raises `ConfigurationError`."""
    repository = (config.link or "").rpartition("/")[2] or None
    where = f"tool.publish-all.repositories.{config.name}.url"
    values = {"owner": config.owner, "repository": repository}
    for key, value in values.items():
        if config.url is not None and f"{{{key}}}" in config.url and value is None:
            raise ConfigurationError(
                f"It is not known whose packages {config.name} is for: {config.url} holds {{{key}}}.",
                hint=f'State `owner = "…"` in [tool.publish-all.repositories.{config.name}]; or set '
                "GITHUB_REPOSITORY_OWNER, as GitHub Actions does; or add the git remote `origin` of a "
                "repository on GitHub."
                if key == "owner"
                else f'State `link = "OWNER/REPOSITORY"` in [tool.publish-all.repositories.{config.name}].',
            )
    try:
        return parse_place(config.url or "", values)
    except PlaceError as error:
        raise ConfigurationError(
            f"{where}: {config.url} {error}.", hint="Write it as in ghcr.io/OWNER."
        ) from error


def _key(distribution: Distribution) -> str:
    return f"{distribution.filename} {distribution.digests.sha256}"


def _failed(error: HttpError) -> UploadOutcome:
    """Nothing is half there: what was sent is found again by its digest."""
    if isinstance(error, RefusedError) and error.unauthorized:
        return UploadOutcome(status=FileState.UNAUTHORIZED, findings=error.findings)
    return UploadOutcome(
        status=FileState.FAILED if error.retryable else FileState.REFUSED,
        findings=_http_findings(error),
        retry_after=error.retry_after,
    )


def _http_findings(error: HttpError) -> tuple[Finding, ...]:
    if error.findings:
        return error.findings
    return (network_diagnosis(error).found(error.message, where=error.url, hint=error.hint or ""),)


def _findings(error: CredentialError) -> tuple[Finding, ...]:
    if error.findings:
        return error.findings
    return (known.REGISTRY_CREDENTIAL_REFUSED.found(error.message, hint=error.hint or ""),)


def _credential_error(finding: Finding) -> CredentialError:
    return CredentialError(finding.message, hint=finding.hint, findings=(finding,))


def make(config: RepositoryConfig, means: Means) -> OciRepository:
    return OciRepository(config, credentials=means.credentials, session=means.session, receipt=means.receipt)
