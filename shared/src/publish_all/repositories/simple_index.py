"""Asking a simple index what it has: which URL it is at, with which credential it lets us read."""

from __future__ import annotations

import hashlib
import posixpath
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import Auth, BasicAuth, Reply, Session
from publish_all._http_errors import Failure, HttpError
from publish_all._server_text import plain
from publish_all._urls import joined, origin, shown_url, without_userinfo
from publish_all.config.addresses import host_of
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import CredentialRequest, Credentials, Purpose
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError
from publish_all.findings import Finding
from publish_all.repositories import simple_pages as pages
from publish_all.repositories.replies import retry_after
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import ensure_provenance, files_of, store
from publish_all.results import FileState

COMPARE_LIMIT = 32 * 1024 * 1024
"""Files that an index lists without a hash are fetched for comparison up to this size, in bytes."""

_REDIRECTS = 5
_PAGE_TYPES = frozenset({pages.JSON_TYPE, pages.HTML_TYPE, "text/html", "application/json"})
# https://docs.pypi.org/api/integrity/
_PROVENANCE = {"Accept": "application/vnd.pypi.integrity.v1+json"}
_FIRST_BYTE = {"Range": "bytes=0-0"}
_PEEK_HEADERS = {"Accept": pages.ACCEPT, "Range": "bytes=0-65535"}


class Listing(NamedTuple):
    """The answer of an index about a project. `page` None with `known` True: the project does not exist."""

    page: pages.ProjectPage | None = None
    known: bool = True
    findings: tuple[Finding, ...] = ()


