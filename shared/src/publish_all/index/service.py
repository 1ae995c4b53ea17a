"""Pages and files of all sources, for many visitors: the service behind the server's addresses."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
from packaging.utils import NormalizedName

from publish_all.distributions.distribution import release_of
from publish_all.index.cache import AnswerCache, BlobCache, Recent
from publish_all.index.fallback import Routing
from publish_all.index.index_source import Address, IndexSource, RemoteFile, ServeError, Visitor
from publish_all.index.transfers import Body, Transfers
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import (
    IndexFile,
    ProjectPage,
    merged,
    render_project,
    render_root,
)

T = TypeVar("T")

ANSWERS_KEPT = 48 * 1024 * 1024
"""How much is kept of rendered pages, in bytes."""
PERMITTED = 60.0
"""Seconds for which a visitor who was allowed to read at a place is not asked about again."""
THREADS = 64
"""How many questions are asked at a time."""

# So short that a new release can be installed soon.
_PAGE_KEPT = 5.0
_REFUSAL_KEPT = 1.0
_PERMISSIONS_KEPT = 10_000
_REFUSALS_KEPT = 10


class Rendered(NamedTuple):
    """A page as bytes, and its entity tag in quotes."""

    body: bytes
    etag: str


class PageAnswer(NamedTuple):
    """A page in both forms."""

    json: Rendered
    html: Rendered


@dataclass(eq=False, repr=False)
class IndexService:
    """Answers for one event loop. `proxied` are the fallbacks whose pages and files pass through us.

    Methods raise `ServeError`.
    """

    sources: Sequence[IndexSource]
    _: KW_ONLY
    routing: Routing
    cache: BlobCache
    proxied: Sequence[IndexSource] = ()
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        clock = self.clock
        self.counts: Counter[str] = Counter()
        """How often something happened, by the names of `metrics`. For the event loop only."""
        # The answer to one visitor is never given to another: it may be private.
        self._answers: AnswerCache[tuple[str, Visitor], PageAnswer | ServeError] = AnswerCache(
            Recent(ANSWERS_KEPT, weight=_weight, clock=clock),
            lambda answer: _PAGE_KEPT if isinstance(answer, PageAnswer) else _REFUSAL_KEPT,
        )
        self._readiness: AnswerCache[None, tuple[int, str]] = AnswerCache(
            Recent(1, clock=clock), lambda _: _REFUSAL_KEPT
        )
        self._permitted: Recent[tuple[str, Visitor], bool] = Recent(_PERMISSIONS_KEPT, clock=clock)
        self._transfers = Transfers(self.cache)
        self._threads = anyio.CapacityLimiter(THREADS)
        self.refusals: dict[str, None] = {}
        """Why pages and files were not given, in words, each once: the first few. Clients show none of them."""

    async def page(self, project: NormalizedName, visitor: Visitor) -> PageAnswer:
        """The page of a project: of the one place where its name is looked up."""
        ours = self.routing.is_ours(project)
        sources, who = (self.sources, visitor) if ours else (self.proxied, None)
        return await self._answer(project, who, lambda: self._page(project, sources, who))

    async def root(self, visitor: Visitor) -> PageAnswer:
        """The list of projects, of those sources that tell."""
        return await self._answer("", visitor, lambda: self._root(visitor))

    async def file(self, source: str, address: Address, *, byte_range: str | None, visitor: Visitor) -> Body:
        """A file of a source."""
        project = address.project
        sources = self.sources if self.routing.is_ours(project) else self.proxied
        found = next((each for each in sources if each.name == source), None)
        if found is None:
            raise ServeError(f"{project} is not served from {source!r}", status=404)
        try:
            content = await self._ask(lambda: found.file(address, visitor))
            if content is None:
                raise ServeError(f"{source} lists no such file of {project}", status=404)
            key = (content.scope if isinstance(content, RemoteFile) else "", visitor)
            permitted = not key[0] or self._permitted.get(key) is not None
            body = await self._transfers.open(content, byte_range=byte_range, permitted=permitted)
        except ServeError as error:
            raise self._noted(error) from None
        except OSError as error:
            raise ServeError(f"{source} has no longer this file of {project}", status=404) from error
        if key[0]:
            self.counts["file hit" if body.on_disk else "file miss"] += 1
        if not permitted:
            self._permitted.put(key, value=True, seconds=PERMITTED)
        return body

    async def ready(self) -> tuple[int, str]:
        """Whether all sources can answer: status 200 or 503, and a line for each."""
        return await self._readiness.get(None, lambda: self._ask(self._look))

    def changed(self, project: NormalizedName) -> None:
        """A file of a project was uploaded through this server: forget its cached pages."""
        self._answers.forget(lambda key: key[0] in {project, ""})

    def stop(self) -> None:
        """The server ends: running downloads are stopped. May be called from any thread."""
        self._transfers.stop()

    async def _ask(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._threads)

    def _noted(self, refusal: ServeError) -> ServeError:
        self.counts["upstream error"] += refusal.status == 502
        if len(self.refusals) < _REFUSALS_KEPT:
            self.refusals[refusal.text] = None
        return refusal

    async def _answer(self, name: str, visitor: Visitor, make: Callable[[], PageAnswer]) -> PageAnswer:
        asked = False

        def made() -> PageAnswer | ServeError:
            nonlocal asked
            asked = True
            try:
                return make()
            except ServeError as error:
                return error.with_traceback(None)

        answer = await self._answers.get((name, visitor), lambda: self._ask(made))
        self.counts["page miss" if asked else "page hit"] += 1
        if isinstance(answer, ServeError):
            raise self._noted(ServeError(answer.message, status=answer.status, hint=answer.hint))
        return answer

    def _page(self, project: NormalizedName, sources: Sequence[IndexSource], visitor: Visitor) -> PageAnswer:
        found = _each(sources, lambda each: each.page(project, visitor))
        troubles = [each for each in found if isinstance(each, ServeError)]
        pages = [
            with_addresses(each, source.name)
            for source, each in zip(sources, found, strict=True)
            if isinstance(each, ProjectPage)
        ]
        # Half of what there is would pass for all of it, so a source that is down leaves no page at all.
        if any(each.status == 502 for each in troubles) or (troubles and not pages):
            # A source that is down outweighs one that refuses.
            first = min(troubles, key=lambda each: (502, 401, 403, 404).index(each.status))
            raise ServeError("\n".join(each.text for each in troubles), status=first.status)
        if pages:
            return PageAnswer(*map(_rendered, render_project(merged(pages))))
        if not self.routing.is_ours(project):
            raise ServeError(f"The fallback index has no {project}.", status=404)
        more = "No fallback index is configured (--fallback, with the private names as --private)."
        if self.routing.fallbacks:
            more = "It is a private name, so it is not looked up in the fallback index."
        names = ", ".join(each.name for each in self.sources)
        raise ServeError(f"{names} has no {project}. {more}", status=404)

    def _root(self, visitor: Visitor) -> PageAnswer:
        found: set[NormalizedName] = set()
        for names in _each(self.sources, lambda each: each.projects(visitor)):
            # GitHub's registry does not list its packages; the other sources still do.
            if not isinstance(names, ServeError):
                found.update(names)
        projects = sorted(each for each in found if self.routing.is_ours(each))
        return PageAnswer(*map(_rendered, render_root(projects)))

    def _look(self) -> tuple[int, str]:
        found = _each(self.sources, lambda each: each.ready())
        lines = [
            error.message if isinstance(error, ServeError) else f"{source.name}: ready"
            for source, error in zip(self.sources, found, strict=True)
        ]
        return 503 if any(found) else 200, "\n".join(lines)


def _each(sources: Sequence[IndexSource], ask: Callable[[IndexSource], T]) -> list[T | ServeError]:
    """What each source says, or why it says nothing, asked side by side."""

    def one(source: IndexSource) -> T | ServeError:
        try:
            return ask(source)
        except ServeError as error:
            return error

    if len(sources) < 2:
        # Without a pool, whose threads the interpreter waits for when it ends.
        return [one(each) for each in sources]
    return in_parallel(one, sources, threads=len(sources))


def with_addresses(page: ProjectPage, source: str) -> ProjectPage:
    """The page with addresses of ours for its files, relative to it, and with the versions that they are of.

    The digests in an address are enough to find the file again.
    """
    files = tuple(
        each if each.url else replace(each, url=_address(page, each, source)) for each in page.files
    )
    found = {release[1] for each in files if (release := release_of(each.filename)) is not None}
    return replace(page, files=files, versions=page.versions or tuple(map(str, sorted(found))))


def _address(page: ProjectPage, file: IndexFile, source: str) -> str:
    digests = file.hashes["sha256"]
    if file.core_metadata:
        digests += f"-{file.core_metadata['sha256']}"
    return f"../../files/{quote(source)}/{page.name}/{digests}/{quote(file.filename)}"


def _rendered(body: bytes) -> Rendered:
    return Rendered(body=body, etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _weight(answer: PageAnswer | ServeError) -> int:
    if isinstance(answer, PageAnswer):
        return len(answer.json.body) + len(answer.html.body) + 512
    return len(answer.message) + 512
