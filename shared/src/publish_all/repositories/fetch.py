"""Downloads the files of a release from an index, byte for byte."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._json import loads
from publish_all.distributions.distribution import release_of
from publish_all.errors import RepositoryError
from publish_all.findings import Finding
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

SDIST = ".tar.gz"
"""The architecture of an sdist."""


class NotThereError(RepositoryError):
    """A repository does not have a release; `versions` are its versions of the project, None if it cannot list them."""

    versions: tuple[str, ...] | None = None


def files_of(
    page: ProjectPage | None, project: NormalizedName, version: Version, where: str
) -> tuple[IndexFile, ...]:
    """The files of one release on a page. Raises `RepositoryError` if there are none or one has no sha256."""
    files = page.files if page is not None else ()
    found = tuple(each for each in files if release_of(each.filename) == (project, version))
    if not found:
        others = sorted({str(release[1]) for each in files if (release := release_of(each.filename))})
        raise not_there(f"{where} has no files of {project} {version}", project, others, where)
    for each in found:
        if "sha256" not in each.hashes:
            message = f"{where} lists {each.filename} without a sha256, so the file cannot be verified"
            raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))
    return found


def not_there(
    message: str, project: NormalizedName, others: Sequence[str] | None, where: str
) -> RepositoryError:
    """The error for a release that a repository does not have; `others` are versions that it has, if known."""
    hint = (
        f"It has: {', '.join(others)}."
        if others
        else f"It has no files of {project}, or does not show them to this user."
    )
    found = known.RELEASE_NOT_THERE.found(message, where=where, hint=hint)
    error = NotThereError(found.message, hint=found.hint, findings=(found,))
    error.versions = tuple(others) if others is not None else None
    return error


def store(chunks: Iterable[bytes], file: IndexFile, folder: Path, where: str) -> Path:
    """Write a file's content into `folder`. Raises `RepositoryError` if its hash is not the listed one."""
    path = folder / Path(file.filename).name
    found = hashlib.sha256()
    with path.open("wb") as opened:
        for chunk in chunks:
            found.update(chunk)
            opened.write(chunk)
    if found.hexdigest() != file.sha256:
        path.unlink()
        message = f"{where} sends other bytes for {file.filename} than it lists (sha256 {file.sha256})"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))
    return path


def ensure_provenance(body: bytes, file: IndexFile, where: str) -> None:
    """Raise `RepositoryError` if the provenance in an index is invalid, or is for other bytes than the file's.

    https://packaging.python.org/specifications/index-hosted-attestations/. Signatures are not verified.
    """
    attested: set[str] = set()
    try:
        for bundle in loads(body)["attestation_bundles"]:
            for each in bundle["attestations"]:
                statement = loads(base64.b64decode(each["envelope"]["statement"]))
                attested |= {subject["digest"]["sha256"] for subject in statement["subject"]}
    except (ValueError, KeyError, TypeError) as error:
        message = f"{where} lists a provenance of {file.filename} that cannot be read"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message)) from error
    if attested != {file.sha256}:
        message = f"{where} lists a provenance of {file.filename} that is for other bytes"
        raise as_error(known.FETCHED_FILE_UNPROVEN.found(message))


def read_chunks(path: Path, *, size: int = 1 << 20) -> Iterator[bytes]:
    """The content of a local file, piece by piece."""
    with path.open("rb") as opened:
        while chunk := opened.read(size):
            yield chunk


def architecture_of(filename: str) -> str:
    """The part of a file name that differs within a release: `.tar.gz`, or the part of a wheel's name after `name-version-`."""
    return SDIST if filename.endswith(SDIST) else "".join(filename.split("-", 2)[2:])


def as_error(finding: Finding) -> RepositoryError:
    return RepositoryError(finding.message, hint=finding.hint, findings=(finding,))
