"""The layout of Python packages in an OCI registry: manifests of files and the index of a release. Pure.

A superset of PyOCI's (https://github.com/AllexVeldman/pyoci), which can read it: the tag of a version
names an image index; each of its children with a `platform` is the manifest of one file, whose only layer
is the file and whose config is the file's core metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from publish_all._json import loads, whole_number
from publish_all._values import dataclass
from publish_all.distributions.distribution import Distribution
from publish_all.repositories.oci_names import architecture_of

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


class LayoutError(ValueError):
    """What a registry keeps is not a package in this layout. The message says why, to follow its name."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_digest(text: object) -> bool:
    """Whether it is a sha256 digest, the only kind that we deal with."""
    if not isinstance(text, str) or not text.startswith("sha256:"):
        return False
    return is_hex_digest(text.removeprefix("sha256:"))


def is_hex_digest(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and all(each in "0123456789abcdef" for each in text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """What a manifest refers to: bytes by their digest."""

    digest: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file in the index of a release; `descriptor` is kept as it is written, whoever wrote it."""

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
        """The hex digest of the file; None where only its manifest tells."""
        stated = self.annotation(SHA256)
        return stated if is_hex_digest(stated) else None

    @property
    def size(self) -> int | None:
        """The size of the file in bytes; None where only its manifest tells."""
        return whole_number(self.annotation(SIZE))

    def yanked_as(self, other: Entry) -> Entry:
        """Our entry, yanked if the other one is."""
        reason = other.annotation(YANKED)
        if reason is None:
            return self
        annotations = {**(self.descriptor.get("annotations") or {}), YANKED: reason}
        return Entry(descriptor={**self.descriptor, "annotations": annotations})

    def annotation(self, name: str) -> str | None:
        found = (self.descriptor.get("annotations") or {}).get(name)
        return found if isinstance(found, str) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageIndex:
    """The index of a release.

    `others` are children which are no files of ours (attestations of other tools, signatures), `rest`
    keys that we don't know: both are kept when the index is written anew.
    """

    entries: tuple[Entry, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Mapping[str, Any], ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)

    def entry(self, architecture: str) -> Entry | None:
        return next((each for each in self.entries if each.architecture == architecture), None)

    def render(self) -> bytes:
        """The bytes to put under the tag, files in the order of their architecture."""
        children = [each.descriptor for each in sorted(self.entries, key=lambda each: each.architecture)]
        content = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "manifests": [*children, *self.others],
            **self.rest,
        }
        return _json(content | ({"annotations": dict(self.annotations)} if self.annotations else {}))


@dataclass(frozen=True, kw_only=True, slots=True)
class FileManifest:
    """The manifest of one file: its one layer, and its core metadata if it has them."""

    layer: Blob
    metadata: Blob | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """An index with our entries in it.

    `added` are those that were not, or whose manifest is gone; `conflicts` can't be: other bytes are there.
    """

    index: PackageIndex
    added: tuple[Entry, ...]
    conflicts: tuple[Entry, ...]


# --- writing


def render_manifest(distribution: Distribution, *, source: str | None, with_metadata: bool) -> bytes:
    """The manifest of a file. The same file gives the same bytes, so that a second upload finds them there.

    `with_metadata` False is for registries that refuse a config of our type.
    """
    config = (
        {
            "mediaType": METADATA_TYPE,
            "digest": digest_of(distribution.core_metadata),
            "size": len(distribution.core_metadata),
        }
        if with_metadata
        else {"mediaType": EMPTY_TYPE, "digest": digest_of(EMPTY), "size": len(EMPTY)}
    )
    layer = {
        "mediaType": ARTIFACT_TYPE,
        "digest": f"sha256:{distribution.digests.sha256}",
        "size": distribution.size,
        "annotations": {TITLE: distribution.filename},
    }
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "config": config,
        "layers": [layer],
    }
    about = describe(distribution, source=source)
    return _json(content | ({"annotations": about} if about else {}))


def entry_of(distribution: Distribution, manifest: bytes, *, created: str, with_metadata: bool) -> Entry:
    """The entry of a file in the index. `created` is a time in RFC 3339."""
    annotations = {
        TITLE: distribution.filename,
        CREATED: created,
        SHA256: distribution.digests.sha256,
        PROJECT_URLS: _json(dict(_project_urls(distribution))).decode(),
        SIZE: str(distribution.size),
    }
    if with_metadata:
        annotations[CORE_METADATA] = digest_of(distribution.core_metadata)
    requires = distribution.header("Requires-Python")
    if requires:
        annotations[REQUIRES_PYTHON] = requires.strip()
    return Entry(
        descriptor={
            "mediaType": MANIFEST_TYPE,
            "digest": digest_of(manifest),
            "size": len(manifest),
            "annotations": annotations,
            "platform": {"architecture": architecture_of(distribution.filename), "os": "any"},
        }
    )


def describe(distribution: Distribution, *, source: str | None) -> dict[str, str]:
    """The annotations by which GitHub links a package to its repository and describes it.

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


def merge(
    current: PackageIndex | None,
    ours: Iterable[Entry],
    annotations: Mapping[str, str],
    *,
    sha256s: Mapping[str, str] | None = None,
    gone: frozenset[str] = frozenset(),
) -> Merge:
    """The index with our entries. One that is there with the same bytes stays as it is, whoever wrote it.

    `annotations` are added where the index has none of that name. `sha256s` tells for digests of
    manifests what the sha256 of their files is, where the index itself does not. Entries for the same
    bytes whose manifest is `gone` (by its digest) are replaced by ours; a yank stays.
    """
    told = sha256s or {}
    base = current or PackageIndex(entries=())
    kept = list(base.entries)
    added: list[Entry] = []
    conflicts: list[Entry] = []
    for each in ours:
        there = _named(kept, each.architecture) or _named(added, each.architecture)
        if there is None:
            added.append(each)
        elif (there.sha256 or told.get(there.digest)) != each.sha256:
            conflicts.append(each)
        elif there.digest in gone and there.digest != each.digest:
            kept.remove(there)
            added.append(each.yanked_as(there))
    index = PackageIndex(
        entries=(*kept, *added),
        annotations=dict(annotations) | dict(base.annotations),
        others=base.others,
        rest=base.rest,
    )
    return Merge(index=index, added=tuple(added), conflicts=tuple(conflicts))


def _named(entries: Sequence[Entry], architecture: str) -> Entry | None:
    return next((each for each in entries if each.architecture == architecture), None)


def _project_urls(distribution: Distribution) -> Iterable[tuple[str, str]]:
    for each in distribution.metadata.get("Project-URL", ()):
        label, comma, url = each.partition(",")
        if comma:
            yield label.strip(), url.strip()


# --- reading


def parse_index(content: bytes) -> PackageIndex:
    """The index of a release. Raises `LayoutError` for anything that is not one."""
    value = _object(content)
    if value.get("mediaType", INDEX_TYPE) != INDEX_TYPE or not isinstance(value.get("manifests"), list):
        raise LayoutError("is not an image index")
    if value.get("artifactType") != ARTIFACT_TYPE:
        raise LayoutError(f"is not of the type {ARTIFACT_TYPE}")
    children = [each for each in value["manifests"] if isinstance(each, dict)]
    known = {"schemaVersion", "mediaType", "artifactType", "manifests", "annotations"}
    return PackageIndex(
        entries=tuple(Entry(descriptor=each) for each in children if _is_file(each)),
        annotations=_texts(value.get("annotations")),
        others=tuple(each for each in children if not _is_file(each)),
        rest={key: each for key, each in value.items() if key not in known},
    )


def parse_manifest(content: bytes) -> FileManifest:
    """The manifest of a file. Raises `LayoutError` for anything that is not one."""
    value = _object(content)
    layers = value.get("layers")
    if not isinstance(layers, list) or len(layers) != 1:
        raise LayoutError("is not the manifest of one file: it has not one layer")
    config = value.get("config")
    is_metadata = isinstance(config, dict) and config.get("mediaType") == METADATA_TYPE
    return FileManifest(layer=_blob(layers[0]), metadata=_blob(config) if is_metadata else None)


def _is_file(child: Mapping[str, Any]) -> bool:
    platform, annotations = child.get("platform"), child.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        return False
    has_platform = isinstance(platform, dict) and isinstance(platform.get("architecture"), str)
    return has_platform and is_digest(child.get("digest"))


def _blob(descriptor: Any) -> Blob:
    if not isinstance(descriptor, dict) or not is_digest(descriptor.get("digest")):
        raise LayoutError("refers to something without a sha256 digest")
    stated = descriptor.get("size")
    size = whole_number(stated) if isinstance(stated, int) else None
    if size is None:
        raise LayoutError("refers to something without a size")
    return Blob(digest=descriptor["digest"], size=size)


def _texts(value: Any) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {key: each for key, each in items if isinstance(each, str)}


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
