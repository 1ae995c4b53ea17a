"""Running the application: in the foreground until it is stopped, or beside something else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from publish_all.errors import PublishAllError, UsageError

HEAD_SECONDS = 20.0
"""How long a client may take to say what it wants."""
HEAD_LIMIT = 32 * 1024
"""How long that may be, in bytes: a credential can have a few thousand."""
IDLE_SECONDS = 15
"""How long a connection is kept on which nothing is asked."""
GRACE_SECONDS = 8
"""How long running transfers are waited for at the end, unless said otherwise: docker and Cloud Run kill after 10."""

_START_SECONDS = 30.0
_LATE_SECONDS = 1.0

Stop: TypeAlias = Callable[[], None]


class _Guarded(H11Protocol):
    """uvicorn's protocol in pure Python, which bounds the head of a request; here also the time for it.

    The faster one (httptools) collects a head of any length in memory.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if not waiting:
            self._relax()
        elif self._late is None:
            self._expect()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        if self.cycle is not None:
            # A request with a broken body gets no answer.
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _relax(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to from now on; port 0 for any free one. Raises `UsageError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        msg = f"can't listen on {host}, port {port}: {error.strerror or error}"
        raise UsageError(msg, hint="Choose another --host or --port.") from error
    # Connections inherit it. asyncio sets it only where a socket names its protocol, which this one does not: a
    # page whose head and body are sent apart would wait 40 ms for the client to acknowledge the head.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


class _Server(uvicorn.Server):
    """uvicorn's server, which calls `stop` when no request is waited for any longer, and then ends the process."""

    def __init__(self, config: uvicorn.Config, stop: Stop) -> None:
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._stop()
        # Each request that is given up would leave a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        # Threads that wait for a repository would hold up the end for as long as that takes.
        late = threading.Timer(_LATE_SECONDS, os._exit, [0])
        late.daemon = True
        late.start()


def run(
    app: ASGIApp,
    bound: socket.socket,
    *,
    stop: Stop,
    grace: int = GRACE_SECONDS,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM. No connection is accepted then, and what runs may take `grace` seconds to end.

    `stop` is called after that. The client that a proxy states in X-Forwarded-For is believed if the proxy is one of
    `trusted_proxies`: addresses, networks, or `*` for all.
    """
    config = _configuration(app, grace=grace, trusted_proxies=trusted_proxies)
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, stop).run(sockets=[bound])


@contextlib.contextmanager
def running(app: ASGIApp, bound: socket.socket, *, stop: Stop) -> Iterator[None]:
    """Serve in a thread while the block runs. `stop` is called at its end, before requests are waited for."""
    server = uvicorn.Server(_configuration(app))
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[bound])), name="publish-all index", daemon=True
    )
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise PublishAllError("the index did not start")
            time.sleep(0.005)
        yield
    finally:
        stop()
        server.should_exit = True
        thread.join(timeout=GRACE_SECONDS + 5)


def _configuration(
    app: ASGIApp, *, grace: int = GRACE_SECONDS, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    # Anyone could fill the log with forms that are none.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=_Guarded,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=grace,
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )
