"""Python packages in an OCI registry: where they are, and the form of manifests and indexes. Pure.

A superset of PyOCI's layout (https://github.com/AllexVeldman/pyoci), which can read it: an OCI repository for each
project; the tag of a version names an image index; each of its children with a `platform` is the manifest of one
file, whose only layer is the file and whose config is the file's core metadata.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all import diagnoses as known
from publish_all._json import loads, whole_number
from publish_all._own_files import write_whole
from publish_all.distributions.distribution import Distribution, release_of
from publish_all.errors import UsageError
from publish_all.repositories.simple_pages import SDIST, architecture_of

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/pyoci.package.v1"
METADATA_TYPE = "application/vnd.publish-all.core-metadata.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
ACCEPT = f"{INDEX_TYPE}, {MANIFEST_TYPE}"

TITLE = "org.opencontainers.image.title"
CREATED = "org.opencontainers.image.created"
SOURCE = "org.opencontainers.image.source"
DESCRIPTION = "org.opencontainers.image.description"
LICENSES = "org.opencontainers.image.licenses"
SHA256 = "com.pyoci.sha256_digest"
PROJECT_URLS = "com.pyoci.project_urls"
SIZE = "dev.publish-all.size"
CORE_METADATA = "dev.publish-all.core-metadata"
REQUIRES_PYTHON = "dev.publish-all.requires-python"
YANKED = "dev.publish-all.yanked"

DESCRIPTION_LENGTH = 512
LICENSES_LENGTH = 256
"""What GitHub shows of these annotations at most, in characters."""
TAG_LENGTH = 128
"""The longest tag, after the specification."""

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_NAME = "{name}"
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_HEX = re.compile(r"[0-9a-f]{64}")


class LayoutError(ValueError):
    """The content of a registry is not a package in this layout. The message is the reason, to follow its name."""


class PlaceError(ValueError):
    """A URL is not a place in an OCI registry. The message is the reason, to follow the URL."""


class Place(NamedTuple):
    """A registry, and the path of our projects in it.

    `registry` is scheme and host (`https://ghcr.io`); `path` has `{name}` where the name of the project
    belongs, in lower case.
    """

    registry: str
    path: str

    @property
    def url(self) -> str:
        """The place without the name of a project, for people."""
        return f"{self.registry}/{self.path}".removesuffix(f"/{_NAME}")

    def repository(self, project: NormalizedName) -> str:
        """The OCI repository of a project: `sep/kindling_synapse`."""
        return self.path.replace(_NAME, project.replace("-", "_"))

    def project(self, repository: str) -> NormalizedName | None:
        """The project that an OCI repository here is for, None if it is for none."""
        before, _, after = self.path.partition(_NAME)
        name = canonicalize_name(repository.removeprefix(before).removesuffix(after))
        return name if name and "/" not in name and self.repository(name) == repository else None


def parse_place(url: str) -> Place:
    """The place of a configured URL, with https if it has no scheme.

    Registries only have lower case, and GitHub accepts owners in any case, so names are converted to lower
    case. Raises `PlaceError`.
    """
    parts = urlsplit(url if "://" in url else f"https://{url}")
    path = parts.path.strip("/").lower()
    if parts.query or parts.fragment:
        raise PlaceError("has a query or fragment, which an OCI registry does not use")
    if path == "v2" or path.startswith("v2/"):
        raise PlaceError("contains the path of the API; remove /v2")
    if _NAME not in path:
        path = f"{path}/{_NAME}".lstrip("/")
    for part in path.replace(_NAME, "x").split("/"):
        if not _PART.fullmatch(part):
            raise PlaceError(
                f"contains {part!r}; names in an OCI registry consist of letters, digits, and single '.', '_' and "
                "'-' between them"
            )
    return Place(registry=f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}", path=path)


def tag_of(version: Version) -> str:
    """The tag of a version: tags cannot contain `+` and `!`, and a normalised version has no `-` and `_`."""
    return str(version).replace("+", "-").replace("!", "_")


def version_text(tag: str) -> str:
    """The version in a tag, as written."""
    return tag.replace("-", "+", 1).replace("_", "!", 1)


def version_of(tag: str) -> Version | None:
    """The version of a tag; None for a foreign tag, such as `latest` and `sha256-…`."""
    if not tag[:1].isdecimal() or len(tag) > TAG_LENGTH:
        return None
    try:
        return Version(version_text(tag))
    except InvalidVersion:
        return None


def filename_of(project: NormalizedName, tag: str, architecture: str, title: str | None) -> str | None:
    """The name of a file of a release: its title if that fits, else put together; None if none can be.

    Data from a registry is not trusted: the name must be that of a distribution of this project
    and version, and no path.
    """
    stem = f"{project.replace('-', '_')}-{version_text(tag)}"
    made = stem + (SDIST if architecture == SDIST else f"-{architecture}")
    wanted = project, version_of(tag)
    fitting = (
        each
        for each in (title or "", made)
        if _FILENAME.fullmatch(each) and ".." not in each and architecture_of(each) == architecture
    )
    return next((each for each in fitting if release_of(each) == wanted), None)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_digest(text: object) -> bool:
    """Whether it is a sha256 digest, the only supported kind."""
    return isinstance(text, str) and text.startswith("sha256:") and is_hex_digest(text[7:])


def is_hex_digest(text: object) -> bool:
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


# --- a file


class FileManifest(NamedTuple):
    """The manifest of one file: its hex sha256 and size, and the digest of its core metadata if it has them."""

    sha256: str
    size: int
    core_metadata: str | None


class Entry(NamedTuple):
    """One file in the index of a release; `descriptor` is kept unchanged."""

    descriptor: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The digest of the file's manifest."""
        return str(self.descriptor["digest"])

    @property
    def architecture(self) -> str:
        return str(self.descriptor["platform"]["architecture"])

    @property
    def sha256(self) -> str | None:
        """The hex digest of the file; None if it is only in its manifest."""
        stated = self.annotation(SHA256)
        return stated if is_hex_digest(stated) else None

    @property
    def size(self) -> int | None:
        """The size of the file in bytes; None if it is only in its manifest."""
        return whole_number(self.annotation(SIZE))

    def annotation(self, name: str) -> str | None:
        found = (self.descriptor.get("annotations") or {}).get(name)
        return found if isinstance(found, str) else None


