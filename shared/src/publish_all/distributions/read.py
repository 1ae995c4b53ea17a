"""Reading a wheel or sdist from disk: its core metadata, and its digests."""

from __future__ import annotations

import csv
import gzip
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
)
from packaging.version import InvalidVersion, Version

from publish_all.distributions.core_metadata import CoreMetadata, parse_metadata
from publish_all.distributions.distribution import (
    Digests,
    Distribution,
    DistributionError,
    DistributionKind,
    parse_filename,
    without_label,
)

METADATA_LIMIT = 16 * 1024 * 1024
"""The longest METADATA or PKG-INFO that is read, in bytes: a bound for broken and hostile archives."""
SDIST_LIMIT = 16 * 1024 * 1024 * 1024
"""How far an unpacked sdist is searched for its PKG-INFO, in bytes."""

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    csv.Error,
)
"""What the standard library raises for archives that are broken, encrypted or of an unknown kind, and for their RECORD."""
_MIB = 1024 * 1024


def read_distribution(
    path: Path, *, variant: str | None = None, sdist_limit: int = SDIST_LIMIT
) -> Distribution:
    """The distribution at `path`, with memory that does not depend on its size.

    An sdist is unpacked for `sdist_limit` bytes at most to find its metadata.
    Raises `DistributionError` for a file that is missing, broken, not a wheel or `.tar.gz` sdist, or
    whose name and metadata disagree about project or version.
    """
    if not path.name.endswith((".whl", ".tar.gz")):
        msg = f"{path} is neither a wheel (.whl) nor an sdist (.tar.gz, PEP 625)."
        raise DistributionError(msg, hint="Leave this file out.")
    try:
        project, version = parse_filename(path.name)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        msg = f"{path} has a name that no wheel or sdist may have: {error}."
        raise DistributionError(msg, hint="Build it again.") from error
    kind = DistributionKind.WHEEL if path.suffix == ".whl" else DistributionKind.SDIST
    try:
        if kind is DistributionKind.WHEEL:
            content = _wheel_metadata(path)
        else:
            content = _sdist_metadata(path, sdist_limit)
        size, digests = digests_of(path)
    except BROKEN as error:
        raise DistributionError(f"{path} is broken: {error}.", hint="Build it again.") from error
    except OSError as error:
        raise DistributionError(f"{path} can't be read: {error.strerror or error}.") from error
    if len(content) > METADATA_LIMIT:
        raise DistributionError(f"The metadata in {path} is longer than {METADATA_LIMIT // _MIB} MiB.")
    metadata = parse_metadata(content)
    _ensure_same(path, metadata, project, version)
    return Distribution(
        path=path,
        kind=kind,
        name=metadata.headers["Name"][0].strip(),
        version=version,
        tag="-".join(without_label(path.name).removesuffix(".whl").split("-")[2:])
        if kind is DistributionKind.WHEEL
        else None,
        size=size,
        digests=digests,
        metadata=metadata.headers,
        description=metadata.description,
        core_metadata=content,
        variant=variant,
    )


def digests_of(path: Path) -> tuple[int, Digests]:
    """The size of a file and its digests, taken in one pass. Raises `OSError`."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    blake2 = hashlib.blake2b(digest_size=32)
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_MIB):
            size += len(chunk)
            for each in (md5, sha256, blake2):
                each.update(chunk)
    return size, Digests(md5=md5.hexdigest(), sha256=sha256.hexdigest(), blake2_256=blake2.hexdigest())


def _wheel_metadata(path: Path) -> bytes:
    """METADATA of the only .dist-info folder (https://packaging.python.org/specifications/binary-distribution-format/)."""
    with zipfile.ZipFile(path) as archive:
        found = [
            each
            for each in archive.infolist()
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", each.orig_filename)
        ]
        if len(found) != 1:
            what = "no METADATA" if not found else "METADATA of more than one distribution"
            raise DistributionError(f"{path} holds {what} in a .dist-info folder.", hint="Build it again.")
        with archive.open(found[0]) as member:
            return member.read(METADATA_LIMIT + 1)


def _sdist_metadata(path: Path, limit: int) -> bytes:
    """PKG-INFO in the only top-level folder (https://packaging.python.org/specifications/source-distribution-format/)."""
    with _BoundedGzip(path, limit) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            if member.isfile() and re.fullmatch(r"(\./)?[^/]+/PKG-INFO", member.name):
                file = archive.extractfile(member)
                return file.read(METADATA_LIMIT + 1) if file is not None else b""
    raise DistributionError(f"{path} holds no PKG-INFO in its top-level folder.", hint="Build it again.")


class _BoundedGzip(gzip.GzipFile):
    """Refuses what a tar header may ask for: reads of any size, and archives without end."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path)
        self._limit = limit

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or size > METADATA_LIMIT + tarfile.BLOCKSIZE:
            msg = "a header in it is too long"
            raise tarfile.ReadError(msg)
        if self.tell() > self._limit:
            msg = "it does not end"
            raise tarfile.ReadError(msg)
        return super().read(size)


def _ensure_same(path: Path, metadata: CoreMetadata, project: NormalizedName, version: Version) -> None:
    """The file name must say what the metadata says: indexes go by the one, installers by the other."""
    for header in ("Name", "Version"):
        if header not in metadata.headers:
            raise DistributionError(f"The metadata in {path} states no {header}.", hint="Build it again.")
    name, stated = metadata.headers["Name"][0].strip(), metadata.headers["Version"][0].strip()
    try:
        same = canonicalize_name(name) == project and Version(stated) == version
    except InvalidVersion:
        same = False
    if not same:
        raise DistributionError(
            f"{path} is named for {project} {version}, and its metadata says {name} {stated}.",
            hint="Build it again; a built file must not be renamed.",
        )
