"""The token endpoint that an OCI registry with `auth: token` sends its clients to, as ghcr.io has one.

https://distribution.github.io/distribution/spec/auth/token/ tells the request and the claims.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ISSUER = "test-issuer"
SERVICE = "test.registry"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRequest:
    """One request for a token: who asked (None: nobody said) and for which scopes."""

    username: str | None
    scopes: tuple[str, ...]
    granted: bool


@dataclass(kw_only=True, slots=True)
class TokenServer:
    """Gives tokens for any scope to whoever has the password; `lifetime` is in seconds and may be changed."""

    username: str
    password: str
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    lifetime: int = 300
    requests: list[TokenRequest] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None

    @property
    def realm(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}/token"

    def start(self) -> None:
        tokens = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = tokens.answer(self.path, self.headers.get("Authorization"))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                """Keep quiet: `requests` tells what came."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    def answer(self, path: str, authorization: str | None) -> tuple[int, dict[str, object]]:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        scopes = tuple(scope for value in query.get("scope", []) for scope in value.split())
        username, password = basic(authorization)
        granted = (username, password) == (self.username, self.password)
        self.requests.append(TokenRequest(username=username, scopes=scopes, granted=granted))
        if not granted:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        token = self.sign(scopes)
        return 200, {"token": token, "expires_in": self.lifetime}

    def sign(self, scopes: tuple[str, ...]) -> str:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.username,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 5,
            "exp": now + self.lifetime,
            "jti": f"{now}-{len(self.requests)}",
            "access": [access(scope) for scope in scopes],
        }
        signed = f"{segment(header)}.{segment(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def segment(value: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def access(scope: str) -> dict[str, object]:
    """`repository:ns/name:pull,push` as a claim."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def basic(authorization: str | None) -> tuple[str | None, str | None]:
    kind, _, encoded = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None, None
    username, _, password = base64.b64decode(encoded).decode().partition(":")
    return username, password


def make_token_server(folder: Path, *, username: str, password: str) -> TokenServer:
    """A token server whose certificate is written to `folder/token.crt`, for the registry to trust."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "token.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return TokenServer(username=username, password=password, key=key, certificate=certificate)