def render_file(
    distribution: Distribution, *, source: str | None, created: str, with_metadata: bool = True
) -> tuple[bytes, Entry]:
    """The manifest of a file, and its entry in the index. `created` is a time in RFC 3339, in the entry alone.

    The same file gives the same manifest, so that a second upload finds it there. `with_metadata` False is for
    registries that refuse a config of our type.
    """
    config = distribution.core_metadata if with_metadata else EMPTY
    about = describe(distribution, source=source)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": {
                "mediaType": METADATA_TYPE if with_metadata else EMPTY_TYPE,
                "digest": digest_of(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": ARTIFACT_TYPE,
                    "digest": f"sha256:{distribution.digests.sha256}",
                    "size": distribution.size,
                    "annotations": {TITLE: distribution.filename},
                }
            ],
            **({"annotations": about} if about else {}),
        }
    )
    requires = distribution.header("Requires-Python")
    labelled = (each.partition(",") for each in distribution.metadata.get("Project-URL", ()))
    annotations = {
        TITLE: distribution.filename,
        CREATED: created,
        SHA256: distribution.digests.sha256,
        PROJECT_URLS: _json({label.strip(): url.strip() for label, comma, url in labelled if comma}).decode(),
        SIZE: str(distribution.size),
        CORE_METADATA: digest_of(config) if with_metadata else None,
        REQUIRES_PYTHON: requires.strip() if requires else None,
    }
    entry = {
        "mediaType": MANIFEST_TYPE,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "annotations": {name: value for name, value in annotations.items() if value is not None},
        "platform": {"architecture": architecture_of(distribution.filename), "os": "any"},
    }
    return manifest, Entry(entry)


def describe(distribution: Distribution, *, source: str | None) -> dict[str, str]:
    """The annotations with which GitHub links a package to its repository and describes it.

    `source` is the URL of the repository, None if it is not known.
    """
    licence = distribution.header("License-Expression") or distribution.header("License") or ""
    summary = " ".join((distribution.header("Summary") or "").split())
    stated = {
        SOURCE: source or "",
        DESCRIPTION: summary[:DESCRIPTION_LENGTH],
        # Some projects write the whole text of their licence there.
        LICENSES: licence if len(licence) <= LICENSES_LENGTH and "\n" not in licence else "",
    }
    return {name: value for name, value in stated.items() if value and value != "UNKNOWN"}


