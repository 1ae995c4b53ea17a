"""A proxy in front of a package index that fails in every way a network and a server fail, from a seed.

It drops connections before, in the middle of, and after the body; delays; answers 429 with and without
Retry-After, 500, 502 and 503 (before or after the server has seen the request); cuts replies short and
replies with garbage. No request is failed more than `MOST_IN_A_ROW` times in a row, so that a patient
client gets through; with `dead_after` it answers so many requests and then nobody any more. Until it is
healed, it may also answer 200 to uploads that it does not pass on, and list nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

MOST_IN_A_ROW = 3
PIECE = 4096

FAULTS = (
    "drop before the body",
    "drop in the middle of the body",
    "drop after the body, unseen by the server",
    "drop after the body, done by the server",
    "429",
    "429 with Retry-After",
    "500",
    "502",
    "502 though done by the server",
    "503",
    "cut reply",
    "garbage reply",
    "delay",
)
_SHA256 = re.compile(rb'name="sha256_digest"\r\n\r\n([0-9a-f]{64})')
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Passed:
    """What the server answered to one request that reached it."""

    method: str
    key: str
    status: int


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request, and the first piece of its body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    length: int
    first: bytes

    @property
    def key(self) -> str:
        """What is asked for: the file's hash in an upload, else the path."""
        found = _SHA256.search(self.first)
        return found.group(1).decode() if found else f"{self.method} {self.target}"

    @property
    def is_upload(self) -> bool:
        return not self.key.startswith(self.method)


@dataclass(slots=True)
class Reply:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in _HOP_BY_HOP]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("latin-1")


class DroppedError(Exception):
    """The connection is to be dropped, without a word."""


@dataclass(slots=True)
class _Dice:
    """Decides what happens to each request."""

    seed: int
    rate: float
    _random: random.Random = field(init=False)
    _in_a_row: Counter[str] = field(init=False, default_factory=Counter)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def throw(self, key: str) -> str | None:
        with self._lock:
            if self._random.random() >= self.rate or self._in_a_row[key] >= MOST_IN_A_ROW:
                self._in_a_row[key] = 0
                return None
            fault = self._random.choice(FAULTS)
            self._in_a_row[key] += fault != "delay"
            return fault

    def seconds(self) -> float:
        with self._lock:
            return self._random.uniform(0.01, 0.2)


class ChaosProxy:
    """A running proxy on a loopback port. `passed` is what came through to the server, `faults` what did not."""

    def __init__(
        self, upstream: str, *, seed: int, rate: float = 0.35, dead_after: int | None = None
    ) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self._upstream = (parts.hostname, parts.port)
        self._dice = _Dice(seed, rate)
        self.dead_after = dead_after
        self.forgets: float = 0.0  # the share of files whose uploads are answered with 200 and not stored
        self.forgotten: set[str] = set()
        self.lists_nothing = False
        self.seen = 0
        self.passed: list[Passed] = []
        self.faults: Counter[str] = Counter()
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def through(self, url: str) -> str:
        """The URL of the server as it is reached through here."""
        parts = urlsplit(url)
        return f"{self.origin}{parts.path}"

    def heal(self) -> None:
        """From now on nothing fails."""
        self.dead_after = None
        self.forgets = 0.0
        self.lists_nothing = False
        self.calm()

    def calm(self) -> None:
        """Nothing fails by chance any more."""
        self._dice.rate = 0.0

    def wait_for(self, requests: int, *, seconds: float) -> bool:
        """Until so many requests have been seen."""
        with self.changed:
            return self.changed.wait_for(lambda: self.seen >= requests, timeout=seconds)

    def wait_for_upload(self, number: int, *, seconds: float) -> bool:
        """Until the server has taken so many files; the answer to the last of them may not be sent yet."""

        def taken() -> bool:
            return sum(each.status == 200 and len(each.key) == 64 for each in self.passed) >= number

        with self.changed:
            return self.changed.wait_for(taken, timeout=seconds)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, request: Request) -> str | None:
        with self.changed:
            self.seen += 1
            dead = self.dead_after is not None and self.seen > self.dead_after
            self.changed.notify_all()
        fault = "drop before the body" if dead else self._dice.throw(request.key)
        with self.changed:
            self.faults[fault or "none"] += 1
        return fault

    def pause(self) -> None:
        time.sleep(self._dice.seconds())

    def forward(self, request: Request, body: bytes) -> Reply:
        if request.is_upload and int(request.key[:8], 16) < self.forgets * 0x1_0000_0000:
            self.forgotten.add(request.key)
            return Reply(200, "OK", [], b"")
        if self.lists_nothing and request.method == "GET" and "simple" in request.target:
            return Reply(404, "Not Found", [], b"")
        connection = http.client.HTTPConnection(*self._upstream, timeout=60)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            if request.length:
                connection.putheader("Content-Length", str(request.length))
            connection.putheader("Connection", "close")
            connection.endheaders(body)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.reason, answer.getheaders(), answer.read())
        finally:
            connection.close()
        with self.changed:
            self.passed.append(Passed(request.method, request.key, reply.status))
            self.changed.notify_all()
        return reply


