"""PyPI, TestPyPI, a company's index and GitHub's registry on loopback, each under its own name.

They answer as the real ones do (status, headers, texts), over TLS with a certificate of our own; names
are resolved to this server inside the test's process only, so that built-in URLs and the rules that
go by host names are the real ones.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import html
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.authority import authority
from oci_fakes.registry import Asked, FakeRegistry

from publish_all.checks.metadata import look_alike

HOSTS = ("upload.pypi.org", "pypi.org", "test.pypi.org", "corp.example", "closed.example", "ghcr.io")
REQUEST_TOKEN = "request-token-of-the-job"
_FIELD = re.compile(rb'name="([a-z0-9_:]+)"\r\n\r\n(.*?)\r\n--', re.DOTALL)
_FILENAME = re.compile(rb'name="content"; filename="([^"]+)"')
_AROUND = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
}
_SIMPLE = "application/vnd.pypi.simple.v1+json"


def token(location: str = "pypi.org", *caveats: object, about: str = "fake") -> str:
    """A token as PyPI makes them: a macaroon v2 with JSON caveats."""

    def packet(kind: int, data: bytes) -> bytes:
        length, encoded = len(data), b""
        while length > 0x7F:
            encoded += bytes([length & 0x7F | 0x80])
            length >>= 7
        return bytes([kind]) + encoded + bytes([length]) + data

    packed = b"\x02" + packet(1, location.encode()) + packet(2, about.encode()) + b"\x00"
    for caveat in caveats:
        packed += packet(2, json.dumps(caveat).encode()) + b"\x00"
    packed += b"\x00" + packet(6, bytes(range(32)))
    return "pypi-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


@dataclass(frozen=True)
class Answer:
    status: int
    body: str = ""
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """What an upload says of a file."""

    fields: dict[str, list[str]]
    filename: str
    user: str
    password: str

    def first(self, name: str) -> str:
        return self.fields.get(name, [""])[0]


@dataclass
class Site:
    """One index. `tokens` are those that it takes with the user __token__; `users` others, for a company's.

    `refuse` is asked for each real upload, `post` for each request to upload, `get` for each page: what
    they give is answered in our place. While `silent`, what is uploaded is not listed, but kept as `late`; while it `tampers`,
    files are listed with the hash of another content. An upload takes `seconds`; one that makes a project deadlocks
    with any other that runs at the same time, as in PyPI's database. `publishers` are the projects that know the job
    as their trusted publisher, `states` the PEP 792 status of projects with its reason, `details` more keys of listed
    files by name (`upload-time`, `size`, `yanked`, `provenance`), and `pending` those that it may create, one with each mint; None: it may publish everything.
    `projects_left` are the new projects that its hourly limit still allows, `reserved` the prefixes of organisations.
    So many `lost_mints` are answered with 503.
    """

    name: str
    tokens: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    open: bool = False
    held: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    refuse: Callable[[Form], tuple[int, str] | None] = lambda form: None
    post: Callable[[str], Answer | None] = lambda path: None
    get: Callable[[str], Answer | None] = lambda path: None
    audience: str | None = None
    mint_error: str | None = None
    lost_mints: int = 0
    projects_left: int | None = None
    reserved: tuple[str, ...] = ()
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    skew: float = 0.0
    silent: bool = False
    late: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    tampers: bool = False
    uploads: list[str] = field(default_factory=list)
    minted: list[str] = field(default_factory=list)
    publishers: set[str] | None = None
    pending: list[str] = field(default_factory=list)
    covers: dict[str, frozenset[str]] = field(default_factory=dict)
    seconds: float = 0.0
    deadlocks: int = 0
    most_at_once: int = 0
    _running: list[bool] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def has(
        self,
        project: str,
        filename: str,
        sha256: str = "0" * 64,
        blake2: str = "0" * 64,
        *,
        days: float = 0.0,
        **details: Any,
    ) -> None:
        """A file that was uploaded so many `days` ago."""
        self.held.setdefault(project, {})[filename] = (sha256, blake2)
        uploaded = time.gmtime(time.time() - days * 86400)
        self.details[filename] = {
            "upload-time": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", uploaded),
            **details,
        }

    # --- answers

    def upload(self, path: str, authorization: str, body: bytes) -> Answer:
        overridden = self.post(path)
        if overridden is not None:
            return overridden
        if path != "/legacy/":
            return Answer(404, "<html><title>404</title>not found</html>", "text/html")
        user, password = _basic(authorization)
        refused = self._who(user, password)
        if refused is not None:
            return refused
        found = _FILENAME.search(body)
        if found is None:
            return _said(400, "Invalid value for metadata_version. Error: This field is required.")
        fields: dict[str, list[str]] = {}
        for name, value in _FIELD.findall(body):
            fields.setdefault(name.decode(), []).append(value.decode(errors="replace"))
        form = Form(fields, found[1].decode(), user, password)
        with self._transaction(form) as locked:
            return (
                self._take(form) if locked else Answer(500, "<html>Internal Server Error</html>", "text/html")
            )

    @contextlib.contextmanager
    def _transaction(self, form: Form) -> Iterator[bool]:
        """The locks of an upload; False for the one that the database ends because of a deadlock."""
        with self._lock:
            creates = _project(form) not in self.held
            locked = not self._running or not (creates or any(self._running))
            self._running.append(creates)
            self.most_at_once = max(self.most_at_once, len(self._running))
            self.deadlocks += not locked
        time.sleep(self.seconds)
        try:
            yield locked
        finally:
            with self._lock:
                self._running.remove(creates)

    def _who(self, user: str, password: str) -> Answer | None:
        if self.open or (user in self.users and self.users[user] == password):
            return None
        if self.users and user:
            return Answer(401, "wrong", headers={"WWW-Authenticate": 'Basic realm="corp"'})
        if user and user != "__token__":
            return _said(
                403,
                "Username/Password authentication is no longer supported. Migrate to API Tokens or Trusted "
                "Publishers instead.",
            )
        if password not in self.tokens and password not in self.minted:
            return _said(403, "Invalid or non-existent authentication information.")
        return None

    def _take(self, form: Form) -> Answer:
        refused = self.refuse(form)
        if refused is not None:
            return _said(*refused)
        project = _project(form)
        covered = self.covers.get(form.password)
        if covered is not None and project not in self.held:
            return _said(
                400, "Non-user identities cannot create new projects. This was probably caused by ..."
            )
        if covered is not None and project not in covered:
            reason = f"OIDC scoped token is not valid for project {project!r}"
            return _said(403, f"Invalid API Token: {reason}")
        limited = self._limits(project) if project not in self.held else None
        if limited is not None:
            return limited
        if any("(" in each and ")" not in each for each in form.fields.get("provides_dist", ())):
            return Answer(500, "<html>Internal Server Error</html>", "text/html")
        mine = (form.first("sha256_digest"), form.first("blake2_256_digest"))
        files = self.held.get(project, {})
        status = self.states.get(project, ("active", ""))[0]
        if status == "archived":
            return _said(403, f"The user 'bob' isn't allowed to upload to project '{project}'.")
        if project not in self.held:
            refused_name = self._name(project)
            if refused_name is not None:
                return refused_name
        for name, (_, blake2) in files.items():
            if name == form.filename and blake2 == mine[1]:
                return Answer(200)
            if name == form.filename or blake2 == mine[1]:
                return _said(
                    400,
                    f"File already exists ('{name}', with blake2_256 hash '{blake2}'). See "
                    "https://pypi.org/help/#file-name-reuse for more information.",
                )
        if self._is_closed(files, form.first("version")):
            return _said(400, "Uploading new files to releases older than 14 days is not allowed.")
        self.uploads.append(form.filename)
        if status == "quarantined":
            return Answer(200)
        if form.first("attestations"):
            self.details.setdefault(form.filename, {})["provenance"] = f"https://{self.name}/integrity/"
        if self.tampers:
            mine = ("f" * 64, mine[1])
        (self.late if self.silent else self.held).setdefault(project, {})[form.filename] = mine
        return Answer(200)

    def _is_closed(self, files: dict[str, tuple[str, str]], version: str) -> bool:
        oldest = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 14 * 86400))
        of_release = (name for name in files if f"-{version}-" in name or f"-{version}.tar" in name)
        return any(self.details.get(name, {}).get("upload-time", "9") < oldest for name in of_release)

    def _limits(self, project: str) -> Answer | None:
        if project.startswith(self.reserved):
            return _said(409, f"The name {project!r} is in a namespace that is reserved by an organization.")
        if self.projects_left is None:
            return None
        if not self.projects_left:
            headers = {"RateLimit": '"projects";r=0;t=2520', "RateLimit-Policy": '"projects";q=20;w=3600'}
            return replace(_said(429, "Too many new projects created"), headers=headers)
        self.projects_left -= 1
        return None

    def _name(self, project: str) -> Answer | None:
        if project == "asyncio":
            return _said(
                400,
                f"The name {project!r} isn't allowed (conflict with Python Standard Library module name). See "
                "https://pypi.org/help/#project-name for more information.",
            )
        others = (other for other in self.held if other != project)
        if any(look_alike(project, other) for other in others):
            return _said(
                400,
                f"The name {project!r} is too similar to an existing project. See "
                "https://pypi.org/help/#project-name for more information.",
            )
        return None

    def page(self, path: str) -> Answer:
        overridden = self.get(path)
        if overridden is not None:
            return overridden
        if path == "/_/oidc/audience":
            return _json(200, {"audience": self.audience}) if self.audience else Answer(404)
        project = path.strip("/").rpartition("/")[2]
        if path.startswith("/f/"):
            known = any(project in files for files in self.held.values())
            return Answer(200 if known else 404, "the file", "application/octet-stream")
        if path.startswith("/pypi/"):
            project = path.split("/")[2]
            if project not in self.held:
                return Answer(404)
            return _json(200, {"info": {"project_urls": self.links.get(project)}})
        files = self.held.get(project) if path.startswith("/simple/") else None
        if files is None:
            return Answer(404, "not found", "text/html")
        listed = [
            {
                "filename": name,
                "url": f"https://{self.name}/f/{name}",
                "hashes": {"sha256": sha256},
                **self.details.get(name, {}),
            }
            for name, (sha256, _) in files.items()
        ]
        status, reason = self.states.get(project, ("active", ""))
        page = {
            "meta": {"api-version": "1.4"},
            "name": project,
            "project-status": {"status": status, **({"reason": reason} if reason else {})},
            "files": [] if status == "quarantined" else listed,
        }
        return Answer(200, json.dumps(page), _SIMPLE)

    def mint(self) -> Answer:
        if self.lost_mints:
            self.lost_mints -= 1
            return Answer(503, "<html>down</html>", "text/html")
        about, caveats = f"minted-{len(self.minted)}", []
        error = self.mint_error
        if self.publishers is not None:
            if self.pending:
                created = self.pending.pop(0)
                self.held.setdefault(created, {})
                self.publishers.add(created)
            caveats = [[2, [f"id-of-{each}" for each in sorted(self.publishers)]]]
            error = error if self.publishers else "invalid-publisher"
        if error is not None:
            errors = [{"code": error, "description": f"valid token, but {error}"}]
            return _json(422, {"message": "Token request failed", "errors": errors})
        self.minted.append(token(self.name, *caveats, about=about))
        if self.publishers is not None:
            self.covers[self.minted[-1]] = frozenset(self.publishers)
        return _json(200, {"success": True, "token": self.minted[-1], "expires": int(time.time()) + 900})


def _project(form: Form) -> str:
    return re.sub(r"[-_.]+", "-", form.first("name")).lower()


def _said(status: int, text: str) -> Answer:
    """An error as PyPI writes it where JSON is asked for."""
    message = f"{_AROUND[status]}\n\n\n{text}\n\n" if status in _AROUND else text
    return _json(status, {"message": message, "code": f"{status} {html.escape(text)}", "title": "Error"})


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value), "application/json")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, pair = authorization.partition(" ")
    if scheme != "Basic":
        return "", ""
    user, _, password = base64.b64decode(pair).decode().partition(":")
    return user, password


@dataclass
class Internet:
    """All the servers. `claims` are those of the CI job's identity; so many `lost_handshakes` end without an answer."""

    ca: Path
    tls_port: int = 0
    plain_port: int = 0
    sites: dict[str, Site] = field(default_factory=dict)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    claims: dict[str, str] = field(default_factory=dict)
    lost_handshakes: int = 0

    def reset(self) -> None:
        """As if nobody had ever uploaded anything."""
        pypi, test, corp = Site("pypi.org"), Site("test.pypi.org"), Site("corp.example")
        pypi.audience, test.audience = "pypi", "testpypi"
        self.sites = {
            "upload.pypi.org": pypi,
            "pypi.org": pypi,
            "test.pypi.org": test,
            "corp.example": corp,
            "127.0.0.1": corp,
        }
        self.registry = FakeRegistry()
        self.claims = {}
        self.lost_handshakes = 0

    @property
    def plain_origin(self) -> str:
        return f"http://127.0.0.1:{self.plain_port}"

    def job(self) -> dict[str, str]:
        """The variables of a GitHub Actions job with `id-token: write`."""
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.plain_origin}/identity?version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def addresses(
        self, host: str, port: int | str | None, *arguments: Any, **named: Any
    ) -> list[tuple[Any, ...]]:
        """In place of socket.getaddrinfo: our names, and no others."""
        if host not in HOSTS:
            if host in {"127.0.0.1", "localhost"}:
                return _real_getaddrinfo(host, port, *arguments, **named)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        number = self.plain_port if port == 80 else self.tls_port
        if host == "closed.example":
            number = 9  # nobody is at `discard` any more
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", number))]


