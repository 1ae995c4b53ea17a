"""Uploads as PyPI's legacy API takes them (`POST /legacy/`), into one of our repositories.

Files are checked as by `publish-all check`, and then uploaded by the repository's own code: the same bytes
are skipped, other bytes with the same name are a conflict and overwrite nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import IO, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from packaging.utils import NormalizedName, canonicalize_name, canonicalize_version
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from publish_all import diagnoses as known
from publish_all._own_files import replace_open
from publish_all._server_text import plain
from publish_all._temporary import temporary_folder
from publish_all.config.addresses import host_of
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    Credentials,
    TraceEntry,
)
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, CredentialError, PublishAllError
from publish_all.findings import Finding
from publish_all.index.index_source import ServeError, Visitor
from publish_all.index.service import IndexService
from publish_all.repositories.repository import Repository
from publish_all.results import FileState

LIMIT = 2 * 1024**3
"""How long the body of an upload may be, in bytes."""
SDIST_LIMIT = 2 * 1024**3
"""How far an sdist is unpacked in search of its metadata: a small file may pretend to be endless."""
FIELDS_LIMIT = 16 * 1024 * 1024
"""How long all fields of a form may be together, in bytes; descriptions are among them."""
PARTS_LIMIT = 5_000
AT_ONCE = 4
"""How many uploads are looked into and passed on at a time."""
THREADS = 64

_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}(\.whl|\.tar\.gz)", re.ASCII)
_CHUNK = 1024 * 1024
_LONGEST_NAME = 200
_STATUSES = {
    FileState.CONFLICT: 409,
    FileState.UNAUTHORIZED: 403,
    FileState.FAILED: 503,
    FileState.UNCLEAR: 503,
}

T = TypeVar("T")


class UploadForm:
    """The body of an upload (RFC 7578), taken piece by piece: fields in memory, the part `content` straight to `file`.

    `fields` hold those that come several times once, as the first. `filename` is what the client calls the file,
    None before it came; `whole` says that all has come. Methods raise `ServeError`.
    """

    def __init__(self, content_type: str, file: IO[bytes]) -> None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _LONGEST_NAME:
            raise ServeError("An upload is a form of the type multipart/form-data.", status=400)
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.whole = False
        self._file = file
        self._headers: dict[bytes, bytes] = {}
        self._header = bytearray(), bytearray()
        self._name: str | None = None
        """Of the part; None for the file."""
        self._value = bytearray()
        self._length = 0
        self._count = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._end,
                "on_end": lambda: setattr(self, "whole", True),
            },
        )

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise ServeError("The body is not a form.", status=400) from error

    def _begin(self) -> None:
        self._count += 1
        if self._count > PARTS_LIMIT:
            raise ServeError("The form has too many parts.", status=413)
        self._headers = {}

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = bytearray(), bytearray()

    def _headers_end(self) -> None:
        kind, parameters = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data":
            raise ServeError("A part of the form does not say what it is.", status=400)
        self._name, self._value = _text(parameters.get(b"name", b""))[:_LONGEST_NAME], bytearray()
        if b"filename" not in parameters:
            return
        if self._name != "content":
            self._name = ""  # a signature, which indexes no longer accept
            return
        if self.filename is not None:
            raise ServeError("The form holds more than one file.", status=400)
        self._name, self.filename = None, _text(parameters[b"filename"])

    def _data(self, piece: bytes) -> None:
        if self._name is None:
            self._file.write(piece)
            return
        self._length += len(piece)
        if self._length > FIELDS_LIMIT:
            raise ServeError("The fields of the form are too long.", status=413)
        self._value.extend(piece)

    def _end(self) -> None:
        if self._name:
            self.fields.setdefault(self._name, _text(bytes(self._value)))


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


@dataclass(eq=False)
class Uploads:
    """Takes uploads for the repository that `repository_for` gives for a visitor's credential.

    `passes_on`: the repository is asked with the visitor's login; otherwise every visitor may
    upload. `folder` is for temporary files. For one event loop.
    """

    service: IndexService
    repository_for: Callable[[Visitor], Repository]
    _: KW_ONLY
    folder: Path
    passes_on: bool
    limit: int = LIMIT
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False)
    _locks: WeakValueDictionary[tuple[NormalizedName, str], asyncio.Lock] = field(
        default_factory=WeakValueDictionary, init=False
    )

    def __post_init__(self) -> None:
        self._threads = anyio.CapacityLimiter(THREADS)

    async def take(self, request: Request, visitor: Visitor) -> str:
        """One upload, and what to answer. Raises `ServeError`."""
        if self.passes_on and (visitor is None or not visitor.secret.reveal()):
            raise ServeError("An upload needs a user name and a password or token.", status=401)
        held = ExitStack()
        try:
            own = await self._thread(lambda: self._own_folder(held))
            form = await self._receive(request, own / "content")
            async with self._turns:
                found = await self._thread(lambda: _read(form, own / "content"))
                if not self.service.routing.is_ours(found.project):
                    # It would not be seen by anyone.
                    raise ServeError(
                        f"{found.project} is none of the private names of this index, which looks it up in its "
                        "fallback only. Start it with a --private that fits.",
                        status=403,
                    )
                lock = self._locks.setdefault((found.project, str(found.version)), asyncio.Lock())
                async with lock:
                    said = await self._thread(lambda: self._publish(found, visitor))
            self.service.changed(found.project)
            return said
        except ClientDisconnect as error:
            raise ServeError("The upload broke off.", status=400) from error
        except OSError as error:
            raise ServeError(f"The upload can't be kept here: {error.strerror}.", status=507) from error
        finally:
            await self._thread(held.close)

    def _own_folder(self, held: ExitStack) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return held.enter_context(temporary_folder(within=self.folder))

    async def _thread(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._threads)

    async def _receive(self, request: Request, path: Path) -> UploadForm:
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise ServeError("The body of an upload is taken as it is, not compressed.", status=415)
        too_large = ServeError(f"An upload may have {self.limit // 1024**2} MiB here.", status=413)
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated[:20]) > self.limit:
            raise too_large
        total, waiting = 0, bytearray()
        with path.open("xb") as file:
            form = UploadForm(request.headers.get("content-type", ""), file)
            async for piece in request.stream():
                total += len(piece)
                if total > self.limit:
                    raise too_large
                waiting += piece
                if len(waiting) >= _CHUNK:
                    await self._thread(lambda taken=bytes(waiting): form.feed(taken))  # type: ignore[misc] # mypy infers no type for it
                    waiting.clear()
            await self._thread(lambda: form.feed(bytes(waiting)))
        if not form.whole:
            raise ServeError("The body ends too early.", status=400)
        return form

    def _publish(self, distribution: Distribution, visitor: Visitor) -> str:
        """Give it to the repository. Blocks."""
        release = Release(
            project=distribution.project, version=distribution.version, distributions=(distribution,)
        )
        # Clients' --skip-existing looks for the words "already exists".
        try:
            repository = self.repository_for(visitor)
            state = repository.states(release).states[distribution.filename]
            if state is FileState.PRESENT:
                return f"{distribution.filename} was here already."
            if state is FileState.DIFFERENT:
                msg = f"File already exists: {repository.name} has another {distribution.filename}. Release a new version."
                raise ServeError(msg, status=409)
            outcome = repository.upload(distribution)
            if outcome.status not in {FileState.UPLOADED, FileState.PRESENT}:
                words = _words(outcome.findings) or "The upload failed."
                raise ServeError(words, status=_STATUSES.get(outcome.status, 400))
            listed = repository.commit(release)
        except ServeError:
            raise
        except PublishAllError as error:
            status = 403 if isinstance(error, CredentialError) else 502
            raise ServeError(error.message, status=status, hint=error.hint) from error
        if not listed.complete:
            conflict = any(each.code == known.OTHER_BYTES.code for each in listed.findings)
            words = _words(listed.findings) or "It could not be listed."
            raise ServeError(words, status=409 if conflict else 502)
        return f"{distribution.filename} is published."


class VisitorCredentials(Credentials):
    """The credential that came with a request, as repositories ask for credentials. There is no other to renew it with."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor

    def get(self, request: CredentialRequest) -> Credential | None:
        if self._visitor is None:
            return None
        return Credential(
            username=self._visitor.username,
            secret=self._visitor.secret,
            host=host_of(request.url),
            kind=CredentialKind.PASSWORD,
            origin="the request",
        )

    def renew(self, request: CredentialRequest) -> None:
        del request

    plausible = get

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        del request
        return ()


