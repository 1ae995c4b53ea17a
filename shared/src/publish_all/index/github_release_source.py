"""The releases of a GitHub repository as an index source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.parser import BytesHeaderParser
from threading import Lock

from packaging.utils import NormalizedName

from publish_all._http import Download
from publish_all.distributions.distribution import release_of
from publish_all.index.cache import Recent
from publish_all.index.index_source import Address, IndexSource, RemoteFile, ServeError, Visitor, troubles_of
from publish_all.repositories.github_release import Asset, GitHubReleaseRepository
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

FRESH = 60.0
"""Seconds for which the list of releases is kept: GitHub allows a job 1,000 requests an hour."""

_METADATA_KEPT = 4096
_METADATA_SIZE = 1024 * 1024


def make(repository: GitHubReleaseRepository, *, own: bool) -> GitHubReleaseSource:
    """The releases, read with the credential of the repository if there is one; of a private one only with `own`."""
    return GitHubReleaseSource(repository.reader(), own=own)


@dataclass(eq=False, repr=False)
class GitHubReleaseSource(IndexSource):
    """All files of all releases that are published. Those of a public repository are fetched from GitHub by clients."""

    repository: GitHubReleaseRepository
    own: bool
    clock: Callable[[], float] = time.monotonic
    _until: float = -1.0
    _private: bool = True

    def __post_init__(self) -> None:
        self.name = self.repository.name
        self._lock = Lock()
        self._listed: Mapping[str, Asset] = {}
        # What each wheel requires of Python, by the sha256 of its metadata.
        self._requires: Recent[str, tuple[str | None]] = Recent(_METADATA_KEPT)

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        del visitor
        found = (release_of(name) for name in self._assets())
        return tuple(sorted({each[0] for each in found if each is not None}))

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        del visitor
        assets = self._assets()
        own = [each for each in assets.values() if (release_of(each.name) or ("",))[0] == project]
        files = in_parallel(lambda each: self._file(each, assets), own)
        return ProjectPage(name=project, files=tuple(files)) if files else None

    def file(self, address: Address, visitor: Visitor) -> RemoteFile | None:
        del visitor
        name = f"{address.filename}.metadata" if address.metadata else address.filename
        asset = self._assets().get(name)
        if asset is None or asset.sha256 != address.sha256:
            return None

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            with (
                troubles_of(self.name),
                self.repository.api.content(asset.url, byte_range=byte_range) as download,
            ):
                yield download

        return RemoteFile(scope=self.repository.url, sha256=address.sha256, open=open_)

    def ready(self) -> None:
        self._assets()

    def _assets(self) -> Mapping[str, Asset]:
        """All files by name. Of several releases with the same file, the newest."""
        with self._lock, troubles_of(self.name):
            if self.clock() >= self._until:
                about = self.repository.api.get("")
                self._private = not (isinstance(about, dict) and about.get("private") is False)
                if self._private and not self.own:
                    msg = f"{self.name}: {self.repository.url} is private"
                    hint = "Show its files to all readers of this index: --own-credentials"
                    raise ServeError(msg, status=403, hint=hint)
                found: dict[str, Asset] = {}
                for each in self.repository.published():
                    found.setdefault(each.name, each)
                self._listed, self._until = found, self.clock() + FRESH
            return self._listed

    def _file(self, asset: Asset, assets: Mapping[str, Asset]) -> IndexFile:
        beside = assets.get(f"{asset.name}.metadata")
        hashed = {"sha256": beside.sha256} if beside is not None and beside.sha256 is not None else {}
        return replace(
            asset.listed,
            url="" if self._private else asset.download,
            core_metadata=hashed if beside is not None else None,
            requires_python=self._requires_python(beside) if beside is not None else None,
            yanked=asset.yanked,
        )

    def _requires_python(self, metadata: Asset) -> str | None:
        key = metadata.sha256 or metadata.url
        known = self._requires.get(key)
        if known is None:
            content = b""
            # Not from the API where it need not be: without a credential it takes 60 requests an hour.
            url = metadata.url if self._private else metadata.download
            with troubles_of(self.name), self.repository.api.content(url) as download:
                for chunk in download.chunks:
                    content += chunk
                    if len(content) > _METADATA_SIZE:
                        break
            known = (BytesHeaderParser().parsebytes(content)["Requires-Python"],)
            self._requires.put(key, known)
        return known[0]
