from __future__ import annotations

import asyncio
from typing import Any

from publish_all.index.middleware import Patience

SCOPE = {"type": "http"}


async def never() -> Any:
    await asyncio.Event().wait()


def test_a_body_that_does_not_come_is_a_client_that_has_gone() -> None:
    got: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append((await receive())["type"])

    asyncio.run(Patience(app, seconds=0.02)(SCOPE, never, never))  # type: ignore[arg-type] # sends nothing
    assert got == ["http.disconnect"]


def test_a_client_that_takes_nothing_is_left() -> None:
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        sent.append("more than it took")

    async def stuck(message: Any) -> None:
        await never()

    asyncio.run(Patience(app, seconds=0.02)(SCOPE, never, stuck))
    assert sent == []


def test_waiting_for_the_client_to_go_away_has_no_limit() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"

    messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        if len(messages) == 1:
            await asyncio.sleep(0.1)
        return messages.pop(0)

    asyncio.run(Patience(app, seconds=0.02)(SCOPE, receive, never))  # type: ignore[arg-type] # sends nothing
    assert messages == []