@contextlib.contextmanager
def chaos_proxy(upstream: str, *, seed: int, rate: float = 0.35) -> Iterator[ChaosProxy]:
    """A proxy for as long as the context lasts."""
    proxy = ChaosProxy(upstream, seed=seed, rate=rate)
    try:
        yield proxy
    finally:
        proxy.stop()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    proxy: ChaosProxy


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(DroppedError, ConnectionError, TimeoutError, http.client.HTTPException):
            while (request := read_request(self.rfile)) is not None:
                self._serve(request)
            return
        # A reset, not an orderly end: nobody is told that this was all.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def _serve(self, request: Request) -> None:
        proxy = self.server.proxy
        fault = proxy.fault(request)
        if fault == "drop before the body":
            raise DroppedError
        rest = request.length - len(request.first)
        if fault == "drop in the middle of the body":
            self.rfile.read(rest // 2)
            raise DroppedError
        body = request.first + self.rfile.read(rest)
        match fault:
            case None:
                self._send(proxy.forward(request, body))
            case "delay":
                proxy.pause()
                self._send(proxy.forward(request, body))
            case "drop after the body, unseen by the server":
                raise DroppedError
            case "drop after the body, done by the server":
                proxy.forward(request, body)
                raise DroppedError
            case "cut reply":
                reply = proxy.forward(request, body)
                self.wfile.write(reply.head() + reply.body[: len(reply.body) // 2])
                raise DroppedError
            case "garbage reply":
                proxy.forward(request, body)
                self.wfile.write(b"\x16\x03\x01\x00garbage\r\n\r\n\x00\xff")
                raise DroppedError
            case _:
                if fault.endswith("done by the server"):
                    proxy.forward(request, body)
                self._send(failure(fault))

    def _send(self, reply: Reply) -> None:
        self.wfile.write(reply.head() + reply.body)
        self.wfile.flush()


def failure(fault: str) -> Reply:
    """`503`, `429 with Retry-After`, … as a reply."""
    status = int(fault[:3])
    headers = [("Content-Type", "text/html")]
    if fault.endswith("Retry-After"):
        headers.append(("Retry-After", "1"))
    return Reply(status, http.client.responses[status], headers, b"<html><h1>not today</h1></html>")


def read_request(stream: BinaryIO) -> Request | None:
    """The next request of a connection; None at its end."""
    line = stream.readline(65536)
    if not line.strip():
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers = tuple(_headers(stream))
    length = int({name.lower(): value for name, value in headers}.get("content-length", "0"))
    return Request(method, target, headers, length, stream.read(min(length, PIECE)))


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    while (line := stream.readline(65536)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        yield name, value.strip()
