from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from publish_all.index.cache import AnswerCache, Recent


class Clock(Protocol):
    now: float

    def __call__(self) -> float: ...


def cache_of(clock: Clock, *, limit: int = 1000) -> AnswerCache[str, str]:
    return AnswerCache(Recent(limit, weight=len, clock=clock), lambda _: 5)


class Loads:
    """Gives one answer after the other, and counts."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        await asyncio.sleep(0)
        return self.answers.pop(0)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_loads_once_for_all_who_ask_at_a_time(clock: Clock) -> None:
    async def story() -> None:
        cache, loads = cache_of(clock), Loads("a")
        assert await asyncio.gather(*(cache.get("key", loads) for _ in range(50))) == ["a"] * 50
        assert loads.count == 1

    asyncio.run(story())


def test_keeps_an_answer_for_a_while(clock: Clock) -> None:
    async def story() -> None:
        cache, loads = cache_of(clock), Loads("a", "b")
        assert await cache.get("key", loads) == "a"
        clock.now += 4
        assert await cache.get("key", loads) == "a"
        clock.now += 2
        assert await cache.get("key", loads) == "b"

    asyncio.run(story())


def test_one_client_that_goes_away_leaves_the_answer_to_the_others(clock: Clock) -> None:
    async def story() -> None:
        cache = cache_of(clock)
        release = asyncio.Event()

        async def load() -> str:
            await release.wait()
            return "a"

        first = asyncio.ensure_future(cache.get("key", load))
        second = asyncio.ensure_future(cache.get("key", load))
        await settle()
        first.cancel()
        await settle()
        release.set()
        assert await second == "a"

    asyncio.run(story())


def test_what_is_forgotten_while_it_is_loaded_is_not_kept(clock: Clock) -> None:
    async def story() -> None:
        cache, loads = cache_of(clock), Loads("old", "new")
        release = asyncio.Event()

        async def slow() -> str:
            await release.wait()
            return await loads()

        first = asyncio.ensure_future(cache.get("key", slow))
        await settle()
        cache.forget(lambda key: key == "key")
        release.set()
        assert await first == "old"
        assert await cache.get("key", loads) == "new"

    asyncio.run(story())


def test_an_exception_reaches_all_and_is_not_kept(clock: Clock) -> None:
    async def story() -> None:
        cache = cache_of(clock)

        async def fails() -> str:
            await asyncio.sleep(0)
            raise ValueError

        both = await asyncio.gather(cache.get("key", fails), cache.get("key", fails), return_exceptions=True)
        assert [type(each) for each in both] == [ValueError, ValueError]
        assert await cache.get("key", Loads("a")) == "a"

    asyncio.run(story())


def test_what_is_over_the_limit_by_itself_drives_nothing_out(clock: Clock) -> None:
    recent: Recent[str, str] = Recent(1000, weight=len, clock=clock)
    recent.put("small", "x")
    recent.put("large", "x" * 2000)
    assert (recent.get("small"), recent.get("large")) == ("x", None)


@pytest.mark.parametrize("size", [400, 2000])
def test_keeps_no_more_than_its_limit(clock: Clock, size: int) -> None:
    async def story() -> None:
        cache = cache_of(clock)
        load: Callable[[], Awaitable[str]] = Loads(*["x" * size] * 20)
        for number in range(10):
            await cache.get(str(number), load)
        assert cache.recent.total <= 1000

    asyncio.run(story())