def parse_manifest(content: bytes) -> FileManifest:
    """The manifest of a file. Raises `LayoutError` for other content."""
    value = _object(content)
    layers, config = value.get("layers"), value.get("config")
    if not isinstance(layers, list) or len(layers) != 1:
        raise LayoutError("is not the manifest of one file: it does not have one layer")
    has_metadata = isinstance(config, dict) and config.get("mediaType") == METADATA_TYPE
    digest, size = _blob(layers[0])
    return FileManifest(
        sha256=digest.removeprefix("sha256:"),
        size=size,
        core_metadata=_blob(config)[0] if has_metadata else None,
    )


def _blob(descriptor: Any) -> tuple[str, int]:
    if not isinstance(descriptor, dict) or not is_digest(descriptor.get("digest")):
        raise LayoutError("refers to something without a sha256 digest")
    stated = descriptor.get("size")
    size = whole_number(stated) if isinstance(stated, int) else None
    if size is None:
        raise LayoutError("refers to something without a size")
    return descriptor["digest"], size


# --- a release


class PackageIndex(NamedTuple):
    """The index of a release: its JSON value, in which foreign keys and entries are kept."""

    value: Mapping[str, Any]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(Entry(each) for each in self.value["manifests"] if _is_file(each))

    @property
    def annotations(self) -> Mapping[str, str]:
        stated = self.value.get("annotations")
        items = stated.items() if isinstance(stated, dict) else ()
        return {name: each for name, each in items if isinstance(each, str)}

    @property
    def yanked(self) -> str | None:
        """Why the release is yanked, None if it is not."""
        return self.annotations.get(YANKED)

    def yanked_for(self, reason: str | None) -> PackageIndex:
        """The same index, yanked for a reason, or with None no longer yanked."""
        others = {name: each for name, each in self.annotations.items() if name != YANKED}
        stated = others if reason is None else {**others, YANKED: reason}
        return PackageIndex({**self.value, "annotations": stated})

    def entry(self, architecture: str) -> Entry | None:
        return next((each for each in self.entries if each.architecture == architecture), None)

    def render(self) -> bytes:
        """The bytes to put under the tag."""
        return _json(self.value)


class Merge(NamedTuple):
    """An index with our entries in it.

    `added` are new entries, or those with a missing manifest; `conflicts` are files that exist with other bytes.
    """

    result: PackageIndex
    added: tuple[Entry, ...]
    conflicts: tuple[Entry, ...]


def merge(
    current: PackageIndex | None,
    ours: Iterable[Entry],
    annotations: Mapping[str, str],
    *,
    sha256s: Mapping[str, str] | None = None,
    gone: frozenset[str] = frozenset(),
) -> Merge:
    """The index with our entries, files in the order of their architecture. An entry with the same
    bytes stays unchanged.

    `annotations` are added if the index has none of that name. `sha256s` has for digests of
    manifests what the sha256 of their files is, where the index itself does not. Entries for the same
    bytes whose manifest is `gone` (by its digest) are replaced by ours. A yank of the release stays.
    """
    base = current or PackageIndex({"manifests": []})
    files = {each.architecture: each for each in reversed(base.entries)}
    added: list[Entry] = []
    conflicts: list[Entry] = []
    for each in ours:
        there = files.get(each.architecture)
        if there is not None and (there.sha256 or (sha256s or {}).get(there.digest)) != each.sha256:
            conflicts.append(each)
        elif there is None or (there.digest in gone and there.digest != each.digest):
            added.append(each)
            files[each.architecture] = each
    children = [files[name].descriptor for name in sorted(files)]
    stated = {**annotations, **base.annotations}
    value = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "artifactType": ARTIFACT_TYPE,
        **base.value,
        "manifests": [*children, *(each for each in base.value["manifests"] if not _is_file(each))],
        **({"annotations": stated} if stated else {}),
    }
    return Merge(PackageIndex(value), tuple(added), tuple(conflicts))


def parse_index(content: bytes) -> PackageIndex:
    """The index of a release. Raises `LayoutError` for other content."""
    value = _object(content)
    if value.get("mediaType", INDEX_TYPE) != INDEX_TYPE or not isinstance(value.get("manifests"), list):
        raise LayoutError("is not an image index")
    if value.get("artifactType") != ARTIFACT_TYPE:
        raise LayoutError(f"is not of the type {ARTIFACT_TYPE}")
    children = [each for each in value["manifests"] if isinstance(each, dict)]
    return PackageIndex({**value, "manifests": children})


