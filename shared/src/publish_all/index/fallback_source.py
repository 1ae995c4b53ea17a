"""Another index whose pages and files pass through us, as an index source."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from packaging.utils import NormalizedName

from publish_all._http import Download, Session
from publish_all._http_errors import HttpError
from publish_all._urls import origin, shown_url
from publish_all._values import dataclass
from publish_all.index.fallback import Fallback
from publish_all.index.source import RemoteFile, SourceError, Trouble, Visitor
from publish_all.repositories.simple_pages import ACCEPT, IndexFile, PageError, ProjectPage, parse_project

NAME = "_fallback"
"""The start of its name in the URLs of files: no repository can be called so."""
FRESH = 300.0
"""Seconds for which a page is remembered, so that the file that it lists is found at once."""

_FILES_KEPT = 40_000  # about as many KB; some projects have thousands of files


@dataclass(frozen=True, kw_only=True, slots=True)
class _Remembered:
    page: ProjectPage | None
    until: float


class FallbackSource:
    """An index that is read anonymously or with the credential of the fallback. No visitor's credential is sent there."""

    scope = None

    def __init__(
        self,
        fallback: Fallback,
        session: Session,
        *,
        number: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = NAME if number == 1 else f"{NAME}-{number}"
        self._fallback = fallback
        self._session = session
        self._clock = clock
        self._pages: OrderedDict[NormalizedName, _Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        """None: nobody wants a list of all projects of PyPI."""
        del visitor
        return ()

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        """Its page. Files without a sha256 keep their own addresses, others are fetched through us."""
        del visitor
        page = self._fetch(project)
        if page is None:
            return None
        return replace(page, files=tuple(_through_us(each) for each in page.files))

    def file(
        self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor
    ) -> RemoteFile | None:
        del visitor
        listed = self._listed(project, filename)
        if listed is None or listed.hashes.get("sha256") != sha256:
            return None
        return self._remote(listed.url, sha256)

    def metadata(
        self, project: NormalizedName, filename: str, sha256: str, visitor: Visitor
    ) -> RemoteFile | None:
        del visitor
        listed = self._listed(project, filename)
        if listed is None or listed.core_metadata is None or listed.core_metadata.get("sha256") != sha256:
            return None
        return self._remote(f"{listed.url}.metadata", sha256)

    def ready(self) -> None:
        """It always is: what is ours can be served without it."""

    def _listed(self, project: NormalizedName, filename: str) -> IndexFile | None:
        with self._lock:
            known = self._pages.get(project)
        page = known.page if known is not None and known.until > self._clock() else self._fetch(project)
        return page.file(filename) if page is not None else None

    def _fetch(self, project: NormalizedName) -> ProjectPage | None:
        url = self._fallback.page_url(project)
        try:
            reply = self._session.request(
                "GET", url, auth=self._fallback.auth, headers={"Accept": ACCEPT}, redirects=True
            )
        except HttpError as error:
            raise SourceError(error.message, trouble=Trouble.DOWN, hint=error.hint) from error
        page = None
        if reply.status == 200:
            try:
                page = parse_project(reply.body, content_type=reply.content_type, url=reply.url)
            except PageError as error:
                msg = f"{shown_url(url)} is {error}"
                raise SourceError(msg, trouble=Trouble.DOWN) from error
        elif reply.status != 404:
            raise _refused(url, reply.status)
        with self._lock:
            self._pages[project] = _Remembered(page=page, until=self._clock() + FRESH)
            self._pages.move_to_end(project)
            while len(self._pages) > 1 and sum(map(_count, self._pages.values())) > _FILES_KEPT:
                self._pages.popitem(last=False)
        return page

    def _remote(self, url: str, sha256: str) -> RemoteFile:
        # Files may be on another host, which must not see the credential.
        auth = self._fallback.auth if origin(url) == origin(self._fallback.url) else None

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            headers = {"Accept-Encoding": "identity"} | ({"Range": byte_range} if byte_range else {})
            try:
                with self._session.stream("GET", url, auth=auth, headers=headers, redirects=True) as download:
                    if download.reply.status not in {200, 206, 416}:
                        msg = f"{shown_url(url)} answers {download.reply.status}"
                        absent = download.reply.status in {404, 410}
                        raise SourceError(msg, trouble=Trouble.ABSENT if absent else Trouble.DOWN)
                    yield download
            except HttpError as error:
                raise SourceError(error.message, trouble=Trouble.DOWN, hint=error.hint) from error

        return RemoteFile(scope=self._fallback.url, sha256=sha256, open=open_, check=_anyone)


def _refused(url: str, status: int) -> SourceError:
    if status not in {401, 403}:
        return SourceError(f"{shown_url(url)} answers {status}", trouble=Trouble.DOWN)
    # An index in a storage bucket, such as PyTorch's, answers 403 for what it does not have. So one that
    # refuses does not hide what another fallback has.
    return SourceError(
        f"{shown_url(url)} answers {status}: the project is not there, or takes a user name and password",
        trouble=Trouble.FORBIDDEN,
        hint="If it takes them, write them into the URL of this index: https://USER:PASSWORD@HOST/simple/.",
    )


def _count(remembered: _Remembered) -> int:
    return 1 if remembered.page is None else 1 + len(remembered.page.files)


def _through_us(file: IndexFile) -> IndexFile:
    metadata = file.core_metadata
    if metadata is not None and "sha256" not in metadata:
        metadata = None
    return replace(file, url="" if "sha256" in file.hashes else file.url, core_metadata=metadata)


def _anyone() -> None:
    """Nobody is kept from reading it."""
