"""The index as an ASGI application: addresses in, pages and files out.

    /simple/, /simple/<project>/        HTML (PEP 503) or JSON (PEP 691), as the client likes
    /files/<source>/<project>/<digests>/<file>[.metadata]
    /legacy/                            uploads, as PyPI's upload API takes them
    /health, /ready                     for who looks after the server

All links are relative, so that any path before them (a proxy's) does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import NormalizedName, canonicalize_name
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from publish_all._values import dataclass
from publish_all.index.access import REALM, Gate, visitor_of
from publish_all.index.answers import Answer, PageAnswer, Said, release_of
from publish_all.index.limits import Patience
from publish_all.index.negotiation import Form, NotSatisfiableError, byte_range, form_of, one_range, same_etag
from publish_all.index.responses import BodyResponse
from publish_all.index.service import IndexService
from publish_all.index.source import Visitor
from publish_all.index.transfers import Body
from publish_all.index.upload import Uploads

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", re.ASCII)
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}", re.ASCII)
_DIGESTS = re.compile(r"([0-9a-f]{64})(?:-([0-9a-f]{64}))?")
_METADATA = ".metadata"
_METHODS = ["GET"]  # and HEAD, which the routes add
_FOREVER = "max-age=31536000, immutable"
_NOT_FOR_US = (
    "This index is for this machine only: ask for it as localhost or 127.0.0.1. Behind a proxy, let the proxy send "
    "that as the Host header, or start the index with a password in PUBLISH_ALL_SERVE_PASSWORD."
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Named:
    """What the address of a file says."""

    source: str
    project: NormalizedName
    filename: str
    sha256: str
    is_metadata: bool


def make_app(service: IndexService, *, gate: Gate, uploads: Uploads | None) -> Starlette:
    """The application. `uploads` None takes none."""
    served = _Server(service, gate, uploads)
    app = Starlette(
        routes=[
            Route("/", served.entrance, methods=_METHODS),
            Route("/simple", served.entrance, methods=_METHODS),
            Route("/simple/", served.root, methods=_METHODS),
            Route("/simple/{project}", served.project, methods=_METHODS),
            Route("/simple/{project}/", served.project, methods=_METHODS),
            Route("/files/{source}/{project}/{digests}/{filename}", served.file, methods=_METHODS),
            Route("/legacy/", served.upload, methods=["POST"]),
            Route("/legacy", served.upload, methods=["POST"]),
            Route("/health", served.health, methods=_METHODS),
            Route("/ready", served.ready, methods=_METHODS),
        ],
        middleware=[Middleware(Patience)],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )
    # It would redirect to whatever the Host header says.
    app.router.redirect_slashes = False
    return app


class _Server:
    def __init__(self, service: IndexService, gate: Gate, uploads: Uploads | None) -> None:
        self._service = service
        self._gate = gate
        self._uploads = uploads

    async def entrance(self, request: Request) -> Response:
        target = "simple/"
        return self._checked(request) or _moved(target, 302 if request.url.path.endswith("/") else 301)

    async def root(self, request: Request) -> Response:
        refused = self._checked(request)
        if refused is not None:
            return refused
        return _page(request, await self._service.root(self._visitor(request)))

    async def project(self, request: Request) -> Response:
        refused = self._checked(request)
        if refused is not None:
            return refused
        stated = request.path_params["project"]
        if not _PROJECT.fullmatch(stated):
            return _plain(404, "That is not the name of a project.")
        project = canonicalize_name(stated)
        slash = request.url.path.endswith("/")
        if stated != project or not slash:
            return _moved(f"../{project}/" if slash else f"{project}/", 301)
        elsewhere = self._service.routing.redirect(project)
        if elsewhere is not None:
            return _moved(elsewhere, 302)
        return _page(request, await self._service.page(project, self._visitor(request)))

    async def file(self, request: Request) -> Response:
        refused = self._checked(request)
        if refused is not None:
            return refused
        named = _named(request.path_params)
        if named is None:
            return _plain(404, "There is no such file.")
        etag = f'"{named.sha256}"'
        visitor = self._visitor(request)
        asked = one_range(request.headers.get("range"))
        if asked is not None and request.headers.get("if-range", etag) != etag:
            asked = None
        found = await self._service.file(
            named.source,
            named.project,
            named.filename,
            named.sha256,
            is_metadata=named.is_metadata,
            byte_range=asked,
            visitor=visitor,
        )
        if isinstance(found, Said):
            return _refusal(found)
        who = "public" if visitor is None and self._gate.password is None else "private"
        headers = _HEADERS | {"ETag": etag, "Cache-Control": f"{who}, {_FOREVER}", "Accept-Ranges": "bytes"}
        if same_etag(request.headers.get("if-none-match"), etag):
            await found.close()
            return Response(status_code=304, headers=headers)
        kind = "text/plain; charset=utf-8" if named.is_metadata else "application/octet-stream"
        return await _body(found, asked, headers | {"Content-Type": kind})

    async def upload(self, request: Request) -> Response:
        refused = self._checked(request)
        if refused is not None:
            return refused
        if self._uploads is None:
            return _plain(403, "This server takes no uploads.")
        visitor = visitor_of(request.headers.get("authorization"))
        return _refusal(await self._uploads.take(request, visitor))

    async def health(self, request: Request) -> Response:
        del request
        return _plain(200, "ok")

    async def ready(self, request: Request) -> Response:
        found = await self._service.ready()
        # Which sources there are, and what ails them, is for those who may read.
        if self._checked(request) is not None:
            return _plain(found.status, "ready" if found.status == 200 else "not ready")
        return _refusal(found)

    def _checked(self, request: Request) -> Response | None:
        """The answer to who does not know the server's password, or means another server; None for all others."""
        if not self._gate.is_for_us(request.headers.get("host")):
            return _plain(421, _NOT_FOR_US)
        if self._gate.admits(visitor_of(request.headers.get("authorization"))):
            return None
        return _refusal(Said(status=401, reason="This index wants its password, under any user name."))

    def _visitor(self, request: Request) -> Visitor:
        return self._gate.passed_on(visitor_of(request.headers.get("authorization")))


