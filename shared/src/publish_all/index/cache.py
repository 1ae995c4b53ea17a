"""Answers that are kept for a while in memory, each loaded once however many clients ask for it at a time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from publish_all._values import dataclass

V = TypeVar("V")
K = TypeVar("K", bound=Hashable)

LIMIT = 48 * 1024 * 1024
"""How much is kept, in bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """For how many seconds an answer is given as it is, and then for how many more while a new one is loaded.

    `weak` answers (failures) do not take the place of an earlier one that can still be given.
    """

    fresh: float
    stale: float = 0.0
    weak: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry(Generic[V]):
    value: V
    fresh_until: float
    stale_until: float
    weight: int


class AnswerCache(Generic[K, V]):
    """For one event loop. `keep` says how long an answer is kept, `weight` its size in bytes."""

    def __init__(
        self,
        *,
        keep: Callable[[V], Keep],
        weight: Callable[[V], int],
        limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = keep
        self._weight = weight
        self._limit = limit
        self._clock = clock
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._total = 0
        self._loading: dict[K, asyncio.Task[V]] = {}
        self._generation = 0

    async def get(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """The answer for a key. What `load` raises reaches all who wait for it, and is not kept."""
        entry = self._entries.get(key)
        now = self._clock()
        if entry is not None and now < entry.fresh_until:
            self._entries.move_to_end(key)
            return entry.value
        task = self._loading.get(key) or self._start(key, load)
        if entry is not None and now < entry.stale_until:
            return entry.value
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, wanted: Callable[[K], bool]) -> None:
        """Drop the answers for some keys; those that are being loaded are not kept either."""
        self._generation += 1
        for key in [each for each in self._entries if wanted(each)]:
            self._drop(key)
        for key in [each for each in self._loading if wanted(each)]:
            del self._loading[key]

    def _start(self, key: K, load: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        task = asyncio.ensure_future(self._load(key, load, self._generation))
        self._loading[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def _load(self, key: K, load: Callable[[], Awaitable[V]], generation: int) -> V:
        value = await load()
        if generation == self._generation:
            self._store(key, value)
        return value

    def _ended(self, key: K, task: asyncio.Task[V]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # looked at, as nobody may wait for it any longer

    def _store(self, key: K, value: V) -> None:
        keep, now = self._keep(value), self._clock()
        before = self._entries.get(key)
        if keep.weak and before is not None and now < before.stale_until:
            return
        self._drop(key)
        entry = _Entry(
            value=value,
            fresh_until=now + keep.fresh,
            stale_until=now + keep.fresh + keep.stale,
            weight=self._weight(value),
        )
        if entry.weight > self._limit:
            return
        self._entries[key] = entry
        self._total += entry.weight
        while self._total > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._total -= entry.weight
