"""The static index of a `directory` repository as an index source."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._values import dataclass
from publish_all.index.source import LocalFile, SourceError, Trouble, Visitor
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """A page as it was read, and what told then that it is this one."""

    stamp: tuple[int, int, int]
    page: ProjectPage


class DirectorySource:
    """The index in a folder. `root` is the folder which holds `simple/`; anyone may read it."""

    scope = None

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self._root = root
        self._folder = root / "simple"
        self._pages: OrderedDict[NormalizedName, _Read] = OrderedDict()
        self._lock = threading.Lock()

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        del visitor
        try:
            folders = [each.name for each in self._folder.iterdir() if self._page_file(each) is not None]
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

    def file(self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor) -> LocalFile | None:
        del visitor
        page = self._read(project)
        listed = page.file(filename) if page is not None else None
        if listed is None or listed.hashes.get("sha256") != sha256:
            return None
        return self._local(project, filename, sha256)

    def metadata(
        self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor
    ) -> LocalFile | None:
        del visitor
        page = self._read(project)
        listed = page.file(filename) if page is not None else None
        if listed is None or listed.core_metadata is None or listed.core_metadata.get("sha256") != sha256:
            return None
        return self._local(project, f"{filename}.metadata", sha256)

    def ready(self) -> None:
        if self._root.exists() and not self._root.is_dir():
            raise SourceError(f"{self.name}: {self._root} is not a folder", trouble=Trouble.DOWN)

    def _local(self, project: NormalizedName, filename: str, sha256: str) -> LocalFile | None:
        path = self._folder / project / filename
        # A page may have been written by anyone, and a link may lead anywhere.
        inside = path.resolve().is_relative_to(self._folder.resolve())
        return LocalFile(path=path, sha256=sha256) if inside and path.is_file() else None

    def _read(self, project: NormalizedName) -> ProjectPage | None:
        if not _PROJECT.fullmatch(project):
            return None
        try:
            found = self._page_file(self._folder / project)
            return self._parsed(project, *found) if found is not None else None
        except OSError as error:
            raise self._unreadable(error) from error
        except PageError as error:
            msg = f"{self.name}: the page of {project} is {error}"
            raise SourceError(msg, trouble=Trouble.DOWN) from error

    def _parsed(self, project: NormalizedName, path: Path, media_type: str) -> ProjectPage:
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        with self._lock:
            known = self._pages.get(project)
        if known is not None and known.stamp == stamp:
            return known.page
        page = parse_project(
            path.read_bytes(), content_type=media_type, url=f"{(self._folder / project).as_uri()}/"
        )
        with self._lock:
            self._pages[project] = _Read(stamp=stamp, page=page)
            self._pages.move_to_end(project)
            while len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)
        return page

    def _listed(self, project: NormalizedName, page: ProjectPage) -> list[IndexFile]:
        found = []
        for each in page.files:
            local = self._local(project, each.filename, each.hashes.get("sha256", ""))
            if local is None or "sha256" not in each.hashes:
                continue
            state = local.path.stat()
            put = datetime.fromtimestamp(state.st_mtime, tz=timezone.utc).isoformat(timespec="seconds")
            found.append(
                replace(
                    each,
                    url="",
                    size=state.st_size,
                    upload_time=each.upload_time or put.replace("+00:00", "Z"),
                )
            )
        return found

    @staticmethod
    def _page_file(folder: Path) -> tuple[Path, str] | None:
        return next(((folder / name, kind) for name, kind in _PAGES if (folder / name).is_file()), None)

    def _unreadable(self, error: OSError) -> SourceError:
        msg = f"{self.name}: {error.filename or self._root} can't be read: {error.strerror or error}"
        return SourceError(msg, trouble=Trouble.DOWN)
