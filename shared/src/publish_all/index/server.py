"""The index as an ASGI application: addresses in, pages and files out.

    /simple/, /simple/<project>/        HTML (PEP 503) or JSON (PEP 691), as the client likes
    /files/<source>/<project>/<digests>/<file>[.metadata]
    /legacy/                            uploads, as PyPI's upload API takes them
    /health, /ready, /metrics           for who looks after the server

All links are relative, so that any path before them (a proxy's) does no harm.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from publish_all._http import BasicAuth
from publish_all._secret import Secret
from publish_all._urls import is_loopback
from publish_all.distributions.distribution import release_of
from publish_all.index.index_source import Address, ServeError, Visitor
from publish_all.index.middleware import Patience
from publish_all.index.service import IndexService, PageAnswer
from publish_all.index.transfers import Body, BrokenTransferError, one_range
from publish_all.index.upload import Uploads
from publish_all.repositories.simple_pages import HTML_TYPE, JSON_TYPE

REALM = 'Basic realm="publish-all", charset="UTF-8"'
"""What a 401 asks for."""

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}", re.ASCII)
_DIGESTS = re.compile(r"([0-9a-f]{64})(?:-([0-9a-f]{64}))?")
_METADATA = ".metadata"
_FOREVER = "max-age=31536000, immutable"
_NOT_FOR_US = (
    "This index is for this machine only: ask for it as localhost or 127.0.0.1. Behind a proxy, let the proxy send "
    "that as the Host header, or start the index with a password in PUBLISH_ALL_SERVE_PASSWORD."
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}

TEXT_HTML = "text/html; charset=utf-8"
_LONGEST = 16 * 1024
_FORMS = {
    JSON_TYPE: JSON_TYPE,
    "application/vnd.pypi.simple.latest+json": JSON_TYPE,
    HTML_TYPE: HTML_TYPE,
    "application/vnd.pypi.simple.latest+html": HTML_TYPE,
    "text/html": TEXT_HTML,
    "text/*": TEXT_HTML,
    "application/*": JSON_TYPE,
    "*/*": TEXT_HTML,
}
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")

Handler: TypeAlias = Callable[[Request, Visitor], Awaitable[Response]]


def make_app(
    service: IndexService,
    *,
    gate: Gate,
    uploads: Uploads | None,
    base_path: str = "",
    chunked_above: float = math.inf,
) -> Starlette:
    """The application. `uploads` None takes none.

    `base_path` (as `/python`) may be before all addresses: a proxy may leave it there or remove it. Files of more than
    `chunked_above` bytes are sent without their length, in chunks.
    """
    served = _Server(service, gate, uploads, chunked_above)
    readable = {
        "/": served.entrance,
        "/simple": served.entrance,
        "/simple/": served.root,
        "/simple/{project}": served.project,
        "/simple/{project}/": served.project,
        "/files/{source}/{project}/{digests}/{filename}": served.file,
        "/metrics": served.metrics,
    }
    if base_path:
        readable[base_path] = served.entrance
    app = Starlette(
        routes=[
            route
            for before in dict.fromkeys(("", base_path))
            for route in (
                *(Route(before + path, served.admitted(handler)) for path, handler in readable.items()),
                *(Route(before + path, served.upload, methods=["POST"]) for path in ("/legacy/", "/legacy")),
                Route(f"{before}/health", served.health),
                Route(f"{before}/ready", served.ready),
            )
        ],
        middleware=[Middleware(Patience)],
        exception_handlers={404: _not_found, 405: _wrong_method, ServeError: _refused},
    )
    # It would redirect to whatever the Host header says.
    app.router.redirect_slashes = False
    return app


@dataclass
class _Server:
    service: IndexService
    gate: Gate
    uploads: Uploads | None
    chunked_above: float

    def admitted(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(handler)  # its name is the kind of the request
        async def handle(request: Request) -> Response:
            return await handler(request, self.gate.passed_on(self._admit(request)))

        return handle

    def _admit(self, request: Request) -> Visitor:
        """Who asks. Raises `ServeError` for who does not know the server's password, or means another server."""
        if not self.gate.is_for_us(request.headers.get("host")):
            raise ServeError(_NOT_FOR_US, status=421)
        visitor = visitor_of(request.headers.get("authorization"))
        if not self.gate.admits(visitor):
            raise ServeError("This index wants its password, under any user name.", status=401)
        return visitor

    async def entrance(self, request: Request, visitor: Visitor) -> Response:
        del visitor
        last = request.url.path.rpartition("/")[2]
        return _moved(f"{last}/", 301) if last else _moved("simple/", 302)

    async def root(self, request: Request, visitor: Visitor) -> Response:
        return _page(request, await self.service.root(visitor))

    async def project(self, request: Request, visitor: Visitor) -> Response:
        stated = request.path_params["project"]
        if not _PROJECT.fullmatch(stated):
            raise ServeError("That is not the name of a project.", status=404)
        project = canonicalize_name(stated)
        slash = request.url.path.endswith("/")
        if stated != project or not slash:
            return _moved(f"../{project}/" if slash else f"{project}/", 301)
        elsewhere = self.service.routing.redirect(project)
        if elsewhere is not None:
            return _moved(elsewhere, 302)
        return _page(request, await self.service.page(project, visitor))

    async def file(self, request: Request, visitor: Visitor) -> Response:
        named, filename = request.path_params, request.path_params["filename"]
        digests = _DIGESTS.fullmatch(named["digests"])
        metadata = filename.endswith(_METADATA)
        sha256 = (digests[2] if metadata else digests[1]) if digests is not None else None
        release = release_of(filename.removesuffix(_METADATA)) if _FILENAME.fullmatch(filename) else None
        if sha256 is None or release is None or release[0] != named["project"]:
            raise ServeError("There is no such file.", status=404)
        etag = f'"{sha256}"'
        asked = one_range(request.headers.get("range"))
        if request.headers.get("if-range", etag) != etag:
            asked = None
        address = Address(release[0], filename.removesuffix(_METADATA), sha256, metadata=metadata)
        body = await self.service.file(named["source"], address, byte_range=asked, visitor=visitor)
        who = "public" if visitor is None and self.gate.password is None else "private"
        headers = _HEADERS | {"ETag": etag, "Cache-Control": f"{who}, {_FOREVER}", "Accept-Ranges": "bytes"}
        if same_etag(request.headers.get("if-none-match"), etag):
            await body.close()
            return Response(status_code=304, headers=headers)
        part = {"Content-Range": body.content_range} if body.content_range is not None else {}
        if body.status == 416:
            # What a source says about that is its own, and so is how long it is.
            await body.close()
            return _plain(416, "The file ends before that.", part)
        headers |= part
        # To HTTP/1.0 (nginx by default), only a length shows whether the answer is complete.
        whole = request.method == "HEAD" or request.scope["http_version"] == "1.0"
        if body.size is not None and (whole or body.size <= self.chunked_above):
            headers["Content-Length"] = str(body.size)
        headers["Content-Type"] = "text/plain; charset=utf-8" if metadata else "application/octet-stream"
        return _BodyResponse(body, headers, self.service.counts, empty=request.method == "HEAD")

    async def upload(self, request: Request) -> Response:
        visitor = self._admit(request)
        if self.uploads is None:
            raise ServeError("This server takes no uploads.", status=403)
        return _plain(200, await self.uploads.take(request, visitor))

    async def health(self, request: Request) -> Response:
        del request
        return _plain(200, "ok")

    async def ready(self, request: Request) -> Response:
        status, text = await self.service.ready()
        try:
            self._admit(request)
        except ServeError:
            # Which sources there are, and what ails them, is for those who may read.
            text = "ready" if status == 200 else "not ready"
        return _plain(status, text)

    async def metrics(self, request: Request, visitor: Visitor) -> Response:
        del request, visitor
        # Not needed by `exec`, and slow to load.
        from publish_all.index.metrics import CONTENT_TYPE, exposition

        return Response(exposition(self.service.counts), headers=_HEADERS | {"Content-Type": CONTENT_TYPE})