@dataclass(kw_only=True, eq=False, repr=False)
class SimpleIndex:
    """The index of one repository. Safe for several threads.

    `root` is its URL: the configured one, which is taken at its word, else the first of `candidates` that answers,
    and None until then. `clock` is Unix time in seconds.
    """

    root: str | None = None
    candidates: Sequence[str] = ()
    config: RepositoryConfig
    upload_url: str
    session: Session
    credentials: Credentials
    clock: Callable[[], float] = time.time
    _locked: bool = False

    def listing(self, project: NormalizedName) -> Listing:
        """What the index has of a project now. Raises `HttpError` when it can't be asked."""
        if self.root is not None:
            return self._look(self.root, project, guessed=False) or Listing()
        failure: HttpError | None = None
        for candidate in self.candidates:
            try:
                found = self._look(candidate, project, guessed=True)
            except HttpError as error:
                if error.failure is Failure.TIMEOUT and not error.retryable:
                    raise  # a server that wastes our time, which has the other candidates, too
                failure = failure or error
                continue
            if found is not None:
                self.root = candidate
                return found
        if failure is not None:
            raise failure
        message = f"No simple index of {self.config.name} found; tried {', '.join(self.candidates)}."
        finding = Diagnosis("PA450").found(message, where=shown_url(self.upload_url))
        return Listing(known=False, findings=(finding,))

    def _look(self, root: str, project: NormalizedName, *, guessed: bool) -> Listing | None:
        """The answer of a URL about a project, None if there is no index at a guessed URL."""
        url = f"{root.rstrip('/')}/{project}/"
        reply = self._get(url, project)
        if reply is None or (reply.status in {404, 410} and not guessed):
            return Listing()
        if reply.status == 200:
            try:
                return Listing(page=self._page(reply))
            except HttpError:
                if guessed:
                    return None
                raise
        if guessed and not reply.retryable:
            return Listing() if reply.status == 404 and self._is_index(root, project, reply) else None
        if reply.status in {401, 403} or 300 <= reply.status < 400:
            message = f"{self.config.name} does not allow to read {shown_url(url)} ({reply.status})."
            finding = Diagnosis("PA452").found(message, where=shown_url(url))
            return Listing(known=False, findings=(finding,))
        raise self._unavailable(reply)

    def states(
        self, listing: Listing, distributions: Sequence[Distribution], *, proven: bool = False
    ) -> Mapping[str, FileState]:
        """The state of each distribution by filename, all UNKNOWN where the index is. Raises as `state`."""
        names = [each.filename for each in distributions]
        page = listing.page
        if page is None:
            return dict.fromkeys(names, FileState.ABSENT if listing.known else FileState.UNKNOWN)
        states = in_parallel(
            lambda each: self.state(page.file(each.filename), each, proven=proven), distributions, threads=4
        )
        return dict(zip(names, states, strict=True))

    def state(
        self, file: pages.IndexFile | None, distribution: Distribution, *, proven: bool = False
    ) -> FileState:
        """How a listed file compares with ours. Raises `HttpError` when it must be asked for and can't be.

        By sha256; where the index has other hashes only, by md5; where it has none, by size, and if that
        is the same or not told, by fetching it, up to COMPARE_LIMIT. One that is the same by its hash is
        INCOMPLETE if the server has not got it; if that cannot be asked, the index is believed,
        unless it must be `proven`.
        """
        if file is None:
            return FileState.ABSENT
        ours = {"sha256": distribution.digests.sha256, "md5": distribution.digests.md5}
        for algorithm, digest in ours.items():
            if algorithm in file.hashes:
                if file.hashes[algorithm] != digest:
                    return FileState.DIFFERENT
                try:
                    return FileState.PRESENT if self._is_there(file, distribution) else FileState.INCOMPLETE
                except HttpError as error:
                    if proven and error.retryable:
                        raise
                    return FileState.INCOMPLETE if error.failure is Failure.INVALID else FileState.PRESENT
        if file.size is not None and file.size != distribution.size:
            return FileState.DIFFERENT
        return self._compare(file, distribution)

    def fetch(self, project: NormalizedName, version: Version, folder: Path) -> tuple[Path, ...]:
        """The files of a release, in `folder`. Raises `RepositoryError`, also for what the network does."""
        listing = self.listing(project)
        if not listing.known:
            raise pages.as_error(listing.findings[0])
        found = files_of(listing.page, project, version, self.config.name)
        return tuple(self._fetch_one(each, project, folder) for each in found)

    def _fetch_one(self, file: pages.IndexFile, project: NormalizedName, folder: Path) -> Path:
        auth = self._auth(file.url, project)
        with self.session.stream("GET", file.url, auth=auth, redirects=True) as download:
            if download.reply.status != 200:
                raise self._unavailable(download.reply)
            path = store(download.chunks, file, folder, self.config.name)
        if file.provenance is not None:
            auth = self._auth(file.provenance, project)
            reply = self.session.request("GET", file.provenance, auth=auth, headers=_PROVENANCE)
            if reply.status != 200:
                raise self._unavailable(reply)
            ensure_provenance(reply.body, file, self.config.name)
        return path

    def _is_index(self, root: str, project: NormalizedName, missing: Reply) -> bool:
        """Whether an index is at `root`, which said that it has not got one project."""
        if "X-DEVPI-SERVER-VERSION" in missing.headers:
            # Its root lists all projects of all bases, PyPI's too, and is slow.
            return root.endswith("/+simple/")
        auth = self._auth(root, project)
        with self.session.stream("GET", root, auth=auth, headers=_PEEK_HEADERS) as download:
            reply = download.reply
            return reply.status in {200, 206} and reply.content_type in _PAGE_TYPES

    def _get(self, url: str, project: NormalizedName) -> Reply | None:
        """The page; None when the index hands the project on to another host, as it has not got it itself.

        pypiserver does so (`--fallback-url`), and following would show us a stranger's files. Any other
        way to another host (to log in, mostly) is not followed either: that redirect is the answer.
        """
        target = url
        for _ in range(_REDIRECTS):
            reply = self._read(target, project)
            location = reply.headers.get("Location")
            if reply.status not in {301, 302, 303, 307, 308} or not location:
                return reply
            following = joined(target, location)
            if following is None:
                return reply
            if urlsplit(following).hostname != urlsplit(target).hostname:
                return None if _last_segment(following) == _last_segment(url) else reply
            target = following
        raise HttpError(
            f"{shown_url(url)} redirects in a circle.",
            failure=Failure.INVALID,
            url=url,
        )

    def _read(self, url: str, project: NormalizedName) -> Reply:
        headers = {"Accept": pages.ACCEPT, "Cache-Control": "max-age=0"}
        auth = self._auth(url, project)
        reply = self.session.request("GET", url, auth=auth, headers=headers)
        if reply.status in {401, 403} and auth is None:
            self._locked = True
            auth = self._auth(url, project)
            if auth is not None:
                return self.session.request("GET", url, auth=auth, headers=headers)
        return reply

    def _auth(self, url: str, project: NormalizedName) -> Auth | None:
        """What to send along: nothing until the index asks for it, then only to the host it was found for."""
        if not self._locked:
            return None
        index = self.root or self.candidates[0]
        for purpose, address in ((Purpose.READ, index), (Purpose.UPLOAD, self.upload_url)):
            # `plausible`, since reading must never mint a token.
            request = CredentialRequest(config=self.config, url=address, project=project, purpose=purpose)
            try:
                found = self.credentials.plausible(request)
            except CredentialError:
                continue
            if found and found.secret and found.host == host_of(url) and origin(url)[0] == origin(address)[0]:
                return BasicAuth(username=found.username, secret=found.secret)
        return None

    def _page(self, reply: Reply) -> pages.ProjectPage:
        try:
            return pages.parse_project(reply.body, content_type=reply.content_type, url=reply.url)
        except pages.PageError as error:
            raise HttpError(
                f"{shown_url(reply.url)} is not a page of a simple index: {error}.",
                failure=Failure.DROPPED,
                url=reply.url,
                hint="Check `index-url` of the repository.",
                retryable=True,
            ) from error

    def _unavailable(self, reply: Reply) -> HttpError:
        said = plain(reply.message) or plain(reply.reason)
        return HttpError(
            f"{shown_url(reply.url)} answers {reply.status}: {said}",
            failure=Failure.STATUS,
            url=reply.url,
            retryable=reply.retryable,
            retry_after=retry_after(reply.headers, self.clock()),
        )

    def _is_there(self, file: pages.IndexFile, distribution: Distribution) -> bool:
        """Whether the server has a file that it lists. One that does not answer HEAD is believed."""
        auth = self._auth(file.url, distribution.project)
        if self.session.request("HEAD", file.url, auth=auth).status not in {404, 410}:
            return True
        # Some servers know GET only.
        with self.session.stream("GET", file.url, auth=auth, headers=_FIRST_BYTE) as download:
            return download.reply.status not in {404, 410}

    def _compare(self, file: pages.IndexFile, distribution: Distribution) -> FileState:
        sha256 = hashlib.sha256()
        fetched = 0
        auth = self._auth(file.url, distribution.project)
        with self.session.stream("GET", file.url, auth=auth, redirects=True) as download:
            if download.reply.status != 200:
                return FileState.UNKNOWN
            if download.size is not None and download.size != distribution.size:
                return FileState.DIFFERENT
            if distribution.size > COMPARE_LIMIT:
                return FileState.UNKNOWN
            for chunk in download.chunks:
                fetched += len(chunk)
                if fetched > distribution.size:
                    return FileState.DIFFERENT
                sha256.update(chunk)
        return FileState.PRESENT if sha256.hexdigest() == distribution.digests.sha256 else FileState.DIFFERENT


