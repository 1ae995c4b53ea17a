"""A client in the process: requests to an ASGI application, without any socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp


@dataclass(frozen=True, kw_only=True, slots=True)
class Got:
    """A reply. `whole` is False where the server left it unfinished."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def basic(username: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


async def ask(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    piece: int = 65536,
    http_version: str = "1.1",
) -> Got:
    path, _, query = target.partition("?")
    stated = {"host": "index.test", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": http_version,
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in stated.items()],
        "client": ("127.0.0.1", 1),
        "server": ("index.test", 80),
    }
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)] or [b""]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 30)
    start, *rest = sent
    return Got(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(each.get("body", b"") for each in rest),
        whole=bool(rest) and not rest[-1].get("more_body", False),
    )
