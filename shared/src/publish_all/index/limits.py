"""How long the server waits for a client: for the next piece of a request, and for one to be taken."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = 60.0
"""For each piece: a slow client may take its time for the whole, one that does nothing may not stay."""


class Patience:
    """Middleware. A request whose body does not come is as one whose client has gone away."""

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
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
                # What is sent in one piece waits for nobody; a time limit would cost a third of the answer.
                await send(message)
                return
            with anyio.fail_after(self._seconds):
                await send(message)

        try:
            await self._app(scope, patient_receive, patient_send)
        except TimeoutError:
            # The client takes nothing: what is left unfinished is closed by the server.
            return
