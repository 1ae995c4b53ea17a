"""Around each request: time limits for a slow client, and a report when the response has ended."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publish_all._urls import shown_or_raw

SECONDS = 60.0
"""For each piece: a slow client may take its time for the whole, one that does nothing may not stay."""

Tell: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Takes the fields of `Watch` for one request."""

_WORD = re.compile(r"[A-Za-z0-9._/+=:-]{1,128}")


class Patience:
    """Waits a time for each piece of a request and for each to be taken. A request whose body does not come is as one whose client has gone away."""

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = streamed = False

        async def patient_receive() -> Message:
            nonlocal whole
            if whole:
                # Nothing is to come any more but that the client goes away.
                return await receive()
            with anyio.move_on_after(self._seconds):
                message = await receive()
                whole = not message.get("more_body", False)
                return message
            return {"type": "http.disconnect"}

        async def patient_send(message: Message) -> None:
            nonlocal streamed
            streamed = streamed or message.get("more_body", False)
            if not streamed:
                # An answer in one piece cannot block; a time limit would make it a third slower.
                await send(message)
                return
            with anyio.fail_after(self._seconds):
                await send(message)

        try:
            await self._app(scope, patient_receive, patient_send)
        except TimeoutError:
            # The client reads nothing: the server closes the connection.
            return


class Watch:
    """Reports a request when its response has ended.

    The `path` is as it was sent, percent-encoded, so that no client can begin a new line of a log. Neither the query
    nor the Authorization header is reported. `bytes` are those of the body that were handed to the system, `received`
    those of the request's. `kind` is the name of the handler, None where there was none.
    """

    def __init__(self, app: ASGIApp, *told: Tell) -> None:
        self._app = app
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, when = time.monotonic(), time.time()
        status, size, received = 0, 0, 0

        async def noting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def noting_send(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            await send(message)
            size += len(message.get("body", b""))

        try:
            await self._app(scope, noting_receive, noting_send)
        finally:
            client = scope.get("client") or ("",)
            stated = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
            fields = {
                "time": datetime.fromtimestamp(when, timezone.utc).isoformat(timespec="milliseconds"),
                "client": client[0] if _WORD.fullmatch(client[0]) else "",
                "method": scope["method"],
                "path": shown_or_raw(scope["raw_path"].decode("ascii", errors="replace")),
                # A client that goes away before the answer leaves no status.
                "status": status or None,
                "bytes": size,
                "ms": round((time.monotonic() - began) * 1000, 1),
                "request_id": stated if _WORD.fullmatch(stated) else None,
                "kind": getattr(scope.get("endpoint"), "__name__", None),
                "received": received,
            }
            for tell in self._told:
                tell(fields)


def json_line(fields: Mapping[str, Any]) -> str:
    return json.dumps({"schema": 1, "event": "request", **fields})


def text_line(fields: Mapping[str, Any]) -> str:
    shown = {name: "-" if value in (None, "") else value for name, value in fields.items()}
    return "{time} {client} {method} {path} {status} {bytes} {ms}ms {request_id}".format(**shown)
