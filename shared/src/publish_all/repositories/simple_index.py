"""Asking a simple index what it has: which URL it is at, with which credential it lets us read."""

from __future__ import annotations

import hashlib
import posixpath
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._http import Auth, BasicAuth, Reply, Session
from publish_all._http_errors import Failure, HttpError
from publish_all._server_text import plain
from publish_all._urls import joined, origin, shown_url, without_userinfo
from publish_all._values import dataclass
from publish_all.config.addresses import host_of
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.source import Credential, CredentialRequest, Credentials, Purpose
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError, RepositoryError
from publish_all.findings import Finding
from publish_all.repositories.fetch import files_of, store
from publish_all.repositories.replies import retry_after
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import (
    ACCEPT,
    HTML_TYPE,
    JSON_TYPE,
    IndexFile,
    PageError,
    ProjectPage,
    parse_project,
)
from publish_all.results import FileState

COMPARE_LIMIT = 32 * 1024 * 1024
"""Files that an index lists without a hash are fetched for comparison up to this size, in bytes."""

_REDIRECTS = 5
_UPLOAD_SEGMENTS = frozenset({"legacy", "upload"})
_PAGE_TYPES = frozenset({JSON_TYPE, HTML_TYPE, "text/html", "application/json"})
_FIRST_BYTE = {"Range": "bytes=0-0"}
_PEEK_HEADERS = {"Accept": ACCEPT, "Range": "bytes=0-65535"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What an index says of a project. `page` None with `known` True: the project is not there."""

    page: ProjectPage | None = None
    known: bool = True
    findings: tuple[Finding, ...] = ()


class SimpleIndex:
    """The index of one repository. Safe for several threads.

    `candidates` are the URLs where it may be; the first that answers is remembered. `stated` tells that
    the only candidate was configured, and so is taken at its word. `clock` is Unix time in seconds.
    """

    def __init__(
        self,
        candidates: Sequence[str],
        *,
        config: RepositoryConfig,
        upload_url: str,
        stated: bool,
        session: Session,
        credentials: Credentials,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._candidates = tuple(candidates)
        self._config = config
        self._repository = config.name
        self._upload_url = upload_url
        self._session = session
        self._credentials = credentials
        self._clock = clock
        self._root: str | None = candidates[0] if stated else None
        self._locked = False

    @property
    def root(self) -> str | None:
        """The URL of the index, None while it is not known."""
        return self._root

    def listing(self, project: NormalizedName) -> Listing:
        """What the index has of a project now. Raises `HttpError` when it can't be asked."""
        if self._root is not None:
            return self._stated(self._root, project)
        failure: HttpError | None = None
        for candidate in self._candidates:
            try:
                found = self._tried(candidate, project)
            except HttpError as error:
                if error.failure is Failure.TIMEOUT and not error.retryable:
                    raise  # a server that wastes our time, which has the other candidates, too
                failure = failure or error
                continue
            if found is not None:
                self._root = candidate
                return found
        if failure is not None:
            raise failure
        finding = known.INDEX_UNKNOWN.found(
            f"Where {self._repository} lists its files is not known; tried {', '.join(self._candidates)}.",
            where=shown_url(self._upload_url),
            hint="Set `index-url` of the repository, so that uploads can be compared and verified.",
        )
        return Listing(known=False, findings=(finding,))

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

    def state(self, file: IndexFile | None, distribution: Distribution, *, proven: bool = False) -> FileState:
        """How a listed file compares with ours. Raises `HttpError` when it must be asked for and can't be.

        By sha256; where the index has other hashes only, by md5; where it has none, by size, and if that
        is the same or not told, by fetching it, up to COMPARE_LIMIT. One that is the same by its hash is
        INCOMPLETE if the server has not got it; if that cannot be asked, the index is believed,
        unless it is to be `proven`.
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
            first = listing.findings[0]
            raise RepositoryError(first.message, hint=first.hint, findings=listing.findings)
        found = files_of(listing.page, project, version, self._repository)
        return tuple(self._fetch_one(each, project, folder) for each in found)

    def _fetch_one(self, file: IndexFile, project: NormalizedName, folder: Path) -> Path:
        auth = self._auth(file.url, project)
        with self._session.stream("GET", file.url, auth=auth, redirects=True) as download:
            if download.reply.status != 200:
                raise self._unavailable(download.reply)
            return store(download.chunks, file.filename, file.hashes["sha256"], folder, self._repository)

    def _stated(self, root: str, project: NormalizedName) -> Listing:
        url = _project_url(root, project)
        reply = self._get(url, project)
        if reply is None or reply.status in {404, 410}:
            return Listing()
        if reply.status in {401, 403} or 300 <= reply.status < 400:
            finding = known.INDEX_FORBIDDEN.found(
                f"{self._repository} does not let us read {shown_url(url)} ({reply.status}).",
                where=shown_url(url),
                hint="See whether the credential may read, too.",
            )
            return Listing(known=False, findings=(finding,))
        return Listing(page=self._page(reply))

    def _tried(self, root: str, project: NormalizedName) -> Listing | None:
        """What a guessed URL says, None if there is no index."""
        url = _project_url(root, project)
        reply = self._get(url, project)
        if reply is None:
            return Listing()
        if reply.status == 200:
            try:
                return Listing(page=self._page(reply))
            except HttpError:
                return None
        if reply.retryable:
            raise self._unavailable(reply)
        return Listing() if reply.status == 404 and self._is_index(root, project, reply) else None

    def _is_index(self, root: str, project: NormalizedName, missing: Reply) -> bool:
        """Whether an index is at `root`, which said that it has not got one project."""
        if "X-DEVPI-SERVER-VERSION" in missing.headers:
            # Its root lists all projects of all bases, PyPI's too, and is slow.
            return root.endswith("/+simple/")
        auth = self._auth(root, project)
        with self._session.stream("GET", root, auth=auth, headers=_PEEK_HEADERS) as download:
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
            f"{shown_url(url)} leads from one address to the next without end.",
            failure=Failure.INVALID,
            url=url,
        )

    def _read(self, url: str, project: NormalizedName) -> Reply:
        headers = {"Accept": ACCEPT, "Cache-Control": "max-age=0"}
        auth = self._auth(url, project)
        reply = self._session.request("GET", url, auth=auth, headers=headers)
        if reply.status in {401, 403} and auth is None:
            self._locked = True
            auth = self._auth(url, project)
            if auth is not None:
                return self._session.request("GET", url, auth=auth, headers=headers)
        return reply

    def _auth(self, url: str, project: NormalizedName) -> Auth | None:
        """What to send along: nothing until the index asks for it, then only to the host it was found for."""
        if not self._locked:
            return None
        candidates = (
            (Purpose.READ, self._root or self._candidates[0]),
            (Purpose.UPLOAD, self._upload_url),
        )
        for purpose, address in candidates:
            credential = self._credential(purpose, address, project)
            if (
                credential is not None
                and credential.host == host_of(url)
                and origin(url)[0] == origin(address)[0]
            ):
                return BasicAuth(username=credential.username, secret=credential.secret)
        return None

    def _credential(self, purpose: Purpose, url: str, project: NormalizedName) -> Credential | None:
        # `plausible`, since reading must never mint a token.
        request = CredentialRequest(config=self._config, url=url, project=project, purpose=purpose)
        try:
            found = self._credentials.plausible(request)
        except CredentialError:
            return None
        return found if found is not None and found.secret else None

    def _page(self, reply: Reply) -> ProjectPage:
        if reply.status != 200:
            raise self._unavailable(reply)
        try:
            return parse_project(reply.body, content_type=reply.content_type, url=reply.url)
        except PageError as error:
            raise HttpError(
                f"{shown_url(reply.url)} is not a page of a simple index: {error}.",
                failure=Failure.DROPPED,
                url=reply.url,
                hint="See whether `index-url` of the repository is right.",
                retryable=True,
            ) from error

    def _unavailable(self, reply: Reply) -> HttpError:
        said = plain(reply.message) or plain(reply.reason)
        return HttpError(
            f"{shown_url(reply.url)} answers {reply.status}: {said}",
            failure=Failure.STATUS,
            url=reply.url,
            retryable=reply.retryable,
            retry_after=retry_after(reply.headers, self._clock()),
        )

    def _is_there(self, file: IndexFile, distribution: Distribution) -> bool:
        """Whether the server has a file that it lists. One that does not answer HEAD is believed."""
        auth = self._auth(file.url, distribution.project)
        if self._session.request("HEAD", file.url, auth=auth).status not in {404, 410}:
            return True
        # Some servers know GET only.
        with self._session.stream("GET", file.url, auth=auth, headers=_FIRST_BYTE) as download:
            return download.reply.status not in {404, 410}

    def _compare(self, file: IndexFile, distribution: Distribution) -> FileState:
        sha256 = hashlib.sha256()
        fetched = 0
        auth = self._auth(file.url, distribution.project)
        with self._session.stream("GET", file.url, auth=auth, redirects=True) as download:
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
    return tuple(dict.fromkeys(_candidates(upload_url)))


def _candidates(upload_url: str) -> Iterator[str]:
    parts = urlsplit(without_userinfo(upload_url))._replace(query="", fragment="")
    path = parts.path.rstrip("/")
    if posixpath.basename(path) in _UPLOAD_SEGMENTS:
        yield urlunsplit(parts._replace(path=f"{posixpath.dirname(path).rstrip('/')}/simple/"))
    yield urlunsplit(parts._replace(path=f"{path}/simple/"))
    yield urlunsplit(parts._replace(path=f"{path}/+simple/"))
    if path.count("/") <= 1:
        # Deeper down, the index at the top would be another repository's.
        yield urlunsplit(parts._replace(path="/simple/"))


def misdirected(upload_url: str) -> Finding | None:
    """What is plainly wrong with a URL to upload to, or None. Nothing is asked over the network."""
    parts = urlsplit(without_userinfo(upload_url))
    host = (parts.hostname or "").lower()
    if host == "pkg.github.com" or host.endswith(".pkg.github.com"):
        return known.GITHUB_HAS_NO_PYTHON.found(
            f"{shown_url(upload_url)} is not there: GitHub Packages has no registry for Python packages.",
            where=shown_url(upload_url),
            hint="Publish with `-r github`: the files are then kept in GitHub's container registry, and can "
            "be installed from there.",
        )
    segments = parts.path.rstrip("/").split("/")
    if segments[-1] in {"simple", "+simple"}:
        return known.INDEX_URL.found(
            f"{shown_url(upload_url)} is the URL to install from; uploads go to another one.",
            where=shown_url(upload_url),
            hint=_upload_url_hint(upload_url, host),
        )
    if host in {"pypi.org", "www.pypi.org", "pypi.python.org"}:
        return known.NO_UPLOAD_API.found(
            f"{shown_url(upload_url)} takes no uploads.",
            where=shown_url(upload_url),
            hint="Publish with `-r pypi`, whose URL is https://upload.pypi.org/legacy/",
        )
    return None


def _upload_url_hint(url: str, host: str) -> str:
    parts = urlsplit(without_userinfo(url))._replace(query="", fragment="")
    if host in {"pypi.org", "www.pypi.org", "pypi.python.org"}:
        return "PyPI's upload URL is https://upload.pypi.org/legacy/: publish with `-r pypi`."
    if host == "test.pypi.org":
        return "TestPyPI's upload URL is https://test.pypi.org/legacy/: publish with `-r testpypi`."
    if "/_packaging/" in parts.path and parts.path.rstrip("/").endswith("/pypi/simple"):
        upload = urlunsplit(parts._replace(path=f"{posixpath.dirname(parts.path.rstrip('/'))}/upload/"))
        return f"The upload URL of Azure Artifacts is {upload}: configure it as `url`, and this one as `index-url`."
    above = urlunsplit(parts._replace(path=f"{posixpath.dirname(parts.path.rstrip('/')).rstrip('/')}/"))
    return (
        f"Configure the upload URL as `url`, which often is {above}, and this one as `index-url`. "
        "A [[tool.poetry.source]] or an uv index without publish-url is for installing only."
    )


def _project_url(root: str, project: NormalizedName) -> str:
    return f"{root.rstrip('/')}/{project}/"


def _last_segment(url: str) -> str:
    return posixpath.basename(urlsplit(url).path.rstrip("/"))