def _is_file(child: Mapping[str, Any]) -> bool:
    platform, annotations = child.get("platform"), child.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return False
    has_platform = isinstance(platform, dict) and isinstance(platform.get("architecture"), str)
    return has_platform and is_digest(child.get("digest"))


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = loads(content)
    except ValueError as error:
        raise LayoutError("is not JSON") from error
    if not isinstance(value, dict):
        raise LayoutError("is not a JSON object")
    return value


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# --- receipts: the files of a release that one of several jobs pushed; `finalize` lists all of them at once

SCHEMA = 1
LIMIT = 16 * 1024 * 1024
"""The longest receipt that is read, in bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PushedRelease:
    """The files of a release that are pushed and not listed yet. `url` is that of the repository.

    `annotations` are those that the index of the release is to have.
    """

    repository: str
    url: str
    project: NormalizedName
    version: Version
    entries: tuple[Entry, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


class ReceiptFile:
    """The receipt of a run: rewritten with each release."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._releases: dict[tuple[str, str], PushedRelease] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Remove the receipt of an earlier run, so that it is not used as the receipt of this one.

        Raises `UsageError`, also for a file that is neither empty nor a receipt, which stays.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_file() and self.path.stat().st_size:
                read_receipt(self.path)
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self.path, f"can't be written: {error.strerror or error}") from error

    def add(self, release: PushedRelease) -> None:
        """Raises `UsageError`."""
        with self._lock:
            self._releases[release.url, str(release)] = release
            try:
                write_whole(self.path, render_receipt(self._releases.values()))
            except OSError as error:
                raise _unusable(self.path, f"can't be written: {error.strerror or error}") from error


def render_receipt(releases: Iterable[PushedRelease]) -> bytes:
    listed = []
    for each in releases:
        facts = {"repository": each.repository, "url": each.url, "project": each.project}
        files = [dict(entry.descriptor) for entry in each.entries]
        about = {"version": str(each.version), "annotations": dict(each.annotations), "files": files}
        listed.append(facts | about)
    value = {"schema": SCHEMA, "kind": "publish-all receipt", "releases": listed}
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def read_receipt(path: Path) -> tuple[PushedRelease, ...]:
    """The content of a receipt. Raises `UsageError`, which names the file."""
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
        value = loads(content) if len(content) <= LIMIT else {}
        if value["kind"] != "publish-all receipt" or value["schema"] != SCHEMA:
            raise ValueError(value["kind"])
        return tuple(_pushed(each) for each in value["releases"])
    except OSError as error:
        raise _unusable(path, f"can't be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _unusable(path, "is not a receipt that `publish --receipt` wrote") from error


def joined(releases: Iterable[PushedRelease]) -> tuple[PushedRelease, ...]:
    """The parts of each release together, in the order in which releases first occur.

    Each file once: a job that ran twice wrote the same one with another time.
    """
    together: dict[tuple[str, str], PushedRelease] = {}
    for each in releases:
        first = together.setdefault((each.url, str(each)), each)
        entries: dict[tuple[str, str | None], Entry] = {}
        for entry in (*first.entries, *each.entries):
            entries.setdefault((entry.architecture, entry.sha256), entry)
        together[each.url, str(each)] = replace(
            first,
            entries=tuple(entries.values()),
            annotations={**each.annotations, **first.annotations},
        )
    return tuple(together.values())


def _pushed(value: Mapping[str, Any]) -> PushedRelease:
    """Raises `ValueError` and others for anything else than a release of a receipt."""
    entries = tuple(map(Entry, value["files"]))
    for each in entries:
        if not is_digest(each.digest) or not is_hex_digest(each.sha256) or not each.architecture:
            raise ValueError(each.digest)
    return PushedRelease(
        repository=str(value["repository"]),
        url=str(value["url"]),
        project=canonicalize_name(value["project"], validate=True),
        version=Version(value["version"]),
        entries=entries,
        annotations={str(key): str(each) for key, each in value["annotations"].items()},
    )


def _unusable(path: Path, why: str) -> UsageError:
    finding = known.RECEIPT_UNUSABLE.found(f"{path} {why}", where=str(path))
    return UsageError(finding.message, hint=finding.hint, findings=(finding,))
