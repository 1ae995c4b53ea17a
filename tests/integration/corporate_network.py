"""A company's network on this machine: servers of names that exist nowhere, with certificates of a private authority,
which are reached by a forward proxy that wants a password."""

from __future__ import annotations

import base64
import hashlib
import re
import select
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.authority import authority

USER, PASSWORD = "ada", "pr0xy pass"
_FILE = re.compile(rb'name="content"; filename="([^"]+)"\r\n(?:[^\r\n]+\r\n)*\r\n')


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@dataclass
class CompanyIndex:
    """Takes uploads and lists them, for the one user of each host; keeps whom it was shown.

    `logins` has the user and password for each host. Anything that is posted is an upload, anything below
    `/simple/` a page.
    """

    logins: Mapping[str, tuple[str, str]]
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    users: set[tuple[str, str]] = field(default_factory=set)

    def start(self, context: ssl.SSLContext) -> int:
        """The port. Ends with the tests."""
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self._is_allowed():
                    self._answer(200 if index.take(self._host(), body) else 400, b"ok")

            def do_GET(self) -> None:
                if self._is_allowed():
                    page = index.page(self._host(), self.path)
                    self._answer(404 if page is None else 200, page or b"")

            def _host(self) -> str:
                return self.headers.get("Host", "").partition(":")[0]

            def _is_allowed(self) -> bool:
                sent = self.headers.get("Authorization", "")
                pair = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")
                if sent:
                    index.users.add((self._host(), pair[0]))
                if (pair[0], pair[2]) == index.logins.get(self._host()):
                    return True
                self._answer(401, b"who are you?", {"WWW-Authenticate": 'Basic realm="company"'})
                return False

            def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = QuietServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    def take(self, host: str, body: bytes) -> bool:
        found = _FILE.search(body)
        boundary = re.match(rb"--[^\r]+", body)
        if found is None or boundary is None:
            return False
        content = body[found.end() : body.rindex(b"\r\n" + boundary[0])]
        self.files.setdefault(host, {})[found[1].decode()] = content
        return True

    def page(self, host: str, path: str) -> bytes | None:
        held = self.files.get(host, {})
        name = path.rstrip("/").rpartition("/")[2]
        if "/files/" in path:
            return held.get(name)
        links = [
            f'<a href="/files/{each}#sha256={hashlib.sha256(content).hexdigest()}">{each}</a>'
            for each, content in held.items()
            if each.partition("-")[0].replace("_", "-") == name
        ]
        if name == "simple" or links:
            return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        return None


class ForwardProxy:
    """Connects whoever knows the password to the ports of `routes`, by name; keeps the names, and who was refused."""

    def __init__(self, routes: Mapping[str, int]) -> None:
        self.connected: list[str] = []
        self.refused: list[str] = []
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                host = self.path.partition(":")[0]
                if self.headers.get("Proxy-Authorization") != f"Basic {pair}":
                    proxy.refused.append(host)
                    self.send_response(407)
                    self.send_header("Proxy-Authenticate", 'Basic realm="company"')
                    self.end_headers()
                elif host not in routes:
                    proxy.refused.append(host)
                    self.send_error(502, "no such host")
                else:
                    proxy.connected.append(host)
                    with socket.create_connection(("127.0.0.1", routes[host])) as target:
                        self.send_response(200, "Connection established")
                        self.end_headers()
                        relay(self.connection, target)
                self.close_connection = True

            def do_GET(self) -> None:
                proxy.refused.append(self.path)
                self.send_error(403)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = f"http://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def behind_tls(context: ssl.SSLContext, port: int) -> int:
    """The port of a server that speaks TLS, and passes all on to another one that does not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(raw: socket.socket) -> None:
        try:
            with (
                context.wrap_socket(raw, server_side=True) as client,
                socket.create_connection(("127.0.0.1", port)) as target,
            ):
                relay(client, target)
        except OSError:
            raw.close()

    def accept() -> None:
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=serve, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each of two sockets says, until one of them ends."""
    pairs = {one: other, other: one}
    while True:
        pending = [each for each in pairs if isinstance(each, ssl.SSLSocket) and each.pending()]
        for each in pending or select.select(list(pairs), [], [], 60)[0] or [None]:
            try:
                content = each.recv(65536) if each is not None else b""
            except OSError:
                content = b""
            if each is None or not content:
                return
            pairs[each].sendall(content)


def company_authority(folder: Path, hosts: list[str]) -> tuple[Path, ssl.SSLContext]:
    """As `authority`, in a folder that is made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    return authority(folder, hosts)
