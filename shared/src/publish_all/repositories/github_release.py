"""Repositories that are the releases of a GitHub repository: each file is an asset of the release of its tag.

The release is a draft until all its files are uploaded, and `commit` publishes it. A release that already exists,
made on the web or by another job, is used. Next to each wheel is its metadata, as `<file>.metadata` (PEP 658).
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from operator import index
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from publish_all import diagnoses as known
from publish_all._http_errors import Failure, HttpError
from publish_all._urls import shown_url
from publish_all.config.kinds import GITHUB_RELEASE, Kind
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import Purpose
from publish_all.diagnoses import Diagnosis, findings_of
from publish_all.distributions.distribution import Distribution, DistributionKind, Release, release_of
from publish_all.errors import CredentialError, RepositoryError
from publish_all.findings import Finding, Severity
from publish_all.repositories.bodies import FileBody, FileChangedError
from publish_all.repositories.github_api import GIVE_CREDENTIAL, PAUSE, GitHubApi
from publish_all.repositories.replies import RefusedError
from publish_all.repositories.repository import (
    Capabilities,
    Look,
    Means,
    Progress,
    ReleaseOutcome,
    Removal,
    UploadOutcome,
    filled_url,
    no_progress,
)
from publish_all.repositories.simple_pages import IndexFile, ProjectPage, files_of, not_there, store
from publish_all.results import FileState

MOST_ASSETS = 1000
"""How many assets GitHub takes for one release."""
TOO_LARGE = 2 * 1024**3
"""Assets must be smaller, in bytes."""

_PATIENCE = 5.0
"""Seconds until an asset that another run may be sending is looked at again."""
# GitHub replaces characters that it does not allow in a name with a dot, and removes dots at its ends.
_NOT_TAKEN = re.compile(r"[^A-Za-z0-9_+@.-]+")
_BINARY = "application/octet-stream"
# A paragraph of the notes of a release, where people see it.
_YANKED = re.compile(r"^\*\*Yanked:\*\* ([a-z0-9-]+)(?:: ([^\r\n]*))?(?:\r?\n|\Z){1,2}", re.MULTILINE)
_ROUNDS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A file of a release. `sha256` is None if GitHub does not have it; `sent`: its upload is complete.

    `yanked` is the reason, None if it is not yanked.
    """

    id: int
    name: str
    size: int
    sha256: str | None
    sent: bool
    url: str
    download: str
    created: str | None = None
    yanked: str | None = None

    @property
    def listed(self) -> IndexFile:
        """As a file of an index, with its URL in the API."""
        hashes = {"sha256": self.sha256} if self.sha256 is not None else {}
        return IndexFile(
            filename=self.name, url=self.url, hashes=hashes, size=self.size, upload_time=self.created
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GitHubRelease:
    """A release from GitHub's API. `closed`: it is published, and accepts no more files."""

    id: int
    tag: str
    draft: bool
    closed: bool
    upload_url: str
    page: str
    notes: str

    @property
    def yanked(self) -> Mapping[str, str]:
        """The reasons for yanks in it, by the names of the projects."""
        return dict(_YANKED.findall(self.notes))


@dataclass(eq=False, repr=False)
class GitHubReleaseRepository:
    """The releases of one repository, by its `api`; `tag_prefix` and `private` are as in `Means`."""

    kind: ClassVar[Kind] = GITHUB_RELEASE
    # GitHub requires writes one after the other.
    capabilities: ClassVar[Capabilities] = Capabilities(
        opens_alone=False, parallel_per_release=1, parallel=1, final_on_upload=False, visible_together=True
    )

    api: GitHubApi
    tag_prefix: str = "v"
    private: bool = False
    # The files that a release must have before it is published, of all projects with this version.
    _planned: dict[Version, set[str]] = field(default_factory=dict)
    _tags: dict[Version, str | None] = field(default_factory=dict)
    _releases: dict[Version, GitHubRelease] = field(default_factory=dict)
    _assets: dict[int, dict[str, Asset]] = field(default_factory=dict)
    # Drafts that this run created, and incomplete assets that it has seen.
    _made: set[int] = field(default_factory=set)
    _half: set[int] = field(default_factory=set)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.name = self.api.config.name
        self.url = shown_url(self.api.url)

    # --- before the first byte

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        """Request the repository with the credential, and check the names, sizes and number of the files.

        Raises `HttpError` and `CredentialError`.
        """
        del brief  # it is one small request
        findings: list[Finding] = []
        for each in releases:
            self._planned.setdefault(each.version, set()).update(_names(each))
            findings += [found for file in each.distributions for found in self._against(file)]
        for version in dict.fromkeys(each.version for each in releases):
            findings += self._room(version, self._planned[version])
        about = self.api.get("")
        if about is None:
            message = f"{self.name} has no repository {self.url}, or the credential has no access to it."
            findings.append(self._found(known.NO_UPLOAD_API, message, GIVE_CREDENTIAL))
        elif isinstance(about, dict):
            findings += self._against_repository(about, releases)
        return tuple(dict.fromkeys(findings))

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        """Do nothing: new projects need no preparation here."""
        del projects
        return ()

    def _against(self, file: Distribution) -> Iterator[Finding]:
        name = file.filename
        kept = re.sub(r"\.{2,}", ".", _NOT_TAKEN.sub(".", name)).strip(".")
        if kept != name:
            why = " The new name has another version." if file.version.epoch else ""
            message = f"GitHub renames {name} to {kept}.{why}"
            hint = "Publish this version to another repository, such as `-r github`, or release a version without an epoch."
            yield self._found(known.FILENAME_WRONG, message, hint)
        if file.size >= TOO_LARGE:
            message = f"{name} has {file.size / 1024**3:.2f} GiB. Files of a release on GitHub must be smaller than 2 GiB."
            yield self._found(known.TOO_LARGE, message)

    def _room(self, version: Version, names: Collection[str]) -> Iterator[Finding]:
        if len(names) > MOST_ASSETS:
            message = (
                f"The release of {version} would have {len(names)} assets (each wheel has its metadata next to it). "
                f"GitHub allows {MOST_ASSETS}."
            )
            hint = "Publish fewer files of this version, or publish to `-r github`, which has no such limit."
            yield self._found(known.TOO_LARGE, message, hint)

    def _against_repository(
        self, about: Mapping[str, Any], releases: tuple[Release, ...]
    ) -> Iterator[Finding]:
        rights = about.get("permissions")
        # For the tokens of workflows all of them are false: only the first write shows the permissions.
        if isinstance(rights, dict) and rights.get("pull") is True and rights.get("push") is False:
            message = f"The credential can read {self.url}, but not write to it."
            yield self._found(known.NOT_ALLOWED, message, GIVE_CREDENTIAL)
        if about.get("archived") is True:
            message = f"The repository {self.url} is archived."
            yield self._found(known.READ_ONLY_REPOSITORY, message, "Unarchive it in its settings.")
        private = {
            str(each)
            for each in releases
            for file in each.distributions
            if self.private
            or any(value.startswith("Private ::") for value in file.metadata.get("Classifier", ()))
        }
        if about.get("private") is False and private:
            why = "`private = true`" if self.private else "a classifier `Private ::`"
            message = f"{', '.join(sorted(private))} has {why}, and {self.url} is public."
            yield self._found(known.PRIVATE_PROJECT, message)

    def states(self, release: Release) -> Look:
        found = self.current(release.version)
        if found is None:
            if self._tag(release.version) is not None:
                return Look()
            tag = f"{self.tag_prefix}{release.version}"
            message = (
                f"{self.url} has no tag {tag}. GitHub would create it on the default branch with the release."
            )
            hint = f"Push the tag first: git push origin {tag}"
            finding = known.TAG_NOT_PUSHED.found(message, where=self.url, hint=hint, severity=Severity.ERROR)
            return Look(findings=(finding,))
        assets = self.assets_of(found)
        states = {each.filename: self._state(found, assets, each) for each in release.distributions}
        findings = [*self._room(release.version, {*assets, *_names(release)})]
        missing = [name for name, state in states.items() if state is FileState.ABSENT]
        if found.closed and missing:
            findings.append(self._closed(found, missing))
        return Look(states=states, findings=tuple(findings))

    def _state(
        self, release: GitHubRelease, assets: Mapping[str, Asset], distribution: Distribution
    ) -> FileState:
        there = assets.get(distribution.filename)
        if there is None or not there.sent:
            return FileState.ABSENT
        if not self._has(there, distribution.size, distribution.digests.sha256):
            return FileState.DIFFERENT
        beside = assets.get(_beside(distribution))
        content = distribution.core_metadata
        if distribution.kind is not DistributionKind.WHEEL or release.closed:
            return FileState.PRESENT
        whole = beside is not None and beside.sent and self._has(beside, len(content), _sha256(content))
        return FileState.PRESENT if whole else FileState.INCOMPLETE

    def _has(self, asset: Asset, size: int, sha256: str) -> bool:
        """Whether an asset has these bytes. One without a digest is downloaded."""
        if asset.size != size:
            return False
        found = asset.sha256
        if found is None:
            digest = hashlib.sha256()
            with self.api.content(asset.url) as download:
                for chunk in download.chunks:
                    digest.update(chunk)
            found = digest.hexdigest()
        return found == sha256

    # --- the release of a tag

    def _tag(self, version: Version) -> str | None:
        """GitHub's tag of a version, in any spelling of the version: `v1.0.0-rc.1` is 1.0.0rc1."""
        if self._tags.get(version) is None:
            beginning = quote(f"{self.tag_prefix}{version.major}")
            refs = self.api.pages(f"/git/matching-refs/tags/{beginning}")
            names = [
                str(each.get("ref")).removeprefix("refs/tags/") for each in refs if isinstance(each, dict)
            ]
            self._tags[version] = next((each for each in names if self._version(each) == version), None)
        return self._tags[version]

    def _version(self, tag: str) -> Version | None:
        try:
            return Version(tag.removeprefix(self.tag_prefix)) if tag.startswith(self.tag_prefix) else None
        except InvalidVersion:
            return None

    def current(self, version: Version) -> GitHubRelease | None:
        """The release as it is now, or None."""
        before = self._releases.get(version)
        if before is not None:
            content = self.api.get(f"/releases/{before.id}")
            if content is not None:
                self._releases[version] = self._release(content)
                return self._releases[version]
            self._releases.pop(version, None)
        found = next(iter(self._find(version)), None)
        if found is not None:
            self._releases[version] = found
        return found

    def _find(self, version: Version) -> list[GitHubRelease]:
        """All releases of a version, the one to use first: a published one, else the draft that was made first.

        Two jobs that start at the same time may create two drafts.
        """
        tag = self._tag(version) or f"{self.tag_prefix}{version}"
        content = self.api.get(f"/releases/tags/{quote(tag, safe='')}")
        found = [self._release(content)] if content is not None else []
        if not found:
            listed = map(self._release, self.api.pages("/releases?per_page=30"))
            found = [each for each in listed if self._version(each.tag) == version]
        return sorted(found, key=lambda each: (each.draft, each.id))

    def _opened(self, version: Version) -> GitHubRelease:
        """The release to upload to; a new draft if there is none."""
        found = self._releases.get(version) or self.current(version)
        if found is not None:
            return found
        tag = self._tag(version) or f"{self.tag_prefix}{version}"
        draft = {"tag_name": tag, "name": tag, "draft": True, "prerelease": version.is_prerelease}
        try:
            made = self._release(self._write_json("POST", "/releases", draft))
        except RefusedError as error:
            if error.code == "already_exists":  # another job has published it in the meantime
                raise self._again(error.message) from error
            raise
        self._made.add(made.id)
        self.api.sleep(PAUSE)  # GitHub may not list it at once, nor the draft of another job
        found = min((made, *self._find(version)), key=lambda each: (each.draft, each.id))
        if found.id != made.id:
            self._delete(f"/releases/{made.id}")
        self._releases[version] = found
        return found

    def assets_of(self, release: GitHubRelease) -> dict[str, Asset]:
        listed = map(self._asset, self.api.pages(f"/releases/{release.id}/assets?per_page=100"))
        self._assets[release.id] = found = {each.name: each for each in listed}
        return found

    # --- upload

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        """Add the file and its metadata to the release of its tag. Readers see them after `commit`."""
        with self._writing:
            try:
                state = self._send(self._opened(distribution.version), distribution, progress)
            except (CredentialError, HttpError, FileChangedError) as error:
                self._forget()
                outcome = UploadOutcome.failed(error)
                answered = isinstance(error, RefusedError) and error.status < 500
                not_sent = isinstance(error, HttpError) and error.failure is Failure.REFUSED
                if error.retryable and not answered and not not_sent:
                    return replace(outcome, status=FileState.UNCLEAR)
                return outcome
        return UploadOutcome(status=state)

    def _forget(self) -> None:
        """Ask GitHub again for its files."""
        self._assets.clear()
        self._releases.clear()

    def _send(
        self, release: GitHubRelease, distribution: Distribution, progress: Progress = no_progress
    ) -> FileState:
        assets = self._assets.get(release.id)
        assets = self.assets_of(release) if assets is None else assets
        state = self._state(release, assets, distribution)
        if state in {FileState.PRESENT, FileState.DIFFERENT}:
            return FileState.CONFLICT if state is FileState.DIFFERENT else state
        if release.closed:
            finding = self._closed(release, [distribution.filename])
            raise RefusedError(finding, status=422)
        # First, so that the file is never visible without it.
        if distribution.kind is DistributionKind.WHEEL:
            content = distribution.core_metadata
            self._put(release, _beside(distribution), content, _sha256(content))
        if state is FileState.ABSENT:
            body = FileBody(distribution.path, size=distribution.size, progress=progress)
            self._put(release, distribution.filename, body, distribution.digests.sha256)
        progress(distribution.size)
        return FileState.UPLOADED

    def _put(self, release: GitHubRelease, name: str, body: FileBody | bytes, sha256: str) -> None:
        """Upload one asset, which replaces an incomplete one or other metadata. Raises `HttpError`, `CredentialError`."""
        assets, size = self._assets[release.id], len(body)
        there = assets.get(name)
        if there is not None:
            if there.sent and self._has(there, size, sha256):
                return
            if not there.sent and there.id not in self._half:
                # It is from a failed upload, or from the running upload of another job.
                self._half.add(there.id)
                message = f"{name} exists without content: its upload failed, or is still running."
                raise self._again(message, wait=_PATIENCE)
            self._delete(f"/releases/assets/{there.id}")
            del assets[name]
        url = f"{release.upload_url}?name={quote(name, safe='')}"
        try:
            made = self._asset(self.api.write("POST", url, body, content_type=_BINARY))
        except RefusedError as error:
            if error.code == "already_exists":  # by another job, or by an attempt whose answer was lost
                raise self._again(error.message) from error
            if "immutable" in error.message:
                raise RefusedError(self._closed(release, [name]), status=error.status) from error
            raise
        if made.name != name:
            self._delete(f"/releases/assets/{made.id}")
            message = f"GitHub renamed {name} to {made.name}, so the file was deleted again."
            raise RefusedError(self._found(known.FILENAME_WRONG, message), status=422)
        if not made.sent or made.size != size or made.sha256 not in {None, sha256}:
            self._half.add(made.id)
            self._delete(f"/releases/assets/{made.id}")
            message = f"GitHub received other bytes of {name} than were sent."
            raise RefusedError(self._found(known.DIGEST_MISMATCH, message), status=502, retryable=True)
        assets[name] = made

    # --- publish

    def commit(self, release: Release) -> ReleaseOutcome:
        """Publish the release of the tag, when the files of all its projects are uploaded."""
        with self._writing:
            try:
                return self._publish(release)
            except (CredentialError, HttpError) as error:
                self._forget()
                return ReleaseOutcome.failed(error)

    def _publish(self, release: Release) -> ReleaseOutcome:
        version = release.version
        ours = self.current(version)
        # Another job may have created one, too.
        others = self._find(version) if ours is None or ours.draft else []
        every = {each.id: each for each in (*others, *([ours] if ours is not None else []))}
        if not every:
            raise self._again(f"{self.name} does not show the release of {release} yet.")
        first = min(every.values(), key=lambda each: (each.draft, each.id))
        self._releases[version] = first
        self.assets_of(first)
        for each in release.distributions:
            if self._send(first, each) is FileState.CONFLICT:
                message = f"{self.name} already has another file {each.filename}."
                return ReleaseOutcome(complete=False, findings=(self._found(known.OTHER_BYTES, message),))
        for other in every.values():
            # Of drafts of other jobs, only useless ones.
            if other.draft and other.id != first.id and (other.id in self._made or not self.assets_of(other)):
                self._delete(f"/releases/{other.id}")
        there = {name for name, asset in self._assets[first.id].items() if asset.sent}
        # The last project of this version publishes it: an immutable release accepts no more files.
        if first.draft and self._planned.get(version, set()) <= there:
            changed = {"tag_name": first.tag, "draft": False, "make_latest": "legacy"}
            content = self._write_json("PATCH", f"/releases/{first.id}", changed)
            self._releases[version] = self._release(content)
            self.assets_of(self._releases[version])  # published files have other URLs
        return ReleaseOutcome(complete=True)

    def verify(self, release: Release) -> Look:
        try:
            found = self.current(release.version)
            if found is None or found.draft:
                return Look()
            assets = self.assets_of(found)
            states = {each.filename: self._state(found, assets, each) for each in release.distributions}
        except (HttpError, CredentialError) as error:
            return Look(findings=findings_of(error))
        return Look(states=states)

    # --- download

    def reader(self) -> GitHubReleaseRepository:
        """The same without a credential if none is found."""
        return replace(self, api=replace(self.api, purpose=Purpose.READ))

    def published(self) -> Iterator[Asset]:
        """All files of all releases that are published. Raises `HttpError` and `CredentialError`."""
        for content in self.api.pages("/releases?per_page=30"):
            release = self._release(content)
            inline = content.get("assets")
            # A longer list may be incomplete.
            whole = isinstance(inline, list) and len(inline) < 30
            assets = map(self._asset, inline) if whole else self.assets_of(release).values()
            version = self._version(release.tag)
            yanked = {(name, version): reason for name, reason in release.yanked.items()}
            for each in assets:
                if each.sent and not release.draft:
                    yield replace(each, yanked=yanked.get(release_of(each.name) or ("", None)))

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        reader = self.reader()
        release, assets = reader.there(project, version)
        sent = tuple(each.listed for each in assets if each.sent)
        if release.draft or not sent:
            raise self._missing(project, version)
        page = ProjectPage(name=project, files=sent)
        fetched = []
        for file in files_of(page, project, version, self.name):
            with reader.api.content(file.url) as download:
                fetched.append(store(download.chunks, file, folder, self.name))
        return tuple(fetched)

    # --- yank and delete

    def yank(self, project: NormalizedName, version: Version, reason: str | None) -> tuple[str, ...]:
        """In the notes of the release, which can be changed in immutable ones, too."""
        _, files = self.there(project, version)
        self._note(project, version, reason)
        return tuple(each.name for each in files if not each.name.endswith(".metadata"))

    def _note(self, project: NormalizedName, version: Version, reason: str | None) -> None:
        """Write the reason of a yank, or remove it, until it is read back: another job may write the notes, too."""
        for _ in range(_ROUNDS):
            release = self.current(version)
            if release is None or release.yanked.get(project) == reason:
                return
            notes = _YANKED.sub(lambda found: "" if found[1] == project else found[0], release.notes)
            if reason is not None:
                notes = f"**Yanked:** {project}{': ' if reason else ''}{reason}\n\n{notes}"
            self._write_json("PATCH", f"/releases/{release.id}", {"body": notes})
            self.api.sleep(PAUSE)
        raise self._again(f"Other jobs changed the notes of the release {_ROUNDS} times.")

    def deletion(self, project: NormalizedName, version: Version) -> tuple[Removal, ...]:
        """The assets, each file before its metadata, and the note of a yank. The release and its tag stay."""
        release, files = self.there(project, version)
        if release.closed:
            message = f"The release {release.tag} is immutable, so GitHub does not delete its files."
            finding = self._found(known.RELEASE_CLOSED, message, "Yank the release instead.")
            raise RefusedError(finding, status=422)
        steps = [
            Removal((each.name,), partial(self._delete, f"/releases/assets/{each.id}")) for each in files
        ]
        if project in release.yanked:
            steps.append(Removal(("the note of a yank",), partial(self._note, project, version, None)))
        return tuple(steps)

    def there(self, project: NormalizedName, version: Version) -> tuple[GitHubRelease, list[Asset]]:
        """The release of a version as it is now, and the assets of a project in it. Raises `RepositoryError`."""
        release = self.current(version)
        assets = self.assets_of(release) if release is not None else {}
        wanted = project, version
        found = [
            assets[each] for each in sorted(assets) if release_of(each.removesuffix(".metadata")) == wanted
        ]
        if release is None or not found:
            raise self._missing(project, version)
        return release, found

    def _missing(self, project: NormalizedName, version: Version) -> RepositoryError:
        """The error for a release without files of a project, with the versions that have files."""
        releases = {release_of(each.name) for each in self.reader().published()}
        others = sorted(each[1] for each in releases if each is not None and each[0] == project)
        message = f"{self.name} has no files of {project} {version}"
        return not_there(message, project, [*map(str, others)], self.name)

    # --- for people

    def page(self, release: Release) -> str | None:
        found = self._releases.get(release.version)
        return found.page if found is not None and not found.draft else None

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        """With the URL of the wheel, if there is only one and it is for every machine: a release is not an index."""
        del together
        found = self._releases.get(release.version)
        if found is None or found.draft:
            return None
        wheels = [each for each in release.distributions if each.kind is DistributionKind.WHEEL]
        asset = self._assets.get(found.id, {}).get(wheels[0].filename) if len(wheels) == 1 else None
        if asset is None or not wheels[0].filename.endswith("-none-any.whl"):
            return None
        return f"pip install {shlex.quote(f'{release.project} @ {asset.download}')}"

    # --- GitHub's JSON

    def _write_json(self, method: str, path: str, content: Mapping[str, Any]) -> Any:
        body = json.dumps(content).encode()
        return self.api.write(method, f"{self.api.url}{path}", body, content_type="application/json")

    def _delete(self, path: str) -> None:
        try:
            self.api.write("DELETE", f"{self.api.url}{path}")
        except RefusedError as error:
            if error.status != 404:  # already deleted
                raise

    def _release(self, content: Any) -> GitHubRelease:
        with self._reading():
            return GitHubRelease(
                id=index(content["id"]),
                tag=str(content["tag_name"]),
                draft=content["draft"] is True,
                closed=content.get("immutable") is True and content["draft"] is not True,
                upload_url=str(content["upload_url"]).partition("{")[0],
                page=shown_url(str(content["html_url"])),
                notes=str(content.get("body") or ""),
            )

    def _asset(self, content: Any) -> Asset:
        with self._reading():
            kind, _, digest = str(content.get("digest") or "").partition(":")
            return Asset(
                id=index(content["id"]),
                name=str(content["name"]),
                size=index(content["size"]),
                sha256=digest if kind == "sha256" else None,
                sent=content["state"] == "uploaded",
                url=str(content["url"]),
                download=str(content["browser_download_url"]),
                created=str(content["created_at"]) if content.get("created_at") else None,
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self.api.unreadable(self.api.url) from error

    # --- findings

    def _found(self, diagnosis: Diagnosis, message: str, hint: str = "") -> Finding:
        return diagnosis.found(message, where=self.url, hint=hint)

    def _again(self, message: str, *, wait: float | None = None) -> RefusedError:
        return RefusedError(self._found(known.SERVER_BUSY, message), status=409, retryable=True, wait=wait)

    def _closed(self, release: GitHubRelease, missing: Collection[str]) -> Finding:
        message = f"The release {release.tag} is immutable and accepts no more files. Missing files: {', '.join(missing)}."
        hint = "Release a new version, with all its files in one run."
        return known.RELEASE_CLOSED.found(message, where=release.page, hint=hint)


def _names(release: Release) -> Iterator[str]:
    """The names of all assets of a release."""
    for each in release.distributions:
        yield each.filename
        if each.kind is DistributionKind.WHEEL:
            yield _beside(each)


def _beside(distribution: Distribution) -> str:
    return f"{distribution.filename}.metadata"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make(config: RepositoryConfig, means: Means) -> GitHubReleaseRepository:
    api = GitHubApi(filled_url(config).rstrip("/"), config, means.credentials, means.session)
    return GitHubReleaseRepository(api, tag_prefix=means.tag_prefix, private=means.private)
