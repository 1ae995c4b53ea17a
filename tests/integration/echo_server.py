"""A server that repeats the credentials it is shown, in every place of a reply that a client may show.

It stands for an upload URL, a simple index and an OCI registry alike.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit


@dataclass
class EchoServer:
    """`status` and `form` (json, html or text) are those of each reply that repeats; `late` lets preflight pass.

    `shown` are the `Authorization` headers that came, with the paths they came to.
    """

    status: int = 403
    form: str = "json"
    late: bool = False
    shown: list[tuple[str, str]] = field(default_factory=list)

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def words(self) -> str:
        """All that was shown so far, in all the ways in which servers write it."""
        said = []
        for header in dict.fromkeys(header for _, header in self.shown):
            said.append(header)
            scheme, _, value = header.partition(" ")
            if scheme.lower() == "basic":
                pair = base64.b64decode(value).decode()
                _, _, secret = pair.partition(":")
                said += [value, pair, secret, quote(secret, safe=""), html.escape(secret), repr(secret)]
            else:
                said.append(value)
        return " ".join(said)

    def body(self) -> tuple[bytes, str]:
        said = self.words()
        match self.form:
            case "json":
                errors = [{"code": "DENIED", "message": said, "detail": said, "description": said}]
                return json.dumps({"message": said, "errors": errors}).encode(), "application/json"
            case "html":
                return f"<title>{said}</title><h1>No</h1><pre>{said}</pre>".encode(), "text/html"
            case _:
                return said.encode(), "text/plain"


def _handler(server: EchoServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        do_HEAD = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(probe=b"filename=" not in body)

        def _answer(self, *, probe: bool = False) -> None:
            header, path = self.headers.get("Authorization"), urlsplit(self.path).path
            if header is not None:
                server.shown.append((path, header))
            if path.startswith("/v2/") and header is None:
                challenge = f'Bearer realm="{server.url}/token",service="echo"'
                self._send(401, {"WWW-Authenticate": challenge}, b"{}", "application/json")
            elif server.late and (probe or path.startswith("/simple/")):
                self._send(404 if path.startswith("/simple/") else 400, {}, b"", "text/plain")
            else:
                words = server.words()
                body, content_type = server.body()
                headers = {
                    "Location": f"/{quote(words)}?token={quote(words)}",
                    "WWW-Authenticate": f'Basic realm="{words}"',
                    "X-Error": words,
                }
                self._send(server.status, headers, body, content_type, reason=words)

        def _send(
            self,
            status: int,
            headers: dict[str, str],
            body: bytes,
            content_type: str,
            reason: str | None = None,
        ) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status, reason)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