def _named(parameters: Mapping[str, str]) -> _Named | None:
    """What the parts of an address say; None where they can't be those of a file of ours."""
    project, filename = parameters["project"], parameters["filename"]
    digests = _DIGESTS.fullmatch(parameters["digests"])
    if not (_PROJECT.fullmatch(project) and _FILENAME.fullmatch(filename) and digests):
        return None
    is_metadata = filename.endswith(_METADATA)
    filename = filename.removesuffix(_METADATA)
    sha256 = digests[2] if is_metadata else digests[1]
    release = release_of(filename)
    if sha256 is None or release is None or release[0] != project:
        return None
    return _Named(
        source=parameters["source"],
        project=release[0],
        filename=filename,
        sha256=sha256,
        is_metadata=is_metadata,
    )


def _page(request: Request, answer: Answer) -> Response:
    if not isinstance(answer, PageAnswer):
        return _refusal(answer)
    form = form_of(request.headers.get("accept"))
    if form is None:
        wanted = ", ".join(each.value for each in Form)
        return _plain(406, f"Pages come as {wanted}.", {"Vary": "Accept"})
    page = answer.in_form(form)
    # Asked again each time, which costs little: a new version must be seen at once.
    headers = _HEADERS | {"ETag": page.etag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
    if same_etag(request.headers.get("if-none-match"), page.etag):
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers | {"Content-Type": form.value})


async def _body(body: Body, asked: str | None, headers: Mapping[str, str]) -> Response:
    """The bytes that are asked for, of what a source sends or of a file on disk."""
    stated = {"Content-Range": body.content_range} if body.content_range and body.status != 200 else {}
    if body.status == 416:
        # What a source says about that is its own, and so is how long it is.
        await body.close()
        return _not_satisfiable(body.content_range)
    if body.file is None or body.size is None:
        return BodyResponse(body, status=body.status, headers={**headers, **stated}, length=body.size)
    try:
        found = byte_range(asked, body.size)
    except NotSatisfiableError:
        await body.close()
        return _not_satisfiable(f"bytes */{body.size}")
    if found is None:
        return BodyResponse(body, status=200, headers=headers, length=body.size)
    first, last = found
    stated = {"Content-Range": f"bytes {first}-{last}/{body.size}"}
    return BodyResponse(body, status=206, headers={**headers, **stated}, first=first, length=last - first + 1)


def _not_satisfiable(content_range: str | None) -> Response:
    headers = {"Content-Range": content_range} if content_range else {}
    return _plain(416, "The file ends before that.", headers)


def _refusal(refusal: Said) -> Response:
    return _plain(
        refusal.status, refusal.reason, {"WWW-Authenticate": REALM} if refusal.status == 401 else {}
    )


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers={**_HEADERS, **(headers or {})})


def _moved(target: str, status: int) -> Response:
    return Response(status_code=status, headers={**_HEADERS, "Location": target})


async def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    return _plain(404, "There is nothing at this address. Projects are below /simple/.")


async def _wrong_method(request: Request, error: Exception) -> Response:
    del request
    allowed = getattr(error, "headers", None) or {}
    return _plain(405, "This address does not do that.", allowed)
