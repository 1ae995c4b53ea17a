"""A distribution: one wheel or sdist on disk, with everything that an upload needs."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publish_all.errors import CheckError


class DistributionError(CheckError):
    """A file is not a distribution that can be published. The message names the file."""

    code = "PA201"


ATTESTATION_SUFFIX = ".attestation"
"""Of a file beside a distribution, which is published with it."""


_NAME_LENGTH = 255


class DistributionKind(enum.Enum):
    """The `filetype` of the legacy upload API."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"


@dataclass(frozen=True, kw_only=True, slots=True)
class Digests:
    """Hex digests of a file's bytes. `blake2_256` is BLAKE2b with 32 bytes."""

    md5: str
    sha256: str
    blake2_256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One file of a release.

    `name` is as METADATA or PKG-INFO writes it; `tag` is a wheel's compressed tag set with its build
    number (`py3-none-any`, `1-py3-none-any`), None for an sdist; `metadata` holds the core metadata
    headers as written (name as in the file → values in order); `core_metadata` their raw bytes.
    `variant` is the build variant it was built as, when known, and `member` the member of a workspace that it is of.
    """

    path: Path
    kind: DistributionKind
    name: str
    version: Version
    tag: str | None
    size: int
    digests: Digests
    metadata: Mapping[str, tuple[str, ...]]
    description: str
    core_metadata: bytes
    variant: str | None = None
    member: str | None = None

    @property
    def filename(self) -> str:
        return self.path.name

    @property
    def project(self) -> NormalizedName:
        return canonicalize_name(self.name)

    def header(self, name: str) -> str | None:
        """The first value of a metadata header, or None."""
        values = self.metadata.get(name)
        return values[0] if values else None

    def broken_requirements(self, *fields: str) -> Iterator[tuple[str, str]]:
        """Invalid requirements in these fields, each with its field. PyPI's server answers 500 to some."""
        from packaging.requirements import InvalidRequirement, Requirement

        for field in fields or ("Provides-Dist", "Obsoletes-Dist", "Requires-Dist"):
            for entry in self.metadata.get(field, ()):
                try:
                    Requirement(entry)
                except InvalidRequirement:
                    yield field, entry


def variant_label(filename: str) -> str | None:
    """The label of a wheel variant (PEP 825, a draft): the last part of a name that has one part too many."""
    parts = filename.removesuffix(".whl").split("-")
    has_build = len(parts) > 5 and parts[2][:1].isdigit()
    labelled = filename.endswith(".whl") and len(parts) == 6 + has_build
    return parts[-1] if labelled else None


def without_label(filename: str) -> str:
    """The name of a wheel as all tools can parse it."""
    label = variant_label(filename)
    return filename if label is None else filename.removesuffix(f"-{label}.whl") + ".whl"


def sha256_of(path: Path) -> str:
    """In hexadecimal. Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 18):  # small enough for a processor's cache
            digest.update(block)
    return digest.hexdigest()


def parse_filename(filename: str) -> tuple[NormalizedName, Version]:
    """The project and version of a wheel or sdist. Raises `InvalidWheelFilename`, `InvalidSdistFilename`."""
    if filename.endswith(".whl"):
        return parse_wheel_filename(without_label(filename))[:2]
    return parse_sdist_filename(filename)


def release_of(filename: str) -> tuple[NormalizedName, Version] | None:
    """The project and version of a file; None if it is not the name of a distribution."""
    if len(filename) > _NAME_LENGTH:
        return None  # a version of thousands of digits raises another error
    try:
        return parse_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """The distributions of one version of one project for a repository."""

    project: NormalizedName
    version: Version
    distributions: tuple[Distribution, ...]

    @property
    def member(self) -> str | None:
        """The member of a workspace that it is of."""
        return self.distributions[0].member

    @property
    def size(self) -> int:
        """Of all its files, in bytes."""
        return sum(map(attrgetter("size"), self.distributions))

    def __str__(self) -> str:
        return f"{self.project} {self.version}"
