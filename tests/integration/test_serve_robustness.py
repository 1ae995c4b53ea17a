"""The index server under bad requests and slow clients."""

from __future__ import annotations

import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from bad_requests import PASSWORD, corpus
from harness.process import clean_environment
from served import Served, serving, static_index, wheel

SLOW_CLIENTS = 201
PATIENCE = 1.0
RSS_LIMIT = 200 * 1024 * 1024
BASIC = "Basic dTpwYXNzd29yZA=="
ANSWER = re.compile(rb"HTTP/1\.[01] (\d{3})")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static index with one small wheel and one of 20 MB."""
    folder = tmp_path_factory.mktemp("bad")
    files = [
        wheel(folder / "files", "kindling-synapse", "0.2.0"),
        wheel(folder / "files", "kindling-large", "1.0", padding=20_000_000),
    ]
    return static_index(folder / "index", *files)


@pytest.fixture(scope="module")
def served(index: Path) -> Iterator[Served]:
    folder = index.parent / "serve"
    variables = clean_environment(folder / "home") | {"PUBLISH_ALL_SERVE_PASSWORD": PASSWORD}
    options = ("--repository-url", index, "--private", "kindling-*", "--fallback", "http://127.0.0.1:9/")
    with serving(folder, *options, environment=variables) as running:
        yield running


def answer_to(served: Served, content: bytes) -> bytes:
    """What comes back; empty for nothing within a moment."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as connection:
        got = bytearray()
        with suppress(OSError):  # it need not want all of it, and may have said why
            connection.sendall(content)
        with suppress(OSError):
            while piece := connection.recv(65536):
                got += piece
        return bytes(got)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def rss(served: Served) -> int | None:
    """The memory of the server's process in bytes, None where the system does not tell so."""
    port = f"--port\0{served.port}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            status = (folder / "status").read_text()
        except OSError:
            continue
        size = re.search(r"VmRSS:\s+(\d+) kB", status)
        if port in command and b"guard.py" not in command and size is not None:
            return int(size[1]) * 1024
    return None


def get_page(served: Served) -> float:
    """How long a page takes, in seconds."""
    began = time.monotonic()
    request = urllib.request.Request(f"{served.simple}kindling-synapse/", headers={"Authorization": BASIC})
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert b"kindling_synapse-0.2.0" in reply.read()
    return time.monotonic() - began


def large_file(served: Served) -> str:
    request = urllib.request.Request(f"{served.simple}kindling-large/", headers={"Authorization": BASIC})
    with urllib.request.urlopen(request, timeout=10) as reply:
        found = re.search(rb'href="../..([^"#]+)', reply.read())
    assert found is not None
    return found[1].decode()


def test_bad_requests_break_nothing_and_read_nothing(served: Served, index: Path) -> None:
    cases = list(corpus())
    assert len(cases) >= 200
    before = contents(index)

    with ThreadPoolExecutor(max_workers=24) as pool:
        answers = list(pool.map(lambda case: answer_to(served, case[1]), cases))

    failures = []
    for (name, _), answer in zip(cases, answers, strict=True):
        statuses = [int(each) for each in ANSWER.findall(answer)]
        leaks = (
            b"root:x:" in answer
            or b"Traceback" in answer
            or b"X-Injected" in answer.partition(b"\r\n\r\n")[0]
        )
        if leaks or any(each >= 500 for each in statuses):
            failures.append((name, answer[:300]))
    assert failures == []
    assert sum(bool(each) for each in answers) >= len(cases) * 0.8
    assert "Traceback" not in served.log()
    assert contents(index) == before
    # Nothing of what was sent stays.
    assert contents(served.cache) == {}
    assert get_page(served) < PATIENCE
    memory = rss(served)
    assert memory is None or memory < RSS_LIMIT


def test_slow_clients_do_not_keep_others_waiting(served: Served) -> None:
    """A third say what they want byte by byte, a third upload so, a third take a large file in small sips."""
    address = large_file(served)
    key = f"Host: x\r\nAuthorization: {BASIC}\r\n"
    upload = f"POST /legacy/ HTTP/1.1\r\n{key}Content-Length: 999999\r\n"
    kind = "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    openings = (
        b"GET /simple/ HT",
        f"{upload}{kind}--b\r\nContent-Disposition: form-data; name=x\r\n\r\n".encode(),
        f"GET {address} HTTP/1.1\r\n{key}\r\n".encode(),
    )
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=5))
            for _ in range(SLOW_CLIENTS)
        ]
        for number, client in enumerate(clients):
            client.sendall(openings[number % 3])
        times = []
        for step in range(8):
            for number, client in enumerate(clients):
                if number % 3 == 2:
                    assert client.recv(512)
                else:
                    client.sendall(b"T" if number % 3 else b"TP"[step % 2 : step % 2 + 1])
            times.append(get_page(served))
        memory = rss(served)
    assert max(times) < PATIENCE, times
    assert memory is None or memory < RSS_LIMIT
    assert get_page(served) < PATIENCE
    assert "Traceback" not in served.log()