def _page(request: Request, answer: PageAnswer) -> Response:
    form = form_of(request.headers.get("accept"))
    if form is None:
        return _plain(406, f"Pages come as {JSON_TYPE}, {HTML_TYPE}, {TEXT_HTML}.", {"Vary": "Accept"})
    page = answer.json if form == JSON_TYPE else answer.html
    # Asked again each time, which costs little: a new version must be seen at once.
    headers = _HEADERS | {"ETag": page.etag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if same_etag(request.headers.get("if-none-match"), page.etag):
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers | {"Content-Type": form})


class _BodyResponse(StreamingResponse):
    """Bytes that are sent as they come, or with `empty` only their headers.

    Ends when the client goes away. Where the rest of the bytes does not come, the response is left
    unfinished, by which a client sees that it has not got all.
    """

    def __init__(self, body: Body, headers: Mapping[str, str], counts: Counter[str], *, empty: bool) -> None:
        super().__init__(() if empty else body.pieces, status_code=body.status, headers=headers)
        self._body = body
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with suppress(ClientDisconnect, OSError):  # a time-out is an OSError, too
                await super().__call__(scope, receive, send)
        except BrokenTransferError:
            self._counts["upstream error"] += 1
        finally:
            await self._body.close()


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers={**_HEADERS, **(headers or {})})


