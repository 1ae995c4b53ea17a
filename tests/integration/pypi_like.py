"""A package index that fails as PyPI does when several uploads open a release at once, or when many go to one.

Measured on PyPI's own server: of uploads that open a release together one succeeds and the others get 500
(a unique violation); more than four at a time on one release meet deadlocks, 500 as well.
"""

from __future__ import annotations

import contextlib
import json
import re
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaos_proxy import Reply, Request, read_request

MOST_PER_RELEASE = 4
SECONDS = 0.05

_FIELD = re.compile(rb'name="([a-z0-9_:]+)"\r\n\r\n([^\r]*)\r\n')
_FILENAME = re.compile(rb'name="content"; filename="([^"]+)"')
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class PyPILike:
    """What the server holds, project → filename → sha256, and what it saw."""

    held: dict[str, dict[str, str]] = field(default_factory=dict)
    releases: set[str] = field(default_factory=set)
    running: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    unique_violations: int = 0
    deadlocks: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    origin: str = ""

    @property
    def upload_url(self) -> str:
        return f"{self.origin}/legacy/"

    @property
    def index_url(self) -> str:
        return f"{self.origin}/simple/"

    def answer(self, request: Request, body: bytes) -> Reply:
        if request.method == "POST":
            return self._upload(body)
        return self._page(request.target.strip("/").rpartition("/")[2])

    def _upload(self, body: bytes) -> Reply:
        form = {name.decode(): value.decode() for name, value in _FIELD.findall(body)}
        found = _FILENAME.search(body)
        if found is None:
            return _text(400, "Invalid value for metadata_version.")
        filename, release = found.group(1).decode(), f"{form['name']} {form['version']}"
        with self.lock:
            self.running[release] += 1
            self.running["all"] += 1
            for key in (release, "all"):
                self.most_at_once[key] = max(self.most_at_once[key], self.running[key])
            opens = release not in self.releases
            too_many = self.running[release] > MOST_PER_RELEASE
        time.sleep(SECONDS)
        with self.lock:
            self.running[release] -= 1
            self.running["all"] -= 1
            self.uploads[filename] += 1
            if opens and release in self.releases:
                self.unique_violations += 1
                return _text(500, "duplicate key value violates unique constraint")
            if too_many:
                self.deadlocks += 1
                return _text(500, "deadlock detected")
            self.releases.add(release)
            self.held.setdefault(form["name"], {})[filename] = form["sha256_digest"]
        return _text(200, "")

    def _page(self, project: str) -> Reply:
        with self.lock:
            files = dict(self.held.get(project, {}))
        if not files:
            return _text(404, "not found")
        page = {
            "meta": {"api-version": "1.0"},
            "name": project,
            "files": [
                {"filename": name, "url": f"{self.origin}/files/{name}", "hashes": {"sha256": sha256}}
                for name, sha256 in files.items()
            ],
        }
        return Reply(200, "OK", [("Content-Type", _JSON)], json.dumps(page).encode())


def _text(status: int, text: str) -> Reply:
    return Reply(status, text or "OK", [("Content-Type", "text/plain")], text.encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    index: PyPILike


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while (request := read_request(self.rfile)) is not None:
                body = request.first + self.rfile.read(request.length - len(request.first))
                reply = self.server.index.answer(request, body)
                self.wfile.write(reply.head() + reply.body)


@contextlib.contextmanager
def pypi_like() -> Iterator[PyPILike]:
    """A running one, for as long as the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.index = PyPILike(origin=f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.index
    finally:
        server.shutdown()
        server.server_close()
