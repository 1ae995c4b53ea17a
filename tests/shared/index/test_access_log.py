from __future__ import annotations

import asyncio
import io
import json
from typing import IO

import pytest
from starlette.types import Message, Receive, Scope, Send

from publish_all.index.access_log import AccessLog
from publish_all.index.responses import SEND_FILE


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"head:", "more_body": True})
    await scope["extensions"][SEND_FILE](io.BytesIO(b"x" * 100), 10, 40)
    await send({"type": "http.response.body", "body": b""})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send
    raise ConnectionError


def lines(*, as_json: bool = False, served: object = app, **headers: str) -> list[str]:
    written: list[str] = []
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send_file(file: IO[bytes], first: int, length: int) -> None:
        del file, first, length

    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": b"/simple/kindling%0Ademo/?token=secret",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.0.0.9", 4711),
        "extensions": {SEND_FILE: send_file},
    }
    ticks = iter([1.0, 1.25])
    log = AccessLog(
        served,  # type: ignore[arg-type]
        write=written.append,
        as_json=as_json,
        now=lambda: 0.0,
        clock=lambda: next(ticks),
    )
    asyncio.run(log(scope, receive, send))
    return written


def test_a_request_is_one_line_without_query_and_credential() -> None:
    found = lines(authorization="Basic c2VjcmV0", x_request_id="abc-1")
    assert found == [
        "1970-01-01T00:00:00.000+00:00 10.0.0.9 GET /simple/kindling%0Ademo/ 200 45 250.0ms abc-1"
    ]


def test_a_request_is_one_json_object() -> None:
    (line,) = lines(as_json=True, x_request_id="not an id\n")
    assert json.loads(line) == {
        "schema": 1,
        "event": "request",
        "time": "1970-01-01T00:00:00.000+00:00",
        "client": "10.0.0.9",
        "method": "GET",
        "path": "/simple/kindling%0Ademo/",
        "status": 200,
        "bytes": 45,
        "ms": 250.0,
        "request_id": None,
    }


def test_a_request_without_an_answer_is_logged_too() -> None:
    written: list[str] = []

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        del message

    scope = {"type": "http", "method": "GET", "raw_path": b"/", "headers": [], "client": None}
    with pytest.raises(ConnectionError):
        asyncio.run(AccessLog(broken, write=written.append)(scope, nothing, send))
    assert written[0].split(" ")[1:6] == ["-", "GET", "/", "-", "0"]
