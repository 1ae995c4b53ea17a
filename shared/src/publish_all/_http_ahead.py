"""Connections that are made before they are needed, while something else is waited for.

To greet a server takes one round trip, with TLS two or three. A connection made ahead lies in its pool from the
beginning; whoever takes it out waits until it stands. So nobody makes another one meanwhile, and none is left
over: a server that serves one connection after another would wait for it, and for nobody else.
"""

from __future__ import annotations

import contextlib
import queue
import ssl
import threading
from typing import Any

import requests
import urllib3
from requests.utils import select_proxy

from publish_all._http_errors import ensure_allowed


class OpenedAhead:
    """Stands before a connection of urllib3, which one thread may open while another is about to use it.

    `send_timeout` is how long each piece of a body may wait to be taken, in seconds. urllib3 sends with the
    time-out of connecting, which is too short for a server that stops reading for a while.
    """

    send_timeout: float
    sock: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opening = threading.RLock()
        self._failed: Exception | None = None
        self._unused = False
        self._wanted = False

    @property
    def is_connected(self) -> bool:
        # The pool asks this of each connection that it gives away.
        own: Any = super()
        with self._opening:
            if self._unused and isinstance(self.sock, ssl.SSLSocket):
                self._unused = False
                if not _is_quiet(self.sock):
                    self.close()
            return bool(own.is_connected)

    def connect(self) -> None:
        with self._opening:
            if self._failed is not None:
                error, self._failed = self._failed, None
                raise error
            if self.sock is None:
                self._connect()

    def close(self) -> None:
        self._wanted = False
        own: Any = super()
        own.close()

    def open_in_background(self, timeout: float) -> None:
        """As `connect`, for the next who wants to; what stands against it is raised there."""
        self._wanted = True
        threading.Thread(target=self._open, args=(timeout,), daemon=True).start()

    def _open(self, timeout: float) -> None:
        this: Any = self
        with self._opening:
            if self.sock is not None or self._failed is not None or not self._wanted:
                return
            this.timeout = timeout
            try:
                self._connect()
            except Exception as error:  # noqa: BLE001 - it is raised again where the connection is needed
                if self._wanted:
                    self._failed = error
                self.close()
                return
            self._unused = True
            if not self._wanted:  # closed meanwhile
                self.close()

    def _connect(self) -> None:
        own: Any = super()
        own.connect()
        sock = self.sock  # which another thread may close
        if sock is not None:
            sock.settimeout(self.send_timeout)


def _is_quiet(sock: ssl.SSLSocket) -> bool:
    """Whether a server says nothing but what it sends after a handshake by itself (RFC 8446, section 4.6.1).

    That is something to read, by which urllib3 would think that the server has ended the connection.
    """
    timeout = sock.gettimeout()
    try:
        sock.settimeout(0)
        sock.recv(1)  # the end, or an answer to nothing
    except ssl.SSLWantReadError:
        sock.settimeout(timeout)
        return True
    except OSError:
        return False
    return False


class Ahead:
    """Makes connections of a session ahead. Never raises: what can't be made ahead is made when it is needed."""

    def __init__(self, session: requests.Session, *, timeout: float, verify: str | None) -> None:
        self._session = session
        self._timeout = timeout
        self._verify = verify
        self._pools: list[Any] = []

    def connect(self, url: str, count: int) -> None:
        """Have `count` connections to the server of `url` that nobody uses yet. Comes back at once."""
        with contextlib.suppress(Exception):
            pool = self._pool(url)
            if pool is None:
                return
            connections: list[Any] = [pool._get_conn(timeout=0) for _ in range(count)]  # noqa: SLF001 - urllib3 has no other way
            for each in connections:
                if each.sock is None and isinstance(each, OpenedAhead):
                    each.open_in_background(self._timeout)
                pool._put_conn(each)  # noqa: SLF001 - as above
            self._pools.append(pool)

    def disconnect(self) -> None:
        """Close the connections that nobody uses, of all servers to which some were made ahead."""
        for pool in self._pools:
            with contextlib.suppress(Exception):  # it is closed, or others put connections back meanwhile
                _close_idle(pool.pool)
        self._pools.clear()

    def _pool(self, url: str) -> urllib3.HTTPConnectionPool | None:
        """The one that a request to `url` takes its connection from; None where a proxy stands between."""
        ensure_allowed(url)
        settings = self._session.merge_environment_settings(url, {}, True, self._verify, None)
        if select_proxy(url, settings["proxies"]):
            return None
        adapter: Any = self._session.get_adapter(url)
        request = requests.Request("GET", url).prepare()
        options: dict[str, Any] = {"verify": settings["verify"], "proxies": {}, "cert": settings["cert"]}
        pool: urllib3.HTTPConnectionPool = adapter.get_connection_with_tls_context(request, **options)
        adapter.cert_verify(pool, request.url, options["verify"], options["cert"])
        return pool


def _close_idle(connections: queue.Queue[Any]) -> None:
    idle = []
    with contextlib.suppress(queue.Empty):
        while True:
            idle.append(connections.get(block=False))
    for each in idle:
        if each is not None:
            each.close()
    for each in reversed(idle):
        connections.put(each, block=False)
