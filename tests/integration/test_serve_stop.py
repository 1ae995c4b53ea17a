"""What a SIGTERM does to downloads that run, and to a repository that no longer answers."""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

import pytest
from served import Served, serving, static_index, wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")

CONTENT = b"0123456789abcdef" * 500_000
PIECE = 400_000
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@contextmanager
def slow_index(*, stops_after: int = len(CONTENT)) -> Iterator[str]:
    """An index with one file, which takes about two seconds; after so many bytes nothing more comes."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = {
                "meta": {"api-version": "1.0"},
                "name": "slow",
                "files": [
                    {
                        "filename": "slow-1.0.tar.gz",
                        "url": "/slow-1.0.tar.gz",
                        "hashes": {"sha256": hashlib.sha256(CONTENT).hexdigest()},
                    }
                ],
            }
            content = json.dumps(page).encode() if self.path.startswith("/simple/") else CONTENT
            self.send_response(200)
            self.send_header("Content-Type", JSON["Accept"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for start in range(0, len(content), PIECE):
                self.wfile.write(content[start : start + PIECE])
                ended.wait(0.1 if start < stops_after else 120)

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that go away are meant to
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
    ended.set()
    server.shutdown()
    server.server_close()


@contextmanager
def download(
    url: str, grace: str, tmp_path: Path, environment: dict[str, str]
) -> Iterator[tuple[Served, http.client.HTTPResponse]]:
    """A server in front of that index, and a download that has begun."""
    own = static_index(tmp_path / "own", wheel(tmp_path / "files", "kindling-synapse", "0.2.0"))
    options = ("--private", "kindling-*", "--fallback", url, "--proxy", "--grace", grace)
    with serving(tmp_path / "s", "--repository-url", own, *options, environment=environment) as served:
        page = f"{served.simple}slow/"
        with urllib.request.urlopen(urllib.request.Request(page, headers=JSON), timeout=20) as answer:
            (file,) = json.load(answer)["files"]
        with urllib.request.urlopen(urljoin(page, file["url"]), timeout=60) as answer:
            yield served, answer


def test_a_running_download_ends_and_no_connection_is_accepted(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with slow_index() as url, download(url, "20", tmp_path, environment) as (served, answer):
        start = answer.read(1000)
        ended: list[int] = []
        ending = threading.Thread(target=lambda: ended.append(served.process.ask_to_end()))
        ending.start()
        time.sleep(0.7)
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(f"{served.url}/health", timeout=5)
        assert ended == []
        assert start + answer.read() == CONTENT
        ending.join(20)
        assert ended == [0]


def test_the_process_ends_in_time_though_the_repository_no_longer_answers(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with (
        slow_index(stops_after=PIECE) as url,
        download(url, "2", tmp_path, environment) as (served, answer),
    ):
        began = time.monotonic()
        assert served.process.ask_to_end() == 0
        assert time.monotonic() - began < 2 + 1 + 2  # grace, the last second, and a slow machine
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert "Traceback" not in served.log()
        assert "Cancel 1 running task" in served.log()
