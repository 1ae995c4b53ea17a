"""A file as an HTTP response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import IO, TypeAlias

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from publish_all.index.arrival import BrokenTransferError
from publish_all.index.transfers import Body

SEND_FILE = "publish-all.send-file"
"""The extension of ASGI by which our server sends a part of a file without reading it."""

SendFile: TypeAlias = Callable[[IO[bytes], int, int], Awaitable[None]]
"""Sends so many bytes of a file from a position on, in the place of the body. Raises `OSError`."""


class BodyResponse(Response):
    """Bytes that are sent as they come, from the `first` on, `length` of them (None: all, however many).

    Ends when the client goes away. Where the rest of the bytes does not come, the response is left
    unfinished, by which a client sees that it has not got all.
    """

    def __init__(
        self,
        body: Body,
        *,
        status: int,
        headers: Mapping[str, str],
        length: int | None,
        first: int = 0,
    ) -> None:
        self.status_code = status
        self.background = None
        self._content = body
        self._first = first
        self._length = length
        stated = {} if length is None else {"Content-Length": str(length)}
        self.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in {**headers, **stated}.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with anyio.create_task_group() as group:

                async def watch() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    group.cancel_scope.cancel()

                group.start_soon(watch)
                send_file = scope.get("extensions", {}).get(SEND_FILE)
                await self._send(send, send_file, head_only=scope["method"] == "HEAD")
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._content.close()

    async def _send(self, send: Send, send_file: SendFile | None, *, head_only: bool) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            if not head_only:
                await self._send_content(send, send_file)
        except (BrokenTransferError, OSError):  # a time-out is an OSError, too
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_content(self, send: Send, send_file: SendFile | None) -> None:
        file = self._content.file
        if send_file is not None and file is not None and self._length:
            await send_file(file, self._first, self._length)
            return
        async for piece in self._content.content(self._first, self._length):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