def _moved(target: str, status: int) -> Response:
    return Response(status_code=status, headers={**_HEADERS, "Location": target})


async def _refused(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, ServeError):
        raise error
    return _plain(error.status, error.text, {"WWW-Authenticate": REALM} if error.status == 401 else None)


async def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    return _plain(404, "There is nothing at this address. Projects are below /simple/.")


async def _wrong_method(request: Request, error: Exception) -> Response:
    del request
    return _plain(405, "This address does not do that.", getattr(error, "headers", None))


# Who asks, and what for


def visitor_of(authorization: str | None) -> Visitor:
    """What an Authorization header says; None without one, and for anything but Basic (RFC 7617)."""
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST:
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return BasicAuth(username=username, secret=Secret(password)) if colon else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """The server's own password, under any user name; None lets everybody in, each in their own name.

    `local`: requests must be for this machine by name, as `localhost` or `127.0.0.1`. A page on the web can
    let its own name point here (DNS rebinding), and the browser then lets it read what this server answers.
    """

    password: Secret | None = None
    local: bool = False

    def is_for_us(self, host: str | None) -> bool:
        """Whether a request with this Host header is for us. One without the header comes from no browser."""
        if not self.local or host is None:
            return True
        try:
            return is_loopback(urlsplit(f"//{host}").hostname or "")
        except ValueError:
            return False

    def admits(self, visitor: Visitor) -> bool:
        if self.password is None:
            return True
        if visitor is None:
            return False
        return hmac.compare_digest(visitor.secret.reveal().encode(), self.password.reveal().encode())

    def passed_on(self, visitor: Visitor) -> Visitor:
        """In whose name sources are asked: a visitor who has told our password has told nothing of theirs."""
        return visitor if self.password is None else None


def form_of(accept: str | None) -> str | None:
    """The media type that is liked best, of two the first; HTML for who does not say; None if none is taken."""
    if accept is None or not accept.strip():
        return TEXT_HTML
    best, found = 0.0, None
    for each in accept[:4096].split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        stated = next(
            (part.partition("=")[2].strip() for part in parameters if re.match(r"q\s*=", part)), "1"
        )
        quality = float(stated) if _QUALITY.fullmatch(stated) else 0.0
        if name in _FORMS and quality > best:
            best, found = quality, _FORMS[name]
    return found


def same_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has it already. `etag` is quoted."""
    stated = (each.strip().removeprefix("W/") for each in (if_none_match or "")[:4096].split(","))
    return any(each in {"*", etag} for each in stated)
