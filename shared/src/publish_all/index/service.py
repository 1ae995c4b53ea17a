"""Pages and files over all sources, for many visitors at a time: what is behind the server's addresses."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from packaging.utils import NormalizedName

from publish_all.index.access import VisitorKeys
from publish_all.index.answers import (
    Answer,
    Said,
    keep_of,
    merged,
    page_answer,
    refusal_of,
    root_answer,
    weight_of,
    with_addresses,
)
from publish_all.index.blobs import BlobCache
from publish_all.index.cache import AnswerCache
from publish_all.index.fallback import Routing, Where
from publish_all.index.source import FileContent, IndexSource, RemoteFile, SourceError, Trouble, Visitor
from publish_all.index.transfers import Body, Transfers
from publish_all.repositories.simple_pages import ProjectPage

PERMITTED = 60.0
"""Seconds for which a visitor who was allowed to read at a place is not asked about again."""

_PERMISSIONS_KEPT = 10_000
_REFUSALS_KEPT = 10

T = TypeVar("T")


class IndexService:
    """Answers for one event loop. `proxied` are the fallbacks whose pages and files pass through us."""

    def __init__(
        self,
        sources: Sequence[IndexSource],
        *,
        routing: Routing,
        cache: BlobCache,
        proxied: Sequence[IndexSource] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.routing = routing
        self._sources = tuple(sources)
        self._proxied = tuple(proxied)
        self._clock = clock
        self._keys = VisitorKeys()
        self._answers: AnswerCache[tuple[str, str], Answer] = AnswerCache(
            keep=keep_of, weight=weight_of, clock=clock
        )
        self._readiness: AnswerCache[str, Said] = AnswerCache(
            keep=lambda _: keep_of(Said(status=404, reason="")), weight=lambda _: 1, clock=clock
        )
        self._transfers = Transfers(cache)
        self._permitted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._refusals: dict[str, None] = {}

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why pages and files were not given, in words, each once: the first few. Clients show none of them."""
        return tuple(self._refusals)

    @property
    def source_names(self) -> str:
        return ", ".join(each.name for each in self._sources)

    async def page(self, project: NormalizedName, visitor: Visitor) -> Answer:
        """The page of a project: of the one place where its name is looked up."""
        ours = self.routing.where(project) is Where.SOURCES
        sources = self._at(project)
        answer = await self._answer(
            project, visitor if ours else None, lambda who: self._page(project, sources, who)
        )
        return self._noted(answer) if isinstance(answer, Said) else answer

    async def root(self, visitor: Visitor) -> Answer:
        """The list of projects, of those sources that tell."""
        return await self._answer("", visitor, self._root)

    async def file(
        self,
        source: str,
        project: NormalizedName,
        filename: str,
        sha256: str,
        *,
        is_metadata: bool,
        byte_range: str | None,
        visitor: Visitor,
    ) -> Body | Said:
        """A file, or (with its own `sha256`) the metadata of one, by its address."""
        found = next((each for each in self._at(project) if each.name == source), None)
        if found is None:
            return Said(status=404, reason=f"{project} is not served from {source!r}")
        ask = found.metadata if is_metadata else found.file
        try:
            content = await self._transfers.asking(lambda: ask(project, filename, sha256, visitor))
            if content is None:
                return Said(status=404, reason=f"{source} lists no such file of {project}")
            return await self._open(content, byte_range, visitor)
        except SourceError as error:
            return self._noted(refusal_of((error,)))
        except OSError:
            return Said(status=404, reason=f"{source} has no longer this file of {project}")

    async def ready(self) -> Said:
        """Whether all sources can answer: status 200 or 503, and a line for each."""

        async def load() -> Said:
            return await self._transfers.asking(self._look)

        return await self._readiness.get("", load)

    def changed(self, project: NormalizedName) -> None:
        """Something of a project was just uploaded through us: what is kept of it is out of date."""
        self._answers.forget(lambda key: key[0] in {project, ""})

    def greet(self) -> None:
        """Ask all sources beforehand, and wait for none: the first client then need not find out how they are asked."""
        threading.Thread(target=self._look, name="publish-all greeting", daemon=True).start()

    def stop(self) -> None:
        """The server ends: what is being fetched is given up. May be called from any thread."""
        self._transfers.stop()

    async def taking(self, function: Callable[[], T]) -> T:
        """Run something that an upload waits for, in a thread."""
        return await self._transfers.taking(function)

    def _noted(self, refusal: Said) -> Said:
        if len(self._refusals) < _REFUSALS_KEPT:
            self._refusals[refusal.reason] = None
        return refusal

    async def _answer(self, name: str, visitor: Visitor, make: Callable[[Visitor], Answer]) -> Answer:
        async def load() -> Answer:
            return await self._transfers.asking(lambda: make(visitor))

        # The answer to one visitor is never given to another: it may be private.
        return await self._answers.get((name, self._keys.key(visitor)), load)

    def _at(self, project: NormalizedName) -> tuple[IndexSource, ...]:
        return self._sources if self.routing.where(project) is Where.SOURCES else self._proxied

    def _page(self, project: NormalizedName, sources: Sequence[IndexSource], visitor: Visitor) -> Answer:
        pages: list[ProjectPage] = []
        troubles: list[SourceError] = []
        for source, found in zip(
            sources, _each(sources, lambda each: each.page(project, visitor)), strict=True
        ):
            if isinstance(found, SourceError):
                troubles.append(found)
            elif found is not None:
                pages.append(with_addresses(found, source.name))
        # Half of what there is would pass for all of it, so a source that is down leaves no page at all.
        if any(each.trouble is Trouble.DOWN for each in troubles) or (troubles and not pages):
            return refusal_of(troubles)
        return page_answer(merged(pages)) if pages else self._absent(project)

    def _absent(self, project: NormalizedName) -> Said:
        if self.routing.where(project) is Where.FALLBACK:
            return Said(status=404, reason=f"The fallback index has no {project}.")
        reason = f"{self.source_names} has no {project}."
        if self.routing.fallbacks:
            reason += " It is a private name, so it is not looked up in the fallback index."
        else:
            reason += " No fallback index is configured (--fallback, with the private names as --private)."
        return Said(status=404, reason=reason)

    def _root(self, visitor: Visitor) -> Answer:
        found: set[NormalizedName] = set()
        for names in _each(self._sources, lambda each: each.projects(visitor)):
            # GitHub's registry tells nobody which packages there are; that is no reason to tell nothing.
            if not isinstance(names, SourceError):
                found.update(names)
        return root_answer(sorted(each for each in found if self.routing.where(each) is Where.SOURCES))

    def _look(self) -> Said:
        lines, status = [], 200
        for source, found in zip(self._sources, _each(self._sources, lambda each: each.ready()), strict=True):
            if isinstance(found, SourceError):
                status = 503
                lines.append(found.message)
            else:
                lines.append(f"{source.name}: ready")
        return Said(status=status, reason="\n".join(lines))

    async def _open(self, content: FileContent, byte_range: str | None, visitor: Visitor) -> Body:
        if not isinstance(content, RemoteFile):
            return await self._transfers.open(content, byte_range=byte_range, permitted=True)
        key = (content.scope, self._keys.key(visitor))
        permitted = self._permitted.get(key, 0.0) > self._clock()
        body = await self._transfers.open(content, byte_range=byte_range, permitted=permitted)
        if not permitted:
            self._permitted[key] = self._clock() + PERMITTED
            self._permitted.move_to_end(key)
            while len(self._permitted) > _PERMISSIONS_KEPT:
                self._permitted.popitem(last=False)
        return body


def _each(sources: Sequence[IndexSource], ask: Callable[[IndexSource], T]) -> list[T | SourceError]:
    """What each source says, or why it says nothing, asked side by side."""

    def one(source: IndexSource) -> T | SourceError:
        try:
            return ask(source)
        except SourceError as error:
            return error

    if len(sources) < 2:
        return [one(each) for each in sources]
    with ThreadPoolExecutor(max_workers=len(sources)) as pool:
        return list(pool.map(one, sources))
