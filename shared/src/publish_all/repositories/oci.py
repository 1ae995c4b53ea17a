"""Repositories that are OCI registries: GitHub's container registry (ghcr.io), and any other.

Each file is pushed by its digest, which overwrites nothing; `commit` then lists all files of a release
with one write of its index.
"""

from __future__ import annotations

import re
import shlex
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import Session
from publish_all._http_errors import HttpError
from publish_all._own_source import own_requirement
from publish_all.config.addresses import hostname_of
from publish_all.config.kinds import OCI, Kind
from publish_all.config.model import RepositoryConfig, Scope
from publish_all.credentials.credential_source import CredentialRequest, Credentials, Purpose
from publish_all.diagnoses import Diagnosis, findings_of
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import ConfigurationError, CredentialError
from publish_all.findings import Finding
from publish_all.repositories import oci_layout as layout
from publish_all.repositories.bodies import FileBody, FileChangedError
from publish_all.repositories.github_api import PACKAGE_RIGHTS, GitHubApi, package_deletion
from publish_all.repositories.oci_layout import PushedRelease, ReceiptFile
from publish_all.repositories.oci_registry import OciPackage, OciRegistry, PackageRelease
from publish_all.repositories.replies import Login, RefusedError, ensure_host
from publish_all.repositories.repository import (
    Capabilities,
    Look,
    Means,
    Progress,
    ReleaseOutcome,
    Removal,
    UploadOutcome,
    filled_url,
    in_parallel,
    no_progress,
)
from publish_all.repositories.simple_pages import architecture_of, as_error, not_there, store
from publish_all.results import FileState

ROUNDS = 8
"""How often an index is written that others keep writing over."""
LOOKS = 5
"""How often an index is read after a write until the registry shows another one than before."""
SETTLED = 2.0
"""Seconds between two checks of an index before a yank: another job may have read it before, and write it after."""


