"""Uploads as PyPI's legacy API takes them (`POST /legacy/`), into one of our repositories.

What came is looked at as `publish-all check` would, and then goes through the repository's own engine:
the same bytes are no error, other bytes under the same name are a conflict, and overwrite nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakValueDictionary

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version
from starlette.requests import ClientDisconnect, Request

from publish_all import diagnoses as known
from publish_all._http_errors import HttpError
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.config.addresses import host_of
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest, TraceEntry
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import read_distribution
from publish_all.errors import CheckError, CredentialError, PublishAllError
from publish_all.findings import Finding
from publish_all.index.answers import Said
from publish_all.index.fallback import Where
from publish_all.index.form import FormError, TooLargeError, UploadForm
from publish_all.index.service import IndexService
from publish_all.index.source import Visitor
from publish_all.repositories.repository import Repository, UploadOutcome
from publish_all.results import FileState

LIMIT = 2 * 1024**3
"""How long the body of an upload may be, in bytes."""
SDIST_LIMIT = 2 * 1024**3
"""How far an sdist is unpacked in search of its metadata: a small file may pretend to be endless."""
AT_ONCE = 4
"""How many uploads are looked into and passed on at a time."""

_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}(\.whl|\.tar\.gz)", re.ASCII)
_CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class _Received:
    """What a client has sent: the fields of the form, and the file under its own name."""

    fields: Mapping[str, str]
    path: Path


class Refused(Exception):  # noqa: N818 - it is an answer rather than a failure
    """An upload that is not taken, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.said = Said(status=status, reason=reason)


class Uploads:
    """Takes uploads for the repository that `repository_for` gives for a visitor's credential.

    `passes_on` says that the repository is asked in the visitor's own name; else whoever may come here may
    upload. `folder` is where files are kept meanwhile. For one event loop.
    """

    def __init__(
        self,
        service: IndexService,
        repository_for: Callable[[Visitor], Repository],
        *,
        folder: Path,
        passes_on: bool,
        limit: int = LIMIT,
    ) -> None:
        self._service = service
        self._repository_for = repository_for
        self._folder = folder
        self._passes_on = passes_on
        self._limit = limit
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._locks: WeakValueDictionary[tuple[NormalizedName, str], asyncio.Lock] = WeakValueDictionary()

    async def take(self, request: Request, visitor: Visitor) -> Said:
        """One upload, and what to answer."""
        if self._passes_on and (visitor is None or not visitor.secret.reveal()):
            return Said(status=401, reason="An upload needs a user name and a password or token.")
        own = self._folder / secrets.token_hex(16)
        try:
            await self._service.taking(lambda: own.mkdir(parents=True, mode=0o700))
            received = await self._receive(request, own)
            async with self._turns:
                distribution = await self._service.taking(lambda: _read(received))
                self._ensure_private(distribution)
                lock = self._locks.setdefault(
                    (distribution.project, str(distribution.version)), asyncio.Lock()
                )
                async with lock:
                    said = await self._service.taking(lambda: self._publish(distribution, visitor))
            self._service.changed(distribution.project)
            return said
        except Refused as refused:
            return refused.said
        except ClientDisconnect:
            return Said(status=400, reason="The upload broke off.")
        except OSError as error:
            return Said(status=507, reason=f"The upload can't be kept here: {error.strerror}.")
        finally:
            await self._service.taking(lambda: shutil.rmtree(own, ignore_errors=True))

    async def _receive(self, request: Request, folder: Path) -> _Received:
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "The body of an upload is taken as it is, not compressed.")
        stated = request.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated[:20]) > self._limit:
            raise Refused(413, self._too_large)
        path = folder / "content"
        try:
            with path.open("xb") as file:
                form = UploadForm(request.headers.get("content-type", ""), file)
                await self._feed(request, form)
                fields = form.end()
        except TooLargeError as error:
            raise Refused(413, str(error)) from error
        except FormError as error:
            raise Refused(400, str(error)) from error
        return _Received(fields=fields, path=_under_its_name(path, form.filename))

    async def _feed(self, request: Request, form: UploadForm) -> None:
        total = 0
        waiting = bytearray()
        async for piece in request.stream():
            total += len(piece)
            if total > self._limit:
                raise TooLargeError(self._too_large)
            waiting += piece
            if len(waiting) >= _CHUNK:
                taken, waiting = bytes(waiting), bytearray()
                await self._service.taking(lambda taken=taken: form.feed(taken))  # type: ignore[misc] # mypy infers no type for it
        await self._service.taking(lambda: form.feed(bytes(waiting)))

    @property
    def _too_large(self) -> str:
        return f"An upload may have {self._limit // 1024**2} MiB here."

    def _ensure_private(self, distribution: Distribution) -> None:
        """What is not ours to serve would not be seen by anyone."""
        if self._service.routing.where(distribution.project) is Where.FALLBACK:
            raise Refused(
                403,
                f"{distribution.project} is none of the private names of this index, which looks it up in its "
                "fallback only. Start it with a --private that fits.",
            )

    def _publish(self, distribution: Distribution, visitor: Visitor) -> Said:
        """Give it to the repository. Blocks."""
        release = Release(
            project=distribution.project, version=distribution.version, distributions=(distribution,)
        )
        try:
            repository = self._repository_for(visitor)
            state = repository.states(release)[distribution.filename]
            if state is FileState.PRESENT:
                return Said(status=200, reason=f"{distribution.filename} was here already.")
            if state is FileState.DIFFERENT:
                raise Refused(409, _conflict(repository, distribution))
            outcome = repository.upload(distribution)
            if outcome.status not in {FileState.UPLOADED, FileState.PRESENT}:
                raise Refused(_status(outcome), _words(outcome.findings) or "The upload failed.")
            listed = repository.commit(release)
        except CredentialError as error:
            raise Refused(403, _text(error)) from error
        except HttpError as error:
            raise Refused(502, _text(error)) from error
        except PublishAllError as error:
            raise Refused(502, _text(error)) from error
        if not listed.complete:
            conflict = any(each.code == known.OTHER_BYTES.code for each in listed.findings)
            raise Refused(409 if conflict else 502, _words(listed.findings) or "It could not be listed.")
        return Said(status=200, reason=f"{distribution.filename} is published.")


