from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from starlette.types import Message, Receive, Scope, Send

from publish_all.index.middleware import Watch, json_line, text_line


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"head:", "more_body": True})
    await send({"type": "http.response.body", "body": b"x" * 40, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive, send
    raise ConnectionError


def lines(
    *,
    as_json: bool = False,
    raw_path: bytes = b"/simple/kindling%0Ademo/?token=secret",
    client: str = "10.0.0.9",
    **headers: str,
) -> list[str]:
    written: list[str] = []
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": raw_path,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 4711),
    }
    with pytest.MonkeyPatch.context() as patch:
        ticks = iter([1.0, 1.25])
        clock = SimpleNamespace(monotonic=lambda: next(ticks), time=lambda: 0.0)
        patch.setattr("publish_all.index.middleware.time", clock)
        line = json_line if as_json else text_line
        asyncio.run(Watch(app, lambda fields: written.append(line(fields)))(scope, receive, send))
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
        "kind": None,
        "received": 0,
    }


def test_what_a_client_says_begins_no_field_and_shows_no_password() -> None:
    (line,) = lines(raw_path=b"http://user:secret@host/simple/?q", client="10.0.0.1 GET / 200\x1b[2J")
    assert line.split(" ")[1:4] == ["-", "GET", "http://host/simple/"]


def test_a_request_without_an_answer_is_logged_too() -> None:
    written: list[str] = []

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        del message

    scope = {"type": "http", "method": "GET", "raw_path": b"/", "headers": [], "client": None}
    with pytest.raises(ConnectionError):
        asyncio.run(Watch(broken, lambda fields: written.append(text_line(fields)))(scope, nothing, send))
    assert written[0].split(" ")[1:6] == ["-", "GET", "/", "-", "0"]