def _read(form: UploadForm, path: Path) -> Distribution:
    """The distribution, as its own content says; what the form says must agree. Blocks."""
    if form.filename is None:
        raise ServeError("The form holds no file (the part `content`).", status=400)
    # Nothing else is taken of the name: no folder, no way out of ours.
    if not _FILENAME.fullmatch(form.filename):
        raise ServeError("That is not the name of a wheel (.whl) or sdist (.tar.gz).", status=400)
    if form.fields.get(":action") != "file_upload":
        raise ServeError("The only :action here is file_upload.", status=400)
    path = replace_open(path, path.with_name(form.filename))
    try:
        found = read_distribution(path, sdist_limit=SDIST_LIMIT)
    except CheckError as error:
        shown = error.message.replace(str(path), path.name)
        raise ServeError(plain(f"{shown} {error.hint or ''}", limit=1000), status=400) from error
    if canonicalize_name(form.fields.get("name", found.name)) != found.project:
        raise ServeError("The form names another project than the file does.", status=400)
    if canonicalize_version(form.fields.get("version", found.version)) != canonicalize_version(found.version):
        raise ServeError("The form states another version than the file does.", status=400)
    for name, digest in (
        ("sha256_digest", found.digests.sha256),
        ("blake2_256_digest", found.digests.blake2_256),
        ("md5_digest", found.digests.md5),
    ):
        stated = form.fields.get(name, "").strip().lower()
        if stated and not hmac.compare_digest(stated.encode(), digest.encode()):
            raise ServeError(f"The {name} is not that of the file that came.", status=400)
    return found


def _words(findings: tuple[Finding, ...]) -> str:
    return " ".join(f"{each.message} {each.hint}".strip() for each in findings)