@dataclass(eq=False, repr=False)
class OciRepository:
    """One place in an OCI registry.

    `receipt` records the pushed files, for another job that lists them; None to list them
    immediately.
    """

    kind: ClassVar[Kind] = OCI
    capabilities: ClassVar[Capabilities] = Capabilities(
        opens_alone=False, parallel_per_release=8, parallel=16, final_on_upload=False
    )

    config: RepositoryConfig
    credentials: Credentials
    session: Session
    receipt: ReceiptFile | None = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    # The files that this run has pushed: entries by filename and sha256, blobs by OCI repository and digest.
    _entries: dict[tuple[str, str], layout.Entry] = field(default_factory=dict)
    _blobs: set[tuple[str | None, str]] = field(default_factory=set)
    _pushing: threading.Lock = field(default_factory=threading.Lock)
    _plain_config: bool = False

    def __post_init__(self) -> None:
        self.name = self.config.name
        try:
            self.place = layout.parse_place(filled_url(self.config))
        except layout.PlaceError as error:
            msg = f"tool.publish-all.repositories.{self.name}.url: {self.config.url} {error}."
            raise ConfigurationError(msg, hint="Write it in the form ghcr.io/OWNER.") from error
        self.registry = OciRegistry(
            self.place, self.session, name=self.name, clock=self.clock, sleep=self.sleep
        )

    @property
    def url(self) -> str:
        return self.place.url

    @property
    def source(self) -> str | None:
        """The URL of the source repository that packages are linked to, None if it is not known."""
        host = hostname_of(self.place.registry)
        server = host.removeprefix("containers.") if host.startswith("containers.") else "github.com"
        return f"https://{server}/{self.config.link}" if self.config.link else None

    @property
    def _at_github(self) -> bool:
        return hostname_of(self.place.registry) == "ghcr.io"

    def login(self, project: NormalizedName | None, purpose: Purpose) -> Login | None:
        """The credential for a project, None if there is none.

        Raises `CredentialError`, also for a credential for another host.
        """
        request = CredentialRequest(config=self.config, url=self.url, project=project, purpose=purpose)
        found = self.credentials.get(request)
        if found is None:
            return None
        ensure_host(found, self.url)
        return Login(username=found.username, secret=found.secret, origin=found.origin)

    def package(self, project: NormalizedName, purpose: Purpose = Purpose.UPLOAD) -> OciPackage:
        """The packages of a project, with one token from the first request on.

        The credential is searched for when the registry requires one.
        """
        write = purpose is Purpose.UPLOAD
        return self.registry.package(project, login=lambda: self.login(project, purpose), write=write)

    # --- preflight

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Start an upload for each project and cancel it: nothing is stored, and all permissions are tested.

        Raises `HttpError` if the registry cannot be reached, and `CredentialError` if it refuses the credential.
        """
        del brief  # starting and cancelling an upload is fast
        for project in dict.fromkeys(each.project for each in releases):
            self.package(project).probe()
        return ()

    # --- upload

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        """Do nothing: new projects need no preparation here."""
        del projects
        return ()

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """Push the file, its metadata and its manifest. Readers see them after `commit`."""
        try:
            entry = self._push(self.package(distribution.project), distribution, progress)
        except (CredentialError, HttpError, FileChangedError) as error:
            self._blobs.clear()  # ask the registry again; sent blobs are found by their digest
            return UploadOutcome.failed(error)
        self._entries[_key(distribution)] = entry
        return UploadOutcome(status=FileState.UPLOADED, url=self._page(distribution.project))

    def _push(self, package: OciPackage, distribution: Distribution, progress: Progress) -> layout.Entry:
        body = FileBody(distribution.path, size=distribution.size, progress=progress)
        self._push_blob(package, f"sha256:{distribution.digests.sha256}", body)
        progress(distribution.size)
        for with_metadata in (False,) if self._plain_config else (True, False):
            config = distribution.core_metadata if with_metadata else layout.EMPTY
            # A registry may refuse a manifest while another thread writes the metadata that it names.
            with self._pushing:
                self._push_blob(package, layout.digest_of(config), config)
            manifest, entry = self._rendered(distribution, with_metadata=with_metadata)
            try:
                package.put_manifest(entry.digest, manifest, layout.MANIFEST_TYPE)
                break
            except RefusedError as error:
                final = error.retryable or error.status not in {400, 406, 415, 422}
                if final or not with_metadata:
                    raise
                # The registry accepts no config of our type; the next files do not try it.
                self._plain_config = True
        return entry

    def _push_blob(self, package: OciPackage, digest: str, body: FileBody | bytes) -> None:
        """Send a blob once, although several files may have it: a wheel and its sdist have the same metadata."""
        key = package.repository, digest
        if key not in self._blobs:
            package.push_blob(digest, body)
            self._blobs.add(key)

    def _rendered(self, distribution: Distribution, *, with_metadata: bool) -> tuple[bytes, layout.Entry]:
        created = datetime.fromtimestamp(int(self.clock()), tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return layout.render_file(
            distribution, source=self.source, created=created, with_metadata=with_metadata
        )

    # --- the index

    def states(self, release: Release) -> Look:
        return Look(states={name: state for name, (state, _) in self._seen(release).items()})

    def _seen(self, release: Release) -> dict[str, tuple[FileState, tuple[str, ...]]]:
        """Each file's state, by filename, and its missing parts: from downloads, not from the index."""
        package = self.package(release.project)
        index = package.index(layout.tag_of(release.version))
        looks = in_parallel(lambda each: self._look(package, index, each), release.distributions)
        return {each.filename: look for each, look in zip(release.distributions, looks, strict=True)}

    def _look(
        self, package: OciPackage, index: layout.PackageIndex | None, distribution: Distribution
    ) -> tuple[FileState, tuple[str, ...]]:
        there = index.entry(architecture_of(distribution.filename)) if index is not None else None
        if there is None:
            return FileState.ABSENT, ()
        manifest = package.file_manifest(there.digest)
        sha256 = distribution.digests.sha256
        if {each for each in (there.sha256, manifest.sha256 if manifest else None) if each} != {sha256}:
            return FileState.DIFFERENT, ()
        metadata = manifest.core_metadata if manifest is not None else None
        missing = package.missing_parts(there.digest, f"sha256:{sha256}", metadata)
        return FileState.INCOMPLETE if missing else FileState.PRESENT, missing

    def verify(self, release: Release) -> Look:
        if self.receipt is not None:
            return Look(possible=False)
        try:
            seen = self._seen(release)
        except (HttpError, CredentialError) as error:
            return Look(findings=findings_of(error))
        return Look(
            states={name: FileState.ABSENT if gone else state for name, (state, gone) in seen.items()},
            findings=tuple(
                known.PART_MISSING.found(
                    f"{self.name} lists {name}, but {', '.join(gone)} is missing.",
                    where=f"{self.place.registry}/{self.place.repository(release.project)}",
                )
                for name, (_, gone) in seen.items()
                if gone
            ),
        )

    def commit(self, release: Release) -> ReleaseOutcome:
        """List all files of the release, or with a receipt leave that to `finalize`."""
        try:
            package = self.package(release.project)
            pushed = PushedRelease(
                repository=self.name,
                url=self.url,
                project=release.project,
                version=release.version,
                entries=tuple(self._entry(package, each) for each in release.distributions),
                annotations=layout.describe(release.distributions[0], source=self.source),
            )
            if self.receipt is None:
                return self.list_files(pushed)
            self.receipt.add(pushed)
        except (CredentialError, HttpError) as error:
            return ReleaseOutcome.failed(error)
        message = f"{release} is pushed to {self.name}, but not listed yet"
        hint = (
            f"List it together with the files of other jobs: `publish-all finalize -r {self.name} RECEIPTS`"
        )
        finding = Diagnosis("PA630").found(message, where=str(self.receipt.path), hint=hint)
        return ReleaseOutcome(complete=True, findings=(finding,))

    def _entry(self, package: OciPackage, distribution: Distribution) -> layout.Entry:
        """The entry of a file that this run has pushed, or an earlier one."""
        pushed = self._entries.get(_key(distribution))
        if pushed is not None:
            return pushed
        usual, plain = (self._rendered(distribution, with_metadata=each)[1] for each in (True, False))
        is_plain = not package.has_manifest(usual.digest) and package.has_manifest(plain.digest)
        return plain if is_plain else usual

    def list_files(self, release: PushedRelease) -> ReleaseOutcome:
        """Write the index of a release with these files, unless they are in it. Raises `HttpError`."""
        package = self.package(release.project)

        def with_files(current: layout.PackageIndex | None) -> layout.PackageIndex | ReleaseOutcome:
            merged = _merged(package, release, current)
            if merged.conflicts:
                return ReleaseOutcome(complete=False, findings=self._other_bytes(package, release, merged))
            return merged.result if merged.added else ReleaseOutcome(complete=True)

        return self._write_index(package, layout.tag_of(release.version), with_files)

    def _write_index(
        self,
        package: OciPackage,
        tag: str,
        change: Callable[[layout.PackageIndex | None], layout.PackageIndex | ReleaseOutcome],
    ) -> ReleaseOutcome:
        """Write the index under a tag, changed by `change`, until that changes nothing.

        Registries have no compare-and-swap, so the index is read right before and after the write,
        and written again if another job has overwritten it. Raises `HttpError`.
        """
        release = f"{package.project} {layout.version_of(tag)}"
        current = package.index(tag)
        for attempt in range(1, ROUNDS + 1):
            changed = change(current)
            if isinstance(changed, ReleaseOutcome):
                return changed
            try:
                package.put_manifest(tag, changed.render(), layout.INDEX_TYPE)
            except RefusedError as error:
                if error.code in {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"}:
                    # Files that cannot be listed are ours, or are already in the index.
                    entries = changed.entries
                    gone = [each.architecture for each in entries if not package.has_manifest(each.digest)]
                    if not gone:
                        return ReleaseOutcome(complete=False, findings=error.findings, retryable=True)
                    message = f"{self.name} no longer has {', '.join(gone)} of {release}."
                    hint = "Publish all files of the release again, in one run."
                    finding = known.PART_MISSING.found(message, where=package.where, hint=hint)
                    return ReleaseOutcome(complete=False, findings=(finding,))
                if not error.retryable:
                    raise
                self.registry.pause(attempt, error.retry_after)
            before, current = current, package.index(tag)
            for look in range(1, LOOKS):
                if current != before:
                    break
                self.registry.pause(look, None)  # some registries return the old one for a moment
                current = package.index(tag)
        finding = known.INDEX_CONTENDED.found(
            f"Other jobs changed the index of {release} {ROUNDS} times.",
            where=f"{package.where}:{tag}",
        )
        return ReleaseOutcome(complete=False, findings=(finding,), retryable=True)

    def conflicts(self, release: PushedRelease) -> tuple[Finding, ...]:
        """The files that the index has with other bytes. Raises `HttpError`."""
        package = self.package(release.project)
        merged = _merged(package, release, package.index(layout.tag_of(release.version)))
        return self._other_bytes(package, release, merged)

    def _other_bytes(
        self, package: OciPackage, release: PushedRelease, merged: layout.Merge
    ) -> tuple[Finding, ...]:
        files = ", ".join(each.architecture for each in merged.conflicts)
        if not files:
            return ()
        message = f"{self.name} already has another file {files} of {release}."
        hint = "Release a new version. Nothing was overwritten."
        return (known.OTHER_BYTES.found(message, where=package.where, hint=hint),)

    # --- download

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        package = self.package(project, Purpose.READ)
        fetched = []
        for file in (each for release in self._releases(package, version) for each in release.files):
            with package.blob(f"sha256:{file.sha256}") as download:
                fetched.append(store(download.chunks, file, folder, self.name))
        return tuple(fetched)

    def _releases(self, package: OciPackage, version: Version) -> tuple[PackageRelease, ...]:
        """The manifests of a version, with one or several tags. Raises `RepositoryError` if there are no files."""
        versions = package.versions()
        releases = package.releases([tag for tag, each in versions.items() if each == version])
        if not any(each.files for each in releases):
            others = [str(each) for each in versions.values()]
            message = f"{self.name} has no files of {package.project} {version}"
            raise not_there(message, package.project, others, self.name)
        return releases

    # --- yank and delete

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        """In the annotations of the index, which stay when files are added to it.

        It is written while no other job writes it (two equal checks show this), and checked again afterwards.
        """
        package = self.package(project)

        def yanked(current: layout.PackageIndex | None) -> layout.PackageIndex | ReleaseOutcome:
            if current is None or current.yanked == reason:
                return ReleaseOutcome(complete=True)
            return current.yanked_for(reason)

        before: list[str] = []
        for attempt in range(ROUNDS):
            releases = self._releases(package, version)
            files = [file for each in releases for file in each.files]
            if all(each.yanked == reason for each in files):
                return tuple(each.filename for each in files)
            seen = [each.digest for each in releases]
            if seen == before or attempt >= LOOKS:
                for each in releases:
                    outcome = self._write_index(package, each.tag, yanked)
                    if not outcome.complete:
                        raise as_error(outcome.findings[0])
            before = seen
            self.sleep(SETTLED)
        message = f"The index of {project} {version} is written by others again and again."
        raise as_error(known.INDEX_CONTENDED.found(message, where=package.where))

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        """The index first, so that it never lists deleted files; before it signatures, which are tagged by its digest.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema. Blobs are left to
        the registry, as other versions may have the same.
        """
        package = self.package(project)
        tags, tagged, listed = package.tags(), dict[str, str](), dict[str, str]()
        for release in self._releases(package, version):
            files = {each.url: each.filename for each in release.files}
            about = tuple(each.replace(":", "-") for each in (release.digest, *files))
            for tag in (*(each for each in tags if each.startswith(about)), release.tag):
                if (found := package.manifest(tag)) is not None:
                    tagged[found.digest] = tag
            listed |= files
        if self._at_github:
            api = GitHubApi(
                "https://api.github.com",
                self.config,
                self.credentials,
                self.session,
                registry=self.url,
                project=project,
                hint=PACKAGE_RIGHTS,
                clock=self.clock,
                sleep=self.sleep,
            )
            name, alone = self.place.repository(project), set(tags) <= set(tagged.values())
            return package_deletion(api, name, tagged, listed, alone=alone)
        delete = package.delete_manifest
        steps = [Removal((f"the tag {tag}",), partial(delete, digest, tag)) for digest, tag in tagged.items()]
        steps += [Removal((each,), partial(delete, digest), needed=False) for digest, each in listed.items()]
        return tuple(steps)

    # --- for people

    def page(self, release: Release) -> str | None:
        return self._page(release.project)

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        if self.receipt is not None:
            return None
        if self.config.scope is Scope.BUILT_IN:
            place = ["-r", f"{self.name}:{self.config.owner}"]
        else:
            place = ["-r", self.name, "--repository-url", f"oci://{self.url.removeprefix('https://')}"]
        needed = {
            canonicalize_name(re.split(r"[^A-Za-z0-9._-]", each.strip(), maxsplit=1)[0])
            for one in release.distributions
            for each in one.metadata.get("Requires-Dist", ())
        }
        private = [release.project, *sorted({*together} & needed - {release.project})]
        names = [word for each in private for word in ("--private", each)]
        run = f'uvx --from "{own_requirement("cli", "serve")}" publish-all exec'
        pip = ["--", "pip", "install", f"{release.project}=={release.version}"]
        return f"{run} {shlex.join([*place, *names, *pip])}"

    def _page(self, project: NormalizedName) -> str | None:
        """GitHub's page of the package, below the repository that it is linked to."""
        if self.config.link is None or not self._at_github:
            return None
        name = self.place.repository(project).partition("/")[2]
        return f"https://github.com/{self.config.link}/pkgs/container/{quote(name, safe='')}"


def make(config: RepositoryConfig, means: Means) -> OciRepository:
    return OciRepository(config, credentials=means.credentials, session=means.session, receipt=means.receipt)


def _merged(package: OciPackage, release: PushedRelease, current: layout.PackageIndex | None) -> layout.Merge:
    """The index with our files. Entries for them with missing manifests are replaced."""
    ours = {each.architecture: each.digest for each in release.entries}
    gone = (
        each.digest
        for each in (current.entries if current is not None else ())
        if each.digest != ours.get(each.architecture, each.digest) and not package.has_manifest(each.digest)
    )
    told = package.sha256s(current) if current is not None else {}
    return layout.merge(current, release.entries, release.annotations, sha256s=told, gone=frozenset(gone))


def _key(distribution: Distribution) -> tuple[str, str]:
    return distribution.filename, distribution.digests.sha256
