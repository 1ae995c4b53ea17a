"""The connections of the index server."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.server import ServerState

from publish_all.index.running import _configuration, _Guarded, listen


async def app(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def accepted() -> int:
    """What a connection that was answered is set to, on the server's side."""
    config = _configuration(app)
    config.load()
    protocols: list[_Guarded] = []

    def make() -> _Guarded:
        protocols.append(_Guarded(config=config, server_state=ServerState(), app_state={}))
        return protocols[-1]

    bound = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(make, sock=bound)
    async with server:
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        kept: socket.socket = protocols[0].transport.get_extra_info("socket")
        value = kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        await writer.wait_closed()
    return value


def test_a_page_is_not_held_back_until_its_head_is_acknowledged() -> None:
    assert asyncio.run(accepted()) != 0