class VisitorCredentials:
    """The credential that came with a request, as repositories ask for credentials."""

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

    def renew(self, request: CredentialRequest) -> Credential | None:
        del request
        return None

    def plausible(self, request: CredentialRequest) -> Credential | None:
        return self.get(request)

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        del request
        return ()


def _under_its_name(path: Path, filename: str | None) -> Path:
    """The file as what it is called, which is all that is taken of the name: no folder, no way out of ours."""
    if filename is None:
        raise Refused(400, "The form holds no file (the part `content`).")
    if not _FILENAME.fullmatch(filename):
        raise Refused(400, "That is not the name of a wheel (.whl) or sdist (.tar.gz).")
    return path.replace(path.with_name(filename))


def _read(received: _Received) -> Distribution:
    """The distribution, as its own content says; what the form says must agree. Blocks."""
    fields = received.fields
    if fields.get(":action") != "file_upload":
        raise Refused(400, "The only :action here is file_upload.")
    try:
        found = read_distribution(received.path, sdist_limit=SDIST_LIMIT)
    except CheckError as error:
        shown = error.message.replace(str(received.path), received.path.name)
        raise Refused(400, plain(f"{shown} {error.hint or ''}", limit=1000)) from error
    if canonicalize_name(fields.get("name", found.name)) != found.project:
        raise Refused(400, "The form names another project than the file does.")
    if not _same_version(fields.get("version", str(found.version)), found.version):
        raise Refused(400, "The form states another version than the file does.")
    ours = {
        "sha256_digest": found.digests.sha256,
        "blake2_256_digest": found.digests.blake2_256,
        "md5_digest": found.digests.md5,
    }
    for name, digest in ours.items():
        stated = fields.get(name, "").strip().lower()
        if stated and not hmac.compare_digest(stated.encode(), digest.encode()):
            raise Refused(400, f"The {name} is not that of the file that came.")
    return found


def _same_version(stated: str, version: Version) -> bool:
    try:
        return Version(stated) == version
    except InvalidVersion:
        return False


def _conflict(repository: Repository, distribution: Distribution) -> str:
    # Clients' --skip-existing looks for these words.
    return (
        f"File already exists: {repository.name} has another {distribution.filename}. Release a new version."
    )


def _status(outcome: UploadOutcome) -> int:
    match outcome.status:
        case FileState.CONFLICT:
            return 409
        case FileState.UNAUTHORIZED:
            return 403
        case FileState.FAILED | FileState.UNCLEAR:
            return 503
        case _:
            return 400


def _words(findings: tuple[Finding, ...]) -> str:
    return " ".join(f"{each.message} {each.hint}".strip() for each in findings)


def _text(error: PublishAllError) -> str:
    return f"{error.message} {error.hint or ''}".strip()
