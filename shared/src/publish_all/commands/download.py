"""Fetch files from an OCI registry into a folder, for `pip install --find-links`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from publish_all._values import dataclass
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.registries import open_registry, project_around, refusals_told
from publish_all.credentials.source import Purpose
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import Listener, StepStarted, ignore
from publish_all.repositories.fetch import not_there, read_chunks
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_reader import PackageRelease, ReleaseFile, ReleaseTag
from publish_all.repositories.oci_replies import Login

THREADS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadOptions:
    """What to fetch: `requirements` as `kindling-synapse` or `kindling-synapse>=0.2`, the newest that fits of each.

    `pre` allows pre-releases where the requirement does not name one.
    """

    directory: Path
    requirements: tuple[str, ...]
    destination: Path
    pre: bool = False
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadedFile:
    """One file. `fresh` is False where it lay there already with the same bytes."""

    project: NormalizedName
    version: str
    path: Path
    size: int
    sha256: str
    fresh: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """One file to be fetched, and in whose name."""

    release: PackageRelease
    file: ReleaseFile
    login: Login | None


@refusals_told()
def download(options: DownloadOptions, *, listener: Listener = ignore) -> tuple[DownloadedFile, ...]:
    """Fetch all files of the releases, each checked by its sha256; dependencies are not looked at.

    Raises `UsageError` for what is no requirement, and `RepositoryError` where nothing fits it.
    """
    requirements = [_parse(each) for each in options.requirements]
    config = project_around(options.directory)
    repository = open_registry(config, options.connection, listener=listener)
    wanted = [file for each in requirements for file in _wanted(repository, each, pre=options.pre)]
    listener(
        StepStarted(
            step="fetch", detail=f"{repository.name}: {len(wanted)} {'file' if len(wanted) == 1 else 'files'}"
        )
    )
    _make(options.destination)
    try:
        with TemporaryDirectory(dir=options.destination, prefix=".publish-all-") as folder:
            return _fetch(repository, wanted, options.destination, Path(folder))
    except OSError as error:
        msg = f"{error.filename or options.destination} can't be written: {error.strerror or error}"
        raise PublishAllError(msg) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else error.strerror or error
        msg = f"{folder} can't be written to: {why}"
        raise UsageError(msg, hint="Name another folder with --dest.") from error


def _fetch(
    repository: OciRepository, wanted: Sequence[_Wanted], destination: Path, part: Path
) -> tuple[DownloadedFile, ...]:
    def fetch(each: _Wanted) -> DownloadedFile:
        target = destination / each.file.filename
        there = target.is_file() and _sha256(target) == each.file.sha256
        if not there:
            # Whole and checked before it stands under its name.
            repository.fetch_file(each.release.project, each.file, part, each.login).replace(target)
        return DownloadedFile(
            project=each.release.project,
            version=str(each.release.version),
            path=target,
            size=target.stat().st_size,
            sha256=each.file.sha256,
            fresh=not there,
        )

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return tuple(pool.map(fetch, wanted))


def _parse(text: str) -> Requirement:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        msg = f"{text!r} does not name a package and its version"
        raise UsageError(msg, hint="Write it as kindling-synapse or kindling-synapse==0.2.0.") from error
    if found.url is not None:
        msg = f"{text!r} names a URL, and this fetches from a registry"
        raise UsageError(msg, hint="Leave the URL out.")
    return found


def _wanted(repository: OciRepository, requirement: Requirement, *, pre: bool) -> list[_Wanted]:
    """The files of the newest release that fits. A yanked one fits only where it is named exactly (PEP 592)."""
    project = canonicalize_name(requirement.name)
    login = repository.login(project, Purpose.READ)
    reader = repository.reader()
    versions = reader.tags(project, login).versions
    exact = any(each.operator in {"==", "==="} for each in requirement.specifier)
    for tag in reversed(_fitting(requirement, versions, pre=pre)):
        release = reader.release(project, tag, login)
        if not isinstance(release, PackageRelease):
            continue
        files = [each for each in release.files if exact or each.yanked is None]
        if files:
            return [_Wanted(release=release, file=each, login=login) for each in files]
    others = [str(each.version) for each in versions[-10:]]
    raise not_there(
        f"{repository.name} has nothing that fits {requirement}", project, others, repository.name
    )


def _fitting(requirement: Requirement, versions: Sequence[ReleaseTag], *, pre: bool) -> list[ReleaseTag]:
    """Those that the requirement allows, oldest first; pre-releases if asked for, or if there is nothing else."""
    allowed = set(requirement.specifier.filter((each.version for each in versions), prereleases=pre or None))
    return [each for each in versions if each.version in allowed]


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    for chunk in read_chunks(path):
        found.update(chunk)
    return found.hexdigest()
