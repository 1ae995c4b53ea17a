"""Checks on the members of wheels and sdists: paths, and files that must not be shipped."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from publish_all.checks.audience import Audience
from publish_all.checks.diagnoses import EMPTY_WHEEL, FORBIDDEN_FILE, UNREADABLE_ARCHIVE, UNSAFE_PATH
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

_FORBIDDEN_NAMES = (
    ".env",
    ".env.*",
    ".pypirc",
    ".netrc",
    "id_rsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pfx",
    "*.p12",
    ".git",
    ".hg",
    ".svn",
    ".DS_Store",
)
_HARMLESS = (".env.example", ".env.sample", ".env.template")


def member_names(distribution: Distribution) -> list[str]:
    """The names of an archive's files, as stored. Raises `OSError`, `BadZipFile` or `TarError`."""
    if distribution.kind is DistributionKind.WHEEL:
        with zipfile.ZipFile(distribution.path) as opened:
            return [each.filename for each in opened.infolist() if not each.is_dir()]
    with tarfile.open(distribution.path) as opened_tar:
        return [each.name for each in opened_tar if not each.isdir()]


def check_members(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Members have safe, unique paths; none of them is a secret or version control data."""
    del audience
    try:
        names = member_names(distribution)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        yield UNREADABLE_ARCHIVE.found(
            f"{distribution.filename} cannot be read: {error}",
            where=str(distribution.path),
            hint="Build it again.",
        )
        return
    yield from _paths(distribution, names)
    yield from _forbidden(distribution, names)
    if distribution.kind is DistributionKind.WHEEL and all(".dist-info/" in name for name in names):
        yield EMPTY_WHEEL.found(
            f"{distribution.filename} holds nothing but its metadata",
            where=str(distribution.path),
            hint="See which packages the build backend is told to include.",
        )


def _paths(distribution: Distribution, names: list[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            yield UNSAFE_PATH.found(f"unsafe path {name!r}", where=distribution.filename)
        if name in seen:
            yield UNSAFE_PATH.found(
                f"{name!r} is in the archive twice", where=distribution.filename, hint="Build it again."
            )
        seen.add(name)


def _forbidden(distribution: Distribution, names: list[str]) -> Iterator[Finding]:
    for name in names:
        bad = next((part for part in PurePosixPath(name).parts if _is_forbidden(part)), None)
        if bad is not None:
            yield FORBIDDEN_FILE.found(
                f"{name} must not be published",
                where=distribution.filename,
                hint="Exclude it in the build configuration, or let git ignore it, and build again.",
            )


def _is_forbidden(part: str) -> bool:
    return not any(fnmatch(part, each) for each in _HARMLESS) and any(
        fnmatch(part, each) for each in _FORBIDDEN_NAMES
    )
