"""Reading the Python packages in an OCI registry: which versions there are, which files, and their bytes.

Every call is in the name of one login (or of nobody), so that a server can pass its clients' on.
Nothing is remembered but through the `DigestCache` that is given: what a digest names never changes.
All methods raise `HttpError`; a `RefusedError` says who was refused what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import Download
from publish_all._http_errors import Failure, HttpError
from publish_all._values import dataclass
from publish_all.distributions.read import METADATA_LIMIT
from publish_all.repositories.oci_layout import (
    CORE_METADATA,
    CREATED,
    REQUIRES_PYTHON,
    SOURCE,
    TITLE,
    YANKED,
    Entry,
    FileManifest,
    LayoutError,
    PackageIndex,
    is_digest,
    parse_index,
    parse_manifest,
)
from publish_all.repositories.oci_names import Place, filename_of, version_of
from publish_all.repositories.oci_registry import NotModified, OciPackage, OciRegistry
from publish_all.repositories.oci_replies import Login

THREADS = 32
"""How many releases are asked for at a time. At 40 ms away, 16 leave the processor idle; 32 keep it busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseTag:
    """A version of a project, and the tag that it has in the registry."""

    version: Version
    tag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectTags:
    """All tags of a project: its versions, oldest first, and those that are no versions (`latest`)."""

    versions: tuple[ReleaseTag, ...]
    foreign: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseFile:
    """One file of a release.

    `sha256` and `core_metadata` are hex digests; `core_metadata` is None where the registry has no
    metadata beside the file (and for sdists, whose metadata may change when they are built). `size` is in
    bytes, `uploaded` a time in RFC 3339, each None where it is not told. `yanked` is the reason, empty
    for a yank without one, None for a file that is not yanked. `manifest` is the digest of its manifest.
    """

    filename: str
    sha256: str
    size: int | None
    uploaded: str | None
    requires_python: str | None
    core_metadata: str | None
    yanked: str | None
    manifest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageRelease:
    """What the registry has of one version. `digest` is that of the index: the same digest, the same release."""

    project: NormalizedName
    version: Version
    tag: str
    digest: str
    files: tuple[ReleaseFile, ...]
    source: str | None


class DigestCache(Protocol):
    """Keeps manifests and indexes by their digest. What it holds of one repository is shown for that one only."""

    def get(self, repository: str, digest: str) -> bytes | None: ...

    def put(self, repository: str, digest: str, content: bytes) -> None: ...


class NoCache:
    """Remembers nothing."""

    def get(self, repository: str, digest: str) -> bytes | None:
        del repository, digest
        return None

    def put(self, repository: str, digest: str, content: bytes) -> None:
        del repository, digest, content


