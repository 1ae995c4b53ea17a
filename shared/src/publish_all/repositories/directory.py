"""A static index in a folder: files and pages that pip and uv install from, from disk or any web host.

    simple/index.html, index.json            the projects (PEP 503, PEP 691)
    simple/<project>/index.html, index.json  its files
    simple/<project>/<file>                  a distribution; next to a wheel its <file>.metadata (PEP 658)
    simple/<project>/<version>.yanked        the reason for a yank (PEP 592), for a version without trailing zeros

All links are relative. Pages are always written from the files in the folders, so that they can
be written again at any time; there is no other state.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from packaging.utils import NormalizedName, canonicalize_version
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._json import loads
from publish_all._own_files import INDEX_LOCK, open_own, replace_open, sync_folder, try_lock
from publish_all.config.kinds import DIRECTORY, Kind
from publish_all.config.model import RepositoryConfig
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import (
    Distribution,
    DistributionKind,
    Release,
    release_of,
    sha256_of,
)
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, RepositoryError
from publish_all.findings import Finding
from publish_all.repositories import simple_pages as pages
from publish_all.repositories.repository import (
    Capabilities,
    Look,
    Means,
    Progress,
    ReleaseOutcome,
    Removal,
    UploadOutcome,
    no_progress,
)
from publish_all.results import FileState

LOCK_TIMEOUT = 30.0
"""Seconds to wait for another writer."""
_POLL = 0.05  # seconds

_PAGES = "simple"


class DirectoryRepository:
    """One folder, which the `url` of its configuration names.

    `root` contains `simple/`: it is the `url`, or the folder above if that is `simple` itself. `index_url` is the value
    for `--index-url`: the URL of the folder on the web, or the folder itself. `lock_timeout` is in seconds.
    """

    kind: ClassVar[Kind] = DIRECTORY
    capabilities: ClassVar[Capabilities] = Capabilities(
        opens_alone=False, parallel_per_release=4, parallel=8, final_on_upload=False
    )

    def __init__(
        self,
        config: RepositoryConfig,
        means: Means | None = None,
        *,
        lock_timeout: float = LOCK_TIMEOUT,
        writable: Callable[[Path, int], bool] = os.access,
    ) -> None:
        del means
        stated = Path(config.url or "").absolute()
        self.name = config.name
        self.root = stated.parent if stated.name == _PAGES else stated
        self.url = self.root.as_uri()
        self.index_url = config.index_url or (self.root / _PAGES).as_uri()
        self._lock_timeout = lock_timeout
        self._writable = writable

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Check that the folder, or the folder in which it will be created, is writable."""
        del releases, brief
        existing = self.root
        while not existing.exists():
            existing = existing.parent
        if existing.is_dir() and self._writable(existing, os.W_OK | os.X_OK):
            return ()
        what = "is not writable" if existing.is_dir() else "is not a folder"
        return (self._found(known.FOLDER_UNUSABLE, f"{existing} {what}."),)

    def states(self, release: Release) -> Look:
        try:
            return Look(states={each.filename: self._state(each) for each in release.distributions})
        except OSError as error:
            raise RepositoryError(f"{error.filename} cannot be read: {error.strerror}.") from error

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        """Do nothing: a folder does not need to know new projects."""
        del projects
        return ()

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """Copy the file in, whole or not at all."""
        target = self._target(distribution)
        part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
        try:
            with self._explained():
                target.parent.mkdir(parents=True, exist_ok=True)
                written = _write(part, pages.read_chunks(distribution.path), progress)
                if written != distribution.digests.sha256:
                    message = f"{distribution.path} was changed after it was read and checked."
                    raise pages.as_error(self._found(known.FILE_CHANGED, message))
                with self._locked():
                    state = self._state(distribution)
                    if state is FileState.ABSENT:
                        replace_open(part, target)
                        sync_folder(target.parent)
        except RepositoryError as error:
            return UploadOutcome.failed(error)
        finally:
            # Already removed if everything worked, and not removable if the folder is gone.
            with suppress(OSError):
                part.unlink()
        if state is FileState.ABSENT:
            return UploadOutcome(status=FileState.UPLOADED, url=(target.parent / "index.html").as_uri())
        if state is FileState.PRESENT:
            return UploadOutcome(status=FileState.PRESENT)
        finding = known.OTHER_BYTES.found(
            f"{self.name} already has another file {target.name}.",
            where=str(target),
            hint="Release a new version, or delete that file if it was never installed.",
        )
        return UploadOutcome(status=FileState.CONFLICT, findings=(finding,))

    def commit(self, release: Release) -> ReleaseOutcome:
        """Write the pages of the project, and the list of projects, from the existing files."""
        try:
            with self._explained(), self._locked():
                listed, findings = self._write_pages(release.project)
        except RepositoryError as error:
            return ReleaseOutcome.failed(error)
        complete = all(self._target(each).name in listed for each in release.distributions)
        return ReleaseOutcome(complete=complete, findings=findings)

    def verify(self, release: Release) -> Look:
        """Read the page back, and check that it lists our sha256, and that the file has it."""
        page = self._folder(release.project) / "index.json"
        listed: dict[str, str] = {}
        states: dict[str, FileState] = {}
        try:
            for file in loads(page.read_bytes())["files"]:
                listed[file["filename"]] = file["hashes"]["sha256"]
            for each in release.distributions:
                sha256 = listed.get(self._target(each).name)
                if sha256 is not None:
                    same = sha256 == each.digests.sha256
                    states[each.filename] = self._state(each) if same else FileState.DIFFERENT
        except FileNotFoundError:
            return Look()
        except (OSError, ValueError, TypeError, KeyError) as error:
            return Look(findings=(self._found(known.FOLDER_UNUSABLE, f"{page} cannot be read: {error}."),))
        return Look(states=states)

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        own = self._folder(project)
        found = self._listed(project, version)
        return tuple(
            pages.store(pages.read_chunks(own / each.filename), each, folder, self.name) for each in found
        )

    def _listed(self, project: NormalizedName, version: Version) -> tuple[pages.IndexFile, ...]:
        """From the page that readers see, which may not list all files of the folder. Raises `RepositoryError`."""
        own = self._folder(project)
        page = None
        try:
            content = (own / "index.json").read_bytes()
            page = pages.parse_project(content, content_type=pages.JSON_TYPE, url=f"{own.as_uri()}/")
        except FileNotFoundError:
            pass
        except (OSError, pages.PageError) as error:
            msg = f"The index in {own} cannot be read: {error}."
            raise RepositoryError(msg, hint="Publish to it again, which rewrites its pages.") from error
        return pages.files_of(page, project, version, self.name)

    # --- yank and delete

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        files = self._listed(project, version)
        note = self._note(project, version)
        with self._explained(), self._locked():
            if reason is None:
                note.unlink(missing_ok=True)
            else:
                replace_file(note, reason.encode())
            self._write_pages(project)
        return tuple(each.filename for each in files)

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        """All at once, the pages before the files."""
        names = [each.filename for each in self._listed(project, version)]
        note = self._note(project, version)

        def remove() -> None:
            with self._explained(), self._locked():
                self._write_pages(project, without=names)
                for name in names:
                    note.with_name(name).unlink(missing_ok=True)
                    note.with_name(f"{name}.metadata").unlink(missing_ok=True)
                note.unlink(missing_ok=True)

        return (Removal(tuple(names), remove),)

    def _note(self, project: NormalizedName, version: Version) -> Path:
        """The file with the reason for the yank of a version, in whatever spelling."""
        return self._folder(project) / f"{canonicalize_version(version)}.yanked"

    def page(self, release: Release) -> str | None:
        return (self._folder(release.project) / "index.html").as_uri()

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        del together
        requirement = shlex.quote(f"{release.project}=={release.version}")
        return f"pip install --index-url {shlex.quote(self.index_url)} {requirement}"

    # --- files

    def _folder(self, project: NormalizedName) -> Path:
        return self.root / _PAGES / project

    def _target(self, distribution: Distribution) -> Path:
        """The path of the file, in whatever spelling of its name, or the future path.

        `Demo-1.0.tar.gz` and `demo-1.0.tar.gz` are one file to installers, which may use either.
        """
        folder = self._folder(distribution.project)
        stated = folder / distribution.filename
        there = {each.name: each for each in folder.iterdir()} if folder.is_dir() else {}
        if stated.name in there:  # the file system and its paths may ignore case
            return stated
        for each in there.values():
            same = each.suffix == stated.suffix and release_of(each.name) == release_of(stated.name)
            if same and pages.architecture_of(each.name) == pages.architecture_of(stated.name):
                return each
        return stated

    def _state(self, distribution: Distribution) -> FileState:
        path = self._target(distribution)
        if not path.is_file():
            return FileState.ABSENT
        if path.stat().st_size != distribution.size:
            return FileState.DIFFERENT
        return FileState.PRESENT if sha256_of(path) == distribution.digests.sha256 else FileState.DIFFERENT

    def _write_pages(
        self, project: NormalizedName, *, without: Collection[str] = ()
    ) -> tuple[Collection[str], tuple[Finding, ...]]:
        """Write the page of a project from its files, and the list of projects. Returns the names of its files.

        Broken files and files of other projects are not listed.
        """
        folder = self._folder(project)
        folder.mkdir(parents=True, exist_ok=True)
        files: list[tuple[Version, str, pages.IndexFile]] = []
        findings = []
        for path in sorted(folder.iterdir()):
            left_out = path.name in without or path.name.startswith(".")
            if left_out or not path.name.endswith((".whl", ".tar.gz")):
                continue
            try:
                found = read_distribution(path)
            except CheckError as error:
                findings.append(self._found(known.ARCHIVE_REFUSED, error.message, "Delete it."))
                continue
            if found.project != project:
                continue
            offered = None
            if found.kind is DistributionKind.WHEEL:
                replace_file(path.with_name(f"{path.name}.metadata"), found.core_metadata)
                offered = {"sha256": hashlib.sha256(found.core_metadata).hexdigest()}
            note = self._note(project, found.version)
            file = pages.IndexFile(
                filename=path.name,
                url=quote(path.name),
                hashes={"sha256": found.digests.sha256},
                requires_python=found.header("Requires-Python"),
                core_metadata=offered,
                size=found.size,
                yanked=note.read_text(encoding="utf-8") if note.is_file() else None,
            )
            files.append((found.version, path.name, file))
        listed: dict[str, pages.IndexFile] = {}
        versions: dict[str, None] = {}
        for version, name, file in sorted(files):
            versions[str(version)] = None
            listed[name] = file
        page = pages.ProjectPage(name=project, files=tuple(listed.values()), versions=tuple(versions))
        replace_pages(folder, pages.render_project(page))
        projects = sorted(map(attrgetter("parent.name"), folder.parent.glob("*/index.json")))
        replace_pages(folder.parent, pages.render_root(projects))
        return listed, tuple(findings)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other writers out, of this process and others; the lock ends with its process."""
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = open_own(self.root / INDEX_LOCK, os.O_RDWR | os.O_CREAT)
        try:
            until = time.monotonic() + self._lock_timeout
            while not try_lock(descriptor):
                if time.monotonic() > until:
                    raise TimeoutError
                time.sleep(_POLL)
            yield
        finally:
            os.close(descriptor)

    # --- findings

    def _found(self, diagnosis: Diagnosis, message: str, hint: str = "") -> Finding:
        return diagnosis.found(message, where=str(self.root), hint=hint)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raises `RepositoryError` for errors of the system."""
        try:
            yield
        except OSError as error:
            message = f"{error.filename or self.root} cannot be written: {error.strerror or error}."
            finding = self._found(known.FOLDER_UNUSABLE, message)
            if isinstance(error, TimeoutError):
                message = (
                    f"Another process has been writing to {self.root} for {self._lock_timeout:.0f} seconds."
                )
                finding = self._found(Diagnosis("PA461"), message)
            found = pages.as_error(finding)
            found.retryable = isinstance(error, TimeoutError)
            raise found from error


def _write(path: Path, chunks: Iterable[bytes], progress: Progress = no_progress) -> str:
    """Write a new file and sync it to the disk; return the sha256 of its bytes."""
    sha256 = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            sha256.update(chunk)
            progress(file.tell())
        file.flush()
        os.fsync(file.fileno())
    return sha256.hexdigest()


def replace_pages(folder: Path, contents: tuple[bytes, bytes]) -> None:
    """Replace both pages, in JSON and in HTML."""
    for name, content in zip(("index.json", "index.html"), contents, strict=True):
        replace_file(folder / name, content)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file, whole or not at all; a file with the same content is left alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        _write(part, [content])
        replace_open(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


make = DirectoryRepository
