"""Other indexes: which names are looked up there, and one whose pages and files pass through us as an index source.

A private name is served from our sources only, any other from the fallbacks only. No name is ever looked up in
both. So files of an attacker who registers a private name on a public index are never installed (dependency confusion).
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._http import BasicAuth, Download, Session
from publish_all._urls import origin, shown_url
from publish_all.index.cache import Recent
from publish_all.index.index_source import Address, IndexSource, RemoteFile, ServeError, Visitor, troubles_of
from publish_all.repositories.simple_pages import ACCEPT, IndexFile, PageError, ProjectPage, parse_project

NAME = "_fallback"
"""The start of its name in the URLs of files: no repository can be called so."""
FRESH = 300.0
"""Seconds for which a page is remembered, so that the file that it lists is found at once."""

_FILES_KEPT = 40_000  # about as many KB; some projects have thousands of files


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """Another index. `url` ends with a slash and holds no user name; `auth` is for this server only."""

    url: str
    auth: BasicAuth | None = None

    def page_url(self, project: NormalizedName) -> str:
        return f"{self.url}{project}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """The rule. `private` are patterns as from `private_patterns`; without a fallback all names are ours.

    With `proxy` the pages and files of the fallbacks pass through us. Otherwise clients are redirected,
    which works only with one fallback that wants no credential of ours.
    """

    private: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    proxy: bool = False

    def is_ours(self, project: NormalizedName) -> bool:
        """Whether a name is looked up in our sources; else it is in the fallbacks."""
        return not self.fallbacks or any(fnmatch.fnmatchcase(project, each) for each in self.private)

    def redirect(self, project: NormalizedName) -> str | None:
        """The address to which a client is sent for the page of a project; None if the page is ours to serve."""
        if self.proxy or self.is_ours(project):
            return None
        return self.fallbacks[0].page_url(project)


def private_patterns(stated: Iterable[str]) -> tuple[str, ...]:
    """Names and patterns (`kindling-*`) as names are compared: in lower case, with `-` for `_` and `.`."""
    return tuple(dict.fromkeys(filter(None, (canonicalize_name(each.strip()) for each in stated))))


@dataclass(eq=False, repr=False)
class FallbackSource(IndexSource):
    """An index that is read anonymously or with the credential of the fallback. No visitor's credential is sent there."""

    fallback: Fallback
    session: Session
    number: int = 1
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.name = NAME if self.number == 1 else f"{NAME}-{self.number}"
        self._pages: Recent[NormalizedName, ProjectPage] = Recent(
            _FILES_KEPT, weight=lambda page: min(_FILES_KEPT, 1 + len(page.files)), clock=self.clock
        )

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        """Empty: a list of all projects on PyPI would be too long."""
        del visitor
        return ()

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        """Its page. Files without a sha256 keep their own addresses, others are fetched through us."""
        del visitor
        page = self._fetch(project)
        if page is None:
            return None
        return replace(page, files=tuple(_through_us(each) for each in page.files))

    def file(self, address: Address, visitor: Visitor) -> RemoteFile | None:
        del visitor
        listed = address.listed(self._pages.get(address.project) or self._fetch(address.project))
        if listed is None:
            return None
        url = f"{listed.url}.metadata" if address.metadata else listed.url
        # Files may be on another host, which must not see the credential.
        auth = self.fallback.auth if origin(url) == origin(self.fallback.url) else None

        @contextmanager
        def open_(byte_range: str | None) -> Iterator[Download]:
            headers = {"Accept-Encoding": "identity"} | ({"Range": byte_range} if byte_range else {})
            with (
                troubles_of(""),
                self.session.stream("GET", url, auth=auth, headers=headers, redirects=True) as download,
            ):
                status = download.reply.status
                if status not in {200, 206, 416}:
                    msg = f"{shown_url(url)} answers {status}"
                    raise ServeError(msg, status=404 if status in {404, 410} else 502)
                yield download

        return RemoteFile(scope=self.fallback.url, sha256=address.sha256, open=open_)

    def ready(self) -> None:
        """Always ready: private packages can be served without it."""

    def _fetch(self, project: NormalizedName) -> ProjectPage | None:
        url, auth = self.fallback.page_url(project), self.fallback.auth
        with troubles_of(""):
            reply = self.session.request("GET", url, auth=auth, headers={"Accept": ACCEPT}, redirects=True)
        if reply.status == 404:
            return None
        if reply.status != 200:
            # An index in a storage bucket, such as PyTorch's, answers 403 for what it does not have. So one that
            # refuses does not hide what another fallback has.
            status = 403 if reply.status in {401, 403} else 502
            raise ServeError(f"{shown_url(url)} answers {reply.status}", status=status)
        try:
            page = parse_project(reply.body, content_type=reply.content_type, url=reply.url)
        except PageError as error:
            raise ServeError(f"{shown_url(url)} is {error}") from error
        self._pages.put(project, page, FRESH)
        return page


def _through_us(file: IndexFile) -> IndexFile:
    metadata = file.core_metadata if "sha256" in (file.core_metadata or {}) else None
    return replace(file, url="" if "sha256" in file.hashes else file.url, core_metadata=metadata)