_real_getaddrinfo = socket.getaddrinfo


@contextlib.contextmanager
def internet(folder: Path) -> Iterator[Internet]:
    """A running one."""
    ca, context = authority(folder, HOSTS)
    world = Internet(ca=ca)
    world.reset()
    secure, plain = _Server(world, context), _Server(world, None)
    world.tls_port, world.plain_port = secure.server_port, plain.server_port
    for server in (secure, plain):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield world
    finally:
        for server in (secure, plain):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, world: Internet, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if not isinstance(request, ssl.SSLSocket) or not self.world.lost_handshakes:
            return True
        self.world.lost_handshakes -= 1
        socket.socket.recv(request, 1 << 16)
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(iter(self._chunk, b""))
        host = self.headers["Host"].rpartition(":")[0] or self.headers["Host"]
        path = urlsplit(self.path).path
        if host == "ghcr.io":
            self._registry(body)
        elif path == "/identity":
            self._send(_json(200, {"value": self._identity()}))
        else:
            site = self.server.world.sites[host]
            if path == "/_/oidc/mint-token":
                self._send(site.mint(), site)
            elif self.command == "POST":
                self._send(site.upload(path, self.headers.get("Authorization", ""), body), site)
            else:
                self._send(site.page(path), site)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """`do_GET` and all the others."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().strip() or b"0", 16)
        content = self.rfile.read(size)
        self.rfile.readline()
        return content

    def _identity(self) -> str:
        audience = parse_qs(urlsplit(self.path).query)["audience"][0]
        claims = {**CLAIMS, **self.server.world.claims, "aud": audience, "jti": str(time.monotonic_ns())}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"e30.{payload}.signature"

    def _registry(self, body: bytes) -> None:
        registry = self.server.world.registry
        asked = Asked(self.command, f"https://ghcr.io{self.path}", self.headers, body)
        with registry.lock:
            registry.asked.append(asked)
            reply = next((found for hook in registry.hooks if (found := hook(asked))), None)
            reply = reply or registry.answer(asked)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name != "Content-Length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _send(self, answer: Answer, site: Site | None = None) -> None:
        content = answer.body.encode()
        self.send_response_only(answer.status)
        self.send_header(
            "Date", email.utils.formatdate(time.time() + (site.skew if site else 0), usegmt=True)
        )
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


CLAIMS = {
    "iss": "https://token.actions.githubusercontent.com",
    "repository": "sep/demo",
    "repository_owner": "sep",
    "workflow_ref": "sep/demo/.github/workflows/publish.yml@refs/tags/v1",
    "job_workflow_ref": "sep/demo/.github/workflows/publish.yml@refs/tags/v1",
    "event_name": "push",
    "environment": "pypi",
}
