"""One line for each request, as text or as a JSON object, without any secret."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import IO, Any, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publish_all.index.responses import SEND_FILE

WriteLine: TypeAlias = Callable[[str], None]
"""Writes a line of the log; the line does not end with a newline."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._/+=:-]{1,128}")


class AccessLog:
    """Middleware that writes a line when a response has ended.

    A line holds the path as it was sent, percent-encoded, so that no client can begin a new line. It holds
    neither the query nor the Authorization header. `bytes` are those of the body that were handed to the
    system.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        write: WriteLine,
        as_json: bool = False,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._write = write
        self._render = _json if as_json else _text
        self._now = now
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, when = self._clock(), self._now()
        status, size = 0, 0

        async def noting_send(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            await send(message)
            size += len(message.get("body", b""))

        send_file = scope.get("extensions", {}).get(SEND_FILE)

        async def noting_send_file(file: IO[bytes], first: int, length: int) -> None:
            nonlocal size
            await send_file(file, first, length)
            size += length

        if send_file is not None:
            scope = {**scope, "extensions": {**scope["extensions"], SEND_FILE: noting_send_file}}
        try:
            await self._app(scope, receive, noting_send)
        finally:
            milliseconds = (self._clock() - began) * 1000
            self._write(self._render(_fields(scope, when, status, size, milliseconds)))


def _fields(scope: Scope, when: float, status: int, size: int, milliseconds: float) -> Mapping[str, Any]:
    client = scope.get("client")
    stated = dict(scope["headers"]).get(b"x-request-id", b"")
    return {
        "time": datetime.fromtimestamp(when, timezone.utc).isoformat(timespec="milliseconds"),
        "client": client[0] if client else "",
        "method": scope["method"],
        "path": scope["raw_path"].decode("ascii", errors="replace").partition("?")[0],
        # A client that goes away before the answer leaves no status.
        "status": status or None,
        "bytes": size,
        "ms": round(milliseconds, 1),
        "request_id": stated.decode("ascii") if _REQUEST_ID.fullmatch(stated) else None,
    }


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps({"schema": 1, "event": "request", **fields})


def _text(fields: Mapping[str, Any]) -> str:
    shown = {name: "-" if value in (None, "") else value for name, value in fields.items()}
    return "{time} {client} {method} {path} {status} {bytes} {ms}ms {request_id}".format(**shown)
