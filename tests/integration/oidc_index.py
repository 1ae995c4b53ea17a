"""A CI service's identities, and an index that mints upload tokens for them, in front of a pypiserver.

Both answer as PyPI's own server does. Uploads need a minted token that is valid still; they and
everything else are passed on to the server behind.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

REQUEST_TOKEN = "request-token-of-the-job-canary"
CLAIMS = {
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "sep/spark-kindling-framework",
    "repository_owner": "sep",
    "workflow_ref": "sep/spark-kindling-framework/.github/workflows/release.yml@refs/tags/v1",
    "job_workflow_ref": "sep/spark-kindling-framework/.github/workflows/release.yml@refs/tags/v1",
    "event_name": "push",
}


@dataclass
class OidcIndex:
    """`behind` is the URL of an open pypiserver. `lifetime` is in seconds, `uploads_per_token` None for no limit.

    `uploads` are the content types and bodies of those that were let in. `refuse_with` is the code of PyPI's error with which every mint is refused.
    """

    behind: str
    audience: str = "127.0.0.1"
    lifetime: int = 900
    uploads_per_token: int | None = None
    refuse_with: str | None = None
    audiences: list[str] = field(default_factory=list)
    jwts: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    minted: dict[str, int] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def job(self) -> dict[str, str]:
        """The variables of a GitHub Actions job with `id-token: write`."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/identity?version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def identity(self, audience: str) -> str:
        with self.lock:
            self.audiences.append(audience)
            claims = {**CLAIMS, "aud": audience, "jti": str(len(self.jwts))}
            body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            self.jwts.append(f"e30.{body}.signature")
            return self.jwts[-1]

    def mint(self, jwt: object, now: float) -> tuple[int, Mapping[str, object]]:
        with self.lock:
            if self.refuse_with is not None:
                return _refusal(self.refuse_with)
            if not isinstance(jwt, str) or jwt not in self.jwts:
                return _refusal("invalid-token")
            if jwt in self.used:
                return _refusal("invalid-reuse-token")
            self.used.append(jwt)
            token = f"minted-token-{len(self.minted)}-canary"
            self.minted[token] = 0
            return 200, {"success": True, "token": token, "expires": int(now) + self.lifetime}

    def take(self, token: str) -> str | None:
        """Why an upload with this token is refused, None when it is not."""
        with self.lock:
            if token not in self.minted:
                return "Invalid or non-existent authentication information."
            if self.minted[token] == self.uploads_per_token:
                self.expired.append(token)
                return "Invalid API Token: token is expired"
            self.minted[token] += 1
            return None


def _refusal(code: str) -> tuple[int, Mapping[str, object]]:
    description = "valid token, but no corresponding publisher" if code == "invalid-publisher" else code
    errors = [{"code": code, "description": description}]
    return 422, {"message": "Token request failed", "errors": errors}


def _handler(index: OidcIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/_/oidc/audience":
                self._json(200, {"audience": index.audience})
            elif address.path == "/identity":
                if self.headers["Authorization"] != f"bearer {REQUEST_TOKEN}":
                    self._json(401, {})
                else:
                    self._json(200, {"value": index.identity(parse_qs(address.query)["audience"][0])})
            else:
                self._pass_on(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/_/oidc/mint-token":
                self._json(*index.mint(json.loads(body).get("token"), time.time()))
                return
            scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
            user, _, token = (
                base64.b64decode(pair).decode().partition(":") if scheme == "Basic" else ("", "", "")
            )
            # An empty form is how a client may look whether this is an upload URL; nothing is stored for it.
            refused = index.take(token) if user == "__token__" and b"filename=" in body else "Who are you?"
            if refused is None:
                index.uploads.append((self.headers["Content-Type"], body))
                self._pass_on(body)
            else:
                self._json(
                    403, {"message": refused, "code": f"403 {refused}", "title": "Forbidden"}, reason=refused
                )

        def _pass_on(self, body: bytes) -> None:
            behind = urlsplit(index.behind)
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
            kept = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body or None, kept)
                reply = connection.getresponse()
                content = reply.read()
            self._answer(reply.status, content, reply.headers.get("Content-Type", "text/html"), reply.reason)

        def _json(self, status: int, content: Mapping[str, object], reason: str | None = None) -> None:
            self._answer(status, json.dumps(content).encode(), "application/json", reason)

        def _answer(self, status: int, content: bytes, content_type: str, reason: str | None) -> None:
            self.send_response(status, reason)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
