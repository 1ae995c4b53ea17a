"""Connections that extend urllib3's: they have time limits for whole replies and send URLs unchanged.

A time-out of urllib3 is for each piece that is received. A server that sends one byte a second would hold a request for
hours, so replies also have a budget: the time that is spent waiting for them, which grows with what arrives.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import urllib3

from publish_all._http_errors import SlowReplyError

WAITS = 3
"""The total wait for a reply, in read time-outs, in addition to the time that `LEAST_RATE` allows."""
LEAST_RATE = 1024
"""The lowest average rate of a reply, in bytes a second."""
_MOST_INTERIM = 16


class _Call(threading.local):
    """Information for the connection about the request that this thread sends."""

    target: str | None = None


_call = _Call()


@contextlib.contextmanager
def exact_target(target: str | None) -> Iterator[None]:
    """Requests of this thread go to this target (path and query), byte for byte; None leaves it to urllib3."""
    _call.target = target
    try:
        yield
    finally:
        _call.target = None


class _Budget(io.RawIOBase):
    """Reads from a socket, with its time-out and a limit for the total wait in seconds."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._left = WAITS * self._timeout if self._timeout else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left is None or self._timeout is None:
            return self._raw.readinto(buffer)
        began = time.monotonic()
        self._limit(min(self._timeout, max(self._left, 0.001)))
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError as error:
            if time.monotonic() - began >= self._left:
                raise SlowReplyError from error
            raise
        finally:
            self._left -= time.monotonic() - began
            self._limit(self._timeout)
        self._left += (count or 0) / LEAST_RATE
        return count

    def _limit(self, seconds: float) -> None:
        with contextlib.suppress(OSError):  # it was closed in the meantime
            self._sock.settimeout(seconds)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """A reply within a budget. 102 and 103 come before it (RFC 2518, RFC 8297); http.client knows 100 only."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        buffered: Any = self.fp
        self.fp = io.BufferedReader(_Budget(buffered.detach(), sock))

    def _read_status(self) -> tuple[str, int, str]:
        own: Any = super()
        for _ in range(_MOST_INTERIM):
            version, status, reason = own._read_status()  # noqa: SLF001 - the only method of http.client that reads a status line
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        msg = f"more than {_MOST_INTERIM} interim replies"
        raise http.client.HTTPException(msg)


class _Connection:
    """A mixin for connections of urllib3.

    `send_timeout` is how long each piece of a body may wait to be taken, in seconds. urllib3 sends with
    the time-out of connecting, which is too short for a server that stops reading for a while.
    """

    response_class: Any = _Answer
    send_timeout: float
    sock: Any

    def connect(self) -> None:
        own: Any = super()
        own.connect()
        self.sock.settimeout(self.send_timeout)

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:
        own: Any = super()
        own.putrequest(method, _call.target or url, *args, **options)


def pools(timeout: float) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Pools of such connections, by scheme; `timeout` is their `send_timeout`."""

    class Plain(_Connection, urllib3.connection.HTTPConnection):
        send_timeout = timeout

    class Tls(_Connection, urllib3.connection.HTTPSConnection):
        send_timeout = timeout

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
