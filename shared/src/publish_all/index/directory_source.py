"""The static index of a `directory` repository as an index source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from publish_all.index.cache import Recent
from publish_all.index.index_source import Address, IndexSource, ServeError, Visitor
from publish_all.repositories.directory import DirectoryRepository
from publish_all.repositories.simple_pages import (
    HTML_TYPE,
    JSON_TYPE,
    IndexFile,
    PageError,
    ProjectPage,
    parse_project,
)

_PAGES = (("index.json", JSON_TYPE), ("index.html", HTML_TYPE))
_PAGES_KEPT = 256
_PROJECT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def make(repository: DirectoryRepository, *, own: bool) -> DirectorySource:
    """The index in a folder, for which there are no credentials."""
    del own
    return DirectorySource(repository.name, repository.root)


class DirectorySource(IndexSource):
    """The index in a folder. `root` is the folder which holds `simple/`; anyone may read it."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self._root = root
        self._folder = root / "simple"
        # By path, time of change, size and inode.
        self._pages: Recent[tuple[Path, int, int, int], ProjectPage] = Recent(_PAGES_KEPT)

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        del visitor
        try:
            folders = [each.name for each in self._folder.iterdir() if _page_file(each) is not None]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error) from error
        return tuple(sorted(canonicalize_name(each) for each in folders if _PROJECT.fullmatch(each)))

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        """The page that is there, each file with its size and the time at which it was put there."""
        del visitor
        found = self._read(project)
        return None if found is None else replace(found, files=tuple(self._listed(project, found)))

    def file(self, address: Address, visitor: Visitor) -> Path | None:
        del visitor
        if address.listed(self._read(address.project)) is None:
            return None
        name = f"{address.filename}.metadata" if address.metadata else address.filename
        return self._local(address.project, name)

    def ready(self) -> None:
        if self._root.exists() and not self._root.is_dir():
            raise ServeError(f"{self.name}: {self._root} is not a folder")

    def _local(self, project: NormalizedName, filename: str) -> Path | None:
        path = self._folder / project / filename
        # A page may have been written by anyone, and a link may lead anywhere.
        inside = path.resolve().is_relative_to(self._folder.resolve())
        return path if inside and path.is_file() else None

    def _read(self, project: NormalizedName) -> ProjectPage | None:
        try:
            found = _page_file(self._folder / project) if _PROJECT.fullmatch(project) else None
            if found is None:
                return None
            path, media_type = found
            state = path.stat()
            key = (path, state.st_mtime_ns, state.st_size, state.st_ino)
            page = self._pages.get(key)
            if page is None:
                url = f"{(self._folder / project).as_uri()}/"
                page = parse_project(path.read_bytes(), content_type=media_type, url=url)
                self._pages.put(key, page)
            return page
        except OSError as error:
            raise self._unreadable(error) from error
        except PageError as error:
            raise ServeError(f"{self.name}: the page of {project} is {error}") from error

    def _listed(self, project: NormalizedName, page: ProjectPage) -> Iterator[IndexFile]:
        for each in page.files:
            path = self._local(project, each.filename)
            if path is not None and "sha256" in each.hashes:
                state = path.stat()
                put = datetime.fromtimestamp(state.st_mtime, tz=timezone.utc).isoformat(timespec="seconds")
                uploaded = each.upload_time or put.replace("+00:00", "Z")
                yield replace(each, url="", size=state.st_size, upload_time=uploaded)

    def _unreadable(self, error: OSError) -> ServeError:
        return ServeError(
            f"{self.name}: {error.filename or self._root} can't be read: {error.strerror or error}"
        )


def _page_file(folder: Path) -> tuple[Path, str] | None:
    return next(((folder / name, kind) for name, kind in _PAGES if (folder / name).is_file()), None)