def index_candidates(upload_url: str) -> tuple[str, ...]:
    """Where a server with this upload URL may have its simple index, likeliest first, each with a slash at the end.

    `…/legacy/` has it beside itself (PyPI, most mirrors), `…/upload` too (Azure Artifacts); devpi has
    `+simple/` below each index; the others `simple/` below the URL (pypiserver, Nexus, Artifactory,
    GitLab, Gitea, CodeArtifact, Artifact Registry).
    """
    path = urlsplit(upload_url).path.rstrip("/")
    above, _, last = path.rpartition("/")
    beside = [f"{above}/simple/"] if last in {"legacy", "upload"} else []
    # Deeper down, the index at the top would be another repository's.
    top = ["/simple/"] if path.count("/") <= 1 else []
    paths = dict.fromkeys([*beside, f"{path}/simple/", f"{path}/+simple/", *top])
    return tuple(_with_path(upload_url, each) for each in paths)


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(without_userinfo(url))._replace(path=path, query="", fragment=""))


def misdirected(upload_url: str) -> Finding | None:
    """An obvious problem with an upload URL, or None. Uses no network."""
    parts = urlsplit(upload_url)
    shown, host, path = shown_url(upload_url), (parts.hostname or "").lower(), parts.path.rstrip("/")
    if host == "pkg.github.com" or host.endswith(".pkg.github.com"):
        message = f"{shown} does not exist: GitHub Packages has no registry for Python packages."
        return known.GITHUB_HAS_NO_PYTHON.found(message, where=shown)
    if posixpath.basename(path) in {"simple", "+simple"}:
        above = posixpath.dirname(path).rstrip("/")
        upload = _with_path(upload_url, f"{above}/upload/" if "/_packaging/" in path else f"{above}/")
        hint = (
            f"Set the upload URL as `url`, often {upload}, and this one as `index-url`. "
            "A [[tool.poetry.source]] or a uv index without publish-url is only for installing."
        )
        if host in _INDEXES:
            hint = f"Publish with `-r {_INDEXES[host]}`."
        message = f"{shown} is a URL to install from; uploads need another URL."
        return known.INDEX_URL.found(message, where=shown, hint=hint)
    if _INDEXES.get(host) == "pypi":
        message, hint = f"{shown} does not accept uploads.", "Publish with `-r pypi`."
        return known.NO_UPLOAD_API.found(message, where=shown, hint=hint)
    return None


_INDEXES = {
    "pypi.org": "pypi",
    "www.pypi.org": "pypi",
    "pypi.python.org": "pypi",
    "test.pypi.org": "testpypi",
}


def _last_segment(url: str) -> str:
    return posixpath.basename(urlsplit(url).path.rstrip("/"))
