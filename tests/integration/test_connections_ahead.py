"""Connections that are made before they are needed, to real sockets on this machine."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3.util.connection
from harness.authority import authority

from publish_all._http import HttpOptions, Session, make_session
from publish_all._http_errors import Failure, HttpError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Counts who connects; answers each request, after `hold` is set."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.accepted = 0
        self.ended = 0
        self.served_on: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=32)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def wait_for(self, accepted: int) -> None:
        until = time.monotonic() + 10
        while self.accepted < accepted and time.monotonic() < until:
            time.sleep(0.005)
        assert self.accepted == accepted

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(client, self.accepted), daemon=True).start()

    def _serve(self, client: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            with client, client.makefile("rb") as stream:
                while stream.readline():
                    while stream.readline().strip():
                        pass
                    self.hold.wait(10)
                    self.served_on.append(number)
                    client.sendall(ANSWER)
        self.ended += 1


def answer(listening: socket.socket) -> None:
    """One request, of one connection."""
    client, _ = listening.accept()
    with client:
        client.recv(65536)
        client.sendall(ANSWER)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = make_session(HttpOptions(timeout=10))
    yield made
    made.close()


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """To connect takes a while; when it was begun is kept."""
    begun: list[float] = []
    own = urllib3.util.connection.create_connection

    def slow(*arguments: object, **options: object) -> socket.socket:
        begun.append(time.monotonic())
        time.sleep(0.3)
        return own(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib3.util.connection, "create_connection", slow)
    return begun


def test_a_request_takes_the_connection_that_was_made_ahead(server: Server, session: Session) -> None:
    session.connect(server.url)
    server.wait_for(1)
    assert session.request("GET", server.url).body == b"ok"
    assert server.accepted == 1


def test_requests_wait_for_connections_that_are_being_made(
    server: Server, session: Session, slowly: list[float]
) -> None:
    session.connect(server.url, count=4)
    server.hold.clear()
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(session.request, "GET", server.url) for _ in range(4)]
        server.wait_for(4)
        server.hold.set()
        assert [each.result().status for each in replies] == [200] * 4
    assert len(slowly) == server.accepted == 4, "nobody made another one"
    assert sorted(server.served_on) == [1, 2, 3, 4], "and none was left over"


def test_comes_back_at_once(server: Server, session: Session, slowly: list[float]) -> None:
    begun = time.monotonic()
    session.connect(server.url)
    assert time.monotonic() - begun < 0.25
    assert session.request("GET", server.url).status == 200
    assert len(slowly) == 1


def test_connections_that_are_free_count(server: Server, session: Session) -> None:
    session.request("GET", server.url)
    session.connect(server.url, count=3)
    server.wait_for(3)


def test_what_stands_against_it_is_told_to_the_request(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    session.connect(url)
    for _ in range(2):
        with pytest.raises(HttpError) as caught:
            session.request("GET", url)
        assert caught.value.failure is Failure.REFUSED


def test_a_refusal_is_told_once_and_then_it_is_tried_again(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    session.connect(url)
    with pytest.raises(HttpError):
        session.request("GET", url)
    with socket.create_server(("127.0.0.1", port)) as back:
        threading.Thread(target=answer, args=(back,), daemon=True).start()
        assert session.request("GET", url).body == b"ok"


def test_what_nobody_uses_is_closed_when_told_so(server: Server, session: Session) -> None:
    session.connect(server.url, count=3)
    server.wait_for(3)
    session.disconnect()
    until = time.monotonic() + 10
    while server.ended < 3 and time.monotonic() < until:
        time.sleep(0.005)
    assert server.ended == 3
    assert session.request("GET", server.url).body == b"ok"
    assert server.accepted == 4


def test_what_is_being_made_is_closed_when_it_stands(
    server: Server, session: Session, slowly: list[float]
) -> None:
    session.connect(server.url)
    time.sleep(0.05)
    session.disconnect()
    server.wait_for(1)
    until = time.monotonic() + 10
    while server.ended < 1 and time.monotonic() < until:
        time.sleep(0.005)
    assert server.ended == 1
    assert session.request("GET", server.url).body == b"ok"
    assert len(slowly) == 2


def test_a_connection_that_the_server_ended_meanwhile_is_made_again(server: Server, session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        url = f"http://127.0.0.1:{rude.getsockname()[1]}/"
        session.connect(url)
        client, _ = rude.accept()
        client.close()
        time.sleep(0.1)
        threading.Thread(target=answer, args=(rude,), daemon=True).start()
        assert session.request("GET", url).body == b"ok"


def test_a_server_that_serves_one_connection_after_another(session: Session) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as single:
        threading.Thread(target=single.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{single.server_port}/"
        for count in (1, 4):
            session.connect(url, count=count)
            with ThreadPoolExecutor(4) as pool:
                replies = list(pool.map(lambda _: session.request("GET", url), range(count)))
            assert [each.body for each in replies] == [b"ok"] * count
        single.shutdown()


def test_nothing_is_made_ahead_through_a_proxy_or_where_it_is_not_allowed(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.connect("http://index.example/")
    session.connect("ftp://127.0.0.1/")
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    session.connect("http://127.0.0.1:9/")
    time.sleep(0.1)
    assert server.accepted == 0


def test_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowly: list[float]) -> None:
    certificate, context = authority(tmp_path)
    server = Server(context)
    session = make_session(HttpOptions(timeout=10, ca_cert=certificate))
    session.connect(server.url, count=2)
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: session.request("GET", server.url), range(2)))
    assert [each.body for each in replies] == [b"ok"] * 2
    assert server.accepted == len(slowly) == 2
    session.close()
    server.close()


def test_with_tls_a_connection_that_the_server_ended_meanwhile_is_made_again(tmp_path: Path) -> None:
    """It says so, and waits for our answer (RFC 8446, section 6.1): the socket itself is not closed."""
    certificate, context = authority(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as rude:
        session = make_session(HttpOptions(timeout=10, ca_cert=certificate))
        url = f"https://127.0.0.1:{rude.getsockname()[1]}/"
        ended = threading.Event()

        def serve() -> None:
            raw, _ = rude.accept()
            first = context.wrap_socket(raw, server_side=True)
            first.settimeout(0.2)
            with contextlib.suppress(OSError):
                first.unwrap()
            ended.set()
            again, _ = rude.accept()
            with context.wrap_socket(again, server_side=True) as second:
                second.recv(65536)
                second.sendall(ANSWER)
            first.close()

        threading.Thread(target=serve, daemon=True).start()
        session.connect(url)
        assert ended.wait(10)
        assert session.request("GET", url).body == b"ok"
        session.close()


def test_to_disconnect_never_fails(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.connect(server.url, count=2)
    server.wait_for(2)

    def full(*_: object, **__: object) -> None:
        raise queue.Full

    monkeypatch.setattr(queue.LifoQueue, "put", full)
    session.disconnect()
    until = time.monotonic() + 10
    while server.ended < 2 and time.monotonic() < until:
        time.sleep(0.005)
    assert server.ended == 2


def test_a_certificate_that_is_not_trusted_is_told_to_the_request(tmp_path: Path, session: Session) -> None:
    _, context = authority(tmp_path)
    server = Server(context)
    session.connect(server.url)
    with pytest.raises(HttpError) as caught:
        session.request("GET", server.url)
    assert caught.value.failure is Failure.TLS
    server.close()
