"""Servers that send one byte a second, many interim replies, or nothing in time; and processes that end meanwhile."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.authority import authority
from harness.process import clean_environment
from made_files import make_wheel

from publish_all._http import HttpOptions, Session, make_session
from publish_all._http_errors import Failure, HttpError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[Callable[[socket.socket, bytes], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that reads the head of each request and leaves the reply to a function."""
    sockets: list[socket.socket] = []

    def one(connection: socket.socket, answer: Callable[[socket.socket, bytes], None]) -> None:
        with connection, contextlib.suppress(OSError):
            data = b""
            while piece := connection.recv(65536):
                data += piece
                if b"\r\n\r\n" in data:
                    answer(connection, data)
                    data = b""

    def start(answer: Callable[[socket.socket, bytes], None]) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=one, args=(connection, answer), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/"

    yield start
    for each in sockets:
        each.close()


@pytest.fixture
def session() -> Iterator[Session]:
    session = make_session(HttpOptions(timeout=0.5))
    yield session
    session.close()


def drip(connection: socket.socket, text: bytes, seconds: float = 0.2) -> None:
    for each in text:
        connection.sendall(bytes([each]))
        time.sleep(seconds)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"]
)
def test_a_reply_that_drips_ends_in_bounded_time(serve: Serve, session: Session, beginning: bytes) -> None:
    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(beginning)
        drip(connection, b"X" * 200)

    began = time.monotonic()
    with pytest.raises(HttpError, match="too slowly") as caught:
        session.request("GET", serve(answer))
    assert (caught.value.failure, caught.value.retryable) == (Failure.TIMEOUT, False)
    assert time.monotonic() - began < 6


def test_a_reply_that_takes_long_and_keeps_coming_is_read(serve: Serve, session: Session) -> None:
    body = b"x" * 64 * 1024

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 8192):
            time.sleep(0.3)
            connection.sendall(body[start : start + 8192])

    assert session.request("GET", serve(answer)).body == body


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </x>"])
def test_interim_replies_are_passed_over(serve: Serve, session: Session, interim: bytes) -> None:
    url = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 %s\r\n\r\n" % interim * 3 + OK))
    for _ in range(2):
        assert session.request("GET", url).body == b"ok"


def test_interim_replies_without_end_are_an_error(serve: Serve, session: Session) -> None:
    url = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000))
    with pytest.raises(HttpError, match="interim"):
        session.request("GET", url)


@pytest.mark.parametrize("target", ["/a?s=%2fx%3d", "/a%2fb?x=~(1)*", "/a?x;y&z"])
def test_addresses_are_sent_as_they_are_given(serve: Serve, session: Session, target: str) -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket, head: bytes) -> None:
        seen.append(head.split(b" ")[1])
        connection.sendall(OK)

    session.request("GET", serve(answer).rstrip("/") + target)
    assert seen == [target.encode()]


@pytest.fixture
def slow_tls(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """The bundle and port of a server that takes its time for each handshake, and then refuses."""
    bundle, context = authority(tmp_path)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ssl.SSLError):
            time.sleep(0.05)
            with context.wrap_socket(connection, server_side=True) as secure:
                while secure.recv(65536):
                    secure.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield bundle, listening.getsockname()[1]
    listening.close()


@pytest.mark.parametrize("runs", [20, pytest.param(200, marks=pytest.mark.chaos)])
def test_no_refused_run_crashes_at_its_end(slow_tls: tuple[Path, int], tmp_path: Path, runs: int) -> None:
    """With a check that fails, a credential that is missing, and one that the server refuses."""
    bundle, port = slow_tls
    bad = tmp_path / "bad"
    bad.mkdir()
    good = make_wheel(tmp_path, "kindling", "1.0")
    bad = bad / good.name
    bad.write_bytes(good.read_bytes()[:-40])
    environment = clean_environment(tmp_path / "home") | {"PYTHONPATH": os.pathsep.join(sys.path)}
    secret = {"PUBLISH_ALL_FAR_TOKEN": "wrong-token"}
    kinds = ((bad, {}, {1, 4}), (good, {}, {3}), (good, secret, {1, 3, 5}))

    def refused(number: int) -> tuple[int, set[int], str]:
        path, more, expected = kinds[number % len(kinds)]
        url = f"https://127.0.0.1:{port}/legacy/"
        options = ["-n", "-r", "far", "--repository-url", url, "--ca-cert", str(bundle), "--timeout", "20"]
        done = subprocess.run(
            [sys.executable, "-m", "publish_all", "publish", *options, str(path)],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, expected, done.stderr

    with ThreadPoolExecutor(max_workers=4) as pool:
        ended = list(pool.map(refused, range(runs)))
    assert [each for each in ended if each[0] not in each[1]] == []


@pytest.mark.parametrize("gone", ["stdout", "stderr", "both"])
def test_a_publish_whose_output_nobody_reads_ends_with_the_code_of_its_uploads(
    tmp_path: Path, gone: str
) -> None:
    wheel = make_wheel(tmp_path, "kindling", "1.0")
    environment = clean_environment(tmp_path / "home") | {"PYTHONPATH": os.pathsep.join(sys.path)}
    options = ["-n", "-r", "site", "--repository-url", str(tmp_path / "site"), str(wheel)]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "publish_all", "publish", *options],
            cwd=tmp_path,
            env=environment,
            stdout=writing if gone in {"stdout", "both"} else subprocess.DEVNULL,
            stderr=writing if gone in {"stderr", "both"} else subprocess.DEVNULL,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writing)
    stored = (tmp_path / "site" / "simple" / "kindling" / wheel.name).is_file()
    assert (done.returncode, stored) == (0, True)