class OciReader:
    """The packages at one place of a registry. Safe for several threads."""

    def __init__(self, place: Place, registry: OciRegistry, *, cache: DigestCache | None = None) -> None:
        self._place = place
        self._registry = registry
        self._cache = NoCache() if cache is None else cache

    @property
    def place(self) -> Place:
        return self._place

    def projects(self, login: Login | None = None) -> tuple[NormalizedName, ...]:
        """All projects here, as far as the registry tells. GitHub's does not: it refuses."""
        found = (self._place.project(each) for each in self._registry.catalog(login))
        return tuple(sorted({each for each in found if each is not None}))

    def tags(self, project: NormalizedName, login: Login | None = None) -> ProjectTags:
        """The versions of a project; none where it is not there."""
        found = [(version_of(tag), tag) for tag in self._package(project, login).tags()]
        versions = [ReleaseTag(version=version, tag=tag) for version, tag in found if version is not None]
        return ProjectTags(
            versions=tuple(sorted(versions, key=lambda each: (each.version, each.tag))),
            foreign=tuple(tag for version, tag in found if version is None),
        )

    def release(
        self,
        project: NormalizedName,
        tag: ReleaseTag,
        login: Login | None = None,
        *,
        unless: str | None = None,
    ) -> PackageRelease | NotModified | None:
        """What is in one version; None where it is not there or is no Python package.

        `unless` is the digest of a release that is known already: if the tag still means it, that is
        `NOT_MODIFIED`.
        """
        package = self._package(project, login)
        found = package.manifest(tag.tag, unless=unless)
        if found is None or isinstance(found, NotModified):
            return found
        try:
            index = parse_index(found.content)
        except LayoutError:
            return None
        self._cache.put(self._place.repository(project), found.digest, found.content)
        return self._release(package, project, tag, found.digest, index)

    def known_release(
        self, project: NormalizedName, tag: ReleaseTag, digest: str, login: Login | None = None
    ) -> PackageRelease | None:
        """As `release`, of an index that the cache holds; None if it does not. May ask for manifests."""
        content = self._cache.get(self._place.repository(project), digest)
        if content is None:
            return None
        return self._release(self._package(project, login), project, tag, digest, parse_index(content))

    def releases(
        self,
        project: NormalizedName,
        login: Login | None = None,
        *,
        tags: Sequence[ReleaseTag] | None = None,
        threads: int = THREADS,
    ) -> tuple[PackageRelease, ...]:
        """All versions of a project, or those of `tags`, oldest first, asked for side by side."""
        wanted = self.tags(project, login).versions if tags is None else tuple(tags)
        if not wanted:
            return ()
        with ThreadPoolExecutor(max_workers=min(threads, len(wanted))) as pool:
            found = list(pool.map(lambda tag: self.release(project, tag, login), wanted))
        return tuple(each for each in found if isinstance(each, PackageRelease))

    @contextmanager
    def open_file(
        self,
        project: NormalizedName,
        sha256: str,
        login: Login | None = None,
        *,
        byte_range: str | None = None,
    ) -> Iterator[Download]:
        """The bytes of a file by its hex sha256, as they come; `byte_range` is the value of a Range header.

        The status is 200, 206, or 416. Whoever reads all of it compares the sha256.
        """
        with self._package(project, login).blob(f"sha256:{sha256}", byte_range=byte_range) as download:
            yield download

    def core_metadata(self, project: NormalizedName, sha256: str, login: Login | None = None) -> bytes:
        """METADATA by its hex sha256, checked."""
        return self._package(project, login).small_blob(f"sha256:{sha256}", limit=METADATA_LIMIT)

    def _package(self, project: NormalizedName, login: Login | None) -> OciPackage:
        return self._registry.package(self._place.repository(project), login=login)

    def _release(
        self,
        package: OciPackage,
        project: NormalizedName,
        tag: ReleaseTag,
        digest: str,
        index: PackageIndex,
    ) -> PackageRelease:
        files = (self._file(package, project, tag, each) for each in index.entries)
        source = index.annotations.get(SOURCE)
        return PackageRelease(
            project=project,
            version=tag.version,
            tag=tag.tag,
            digest=digest,
            files=tuple(each for each in files if each is not None),
            source=source if source and source.startswith("https://") else None,
        )

    def _file(
        self, package: OciPackage, project: NormalizedName, tag: ReleaseTag, entry: Entry
    ) -> ReleaseFile | None:
        """One file as it is listed; None for what can't be a file of this release."""
        filename = filename_of(project, tag.tag, entry.architecture, entry.annotation(TITLE))
        if filename is None:
            return None
        sha256, size = entry.sha256, entry.size
        if sha256 is None or size is None:
            # PyOCI tells no size, and its first versions no digest.
            manifest = self._manifest(package, entry.digest)
            if manifest is None:
                return None
            sha256, size = manifest.layer.digest.removeprefix("sha256:"), manifest.layer.size
        metadata = entry.annotation(CORE_METADATA) if filename.endswith(".whl") else None
        return ReleaseFile(
            filename=filename,
            sha256=sha256,
            size=size,
            uploaded=entry.annotation(CREATED),
            requires_python=entry.annotation(REQUIRES_PYTHON),
            core_metadata=metadata.removeprefix("sha256:") if metadata and is_digest(metadata) else None,
            yanked=entry.annotation(YANKED),
            manifest=entry.digest,
        )

    def _manifest(self, package: OciPackage, digest: str) -> FileManifest | None:
        repository = package.asked.repository or ""
        content = self._cache.get(repository, digest)
        if content is None:
            found = package.manifest(digest)
            if found is None or isinstance(found, NotModified):
                return None
            content = found.content
            self._cache.put(repository, digest, content)
        try:
            return parse_manifest(content)
        except LayoutError:
            return None

    def missing(
        self, project: NormalizedName, releases: Sequence[PackageRelease], login: Login | None = None
    ) -> tuple[tuple[ReleaseFile, tuple[str, ...]], ...]:
        """The files of these releases that cannot be fetched, and which of their parts are gone."""
        package = self._package(project, login)
        files = [file for release in releases for file in release.files]

        def look(file: ReleaseFile) -> tuple[str, ...]:
            blobs = {"the file": f"sha256:{file.sha256}"}
            if file.core_metadata is not None:
                blobs["its metadata"] = f"sha256:{file.core_metadata}"
            return missing_parts(package, file.manifest, blobs)

        if not files:
            return ()
        with ThreadPoolExecutor(max_workers=min(THREADS, len(files))) as pool:
            looks = zip(files, pool.map(look, files), strict=True)
            return tuple((file, parts) for file, parts in looks if parts)


def read_manifest(package: OciPackage, digest: str) -> FileManifest | None:
    """The manifest of a file by its digest; None where it is gone, or is something else."""
    found = package.manifest(digest)
    if found is None or isinstance(found, NotModified):
        return None
    try:
        return parse_manifest(found.content)
    except LayoutError:
        return None


def read_index(package: OciPackage, tag: str) -> PackageIndex | None:
    """The index under a tag, None where there is none.

    Raises `HttpError` for something else, which must not be overwritten.
    """
    found = package.manifest(tag)
    if found is None or isinstance(found, NotModified):
        return None
    try:
        return parse_index(found.content)
    except LayoutError as error:
        where = f"{package.asked.where}:{tag}"
        finding = known.NOT_OUR_LAYOUT.found(
            f"{where} {error}: it is no Python package.",
            where=where,
            hint="Publish to a place of its own, or delete that tag.",
        )
        failure = HttpError(finding.message, failure=Failure.INVALID, url=where, hint=finding.hint)
        failure.findings = (finding,)
        raise failure from error


def missing_parts(package: OciPackage, manifest: str, blobs: Mapping[str, str]) -> tuple[str, ...]:
    """Which parts of a listed file the registry has not got: its manifest, or blobs by what they hold.

    Nothing is fetched: registries count that as a download.
    """
    found = [] if package.has_manifest(manifest) else [f"the manifest {manifest}"]
    return (*found, *_missing_blobs(package, blobs))


def _missing_blobs(package: OciPackage, blobs: Mapping[str, str]) -> Iterator[str]:
    for what, digest in blobs.items():
        if not package.has_blob(digest):
            yield f"{what} {digest}"


def file_digests(package: OciPackage, index: PackageIndex) -> dict[str, str]:
    """The sha256 of those files of an index whose entries do not tell it, by the digest of their manifests.

    A manifest that is gone, or no file's, tells nothing.
    """
    found: dict[str, str] = {}
    for each in index.entries:
        if each.sha256 is None:
            manifest = read_manifest(package, each.digest)
            if manifest is not None:
                found[each.digest] = manifest.layer.digest.removeprefix("sha256:")
    return found
