"""The interface of index sources: whatever has projects, their files and the files' metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from packaging.utils import NormalizedName

from publish_all._http import BasicAuth, Download
from publish_all._http_errors import HttpError
from publish_all.errors import CredentialError, PublishAllError
from publish_all.findings import Finding
from publish_all.repositories.replies import RefusedError
from publish_all.repositories.simple_pages import IndexFile, ProjectPage, read_chunks, store

Visitor: TypeAlias = BasicAuth | None
"""The user name and password in a client's request; None without them."""


class ServeError(PublishAllError):
    """Why a client does not get what it asks for; the message may be shown to it.

    `status` is that of the answer. Of a source: 401 if it must know who asks, 403 if they may not read
    this, 404 if it is not there, 502 if the source cannot answer.
    """

    def __init__(self, message: str, *, status: int = 502, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def hidden(self) -> bool:
        """Whether the source does not tell which packages it has, or that it has one."""
        return self.status in {401, 403, 404}

    @property
    def text(self) -> str:
        return f"{self.message} {self.hint or ''}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """A file that is fetched piece by piece.

    `open` takes the value of a Range header or None and gives a reply of status 200, 206 or 416; opening
    and reading raise `ServeError`. `scope` names the place of the file: a file from one
    place is never served as one from another. `check` raises `ServeError` where the visitor may not read
    there, and is asked before bytes are shown that were fetched for somebody else.
    """

    scope: str
    sha256: str
    open: Callable[[str | None], AbstractContextManager[Download]] = field(repr=False)
    check: Callable[[], None] = field(default=lambda: None, repr=False)


class Address(NamedTuple):
    """A file of a project by its name and hex sha256, both as the page has them, or with `metadata` its core metadata."""

    project: NormalizedName
    filename: str
    sha256: str
    metadata: bool = False

    def listed(self, page: ProjectPage | None) -> IndexFile | None:
        """The file on a page, None if the page has none with this sha256."""
        file = page.file(self.filename) if page is not None else None
        hashes = (file.core_metadata if self.metadata else file.hashes) if file is not None else None
        return file if hashes and hashes.get("sha256") == self.sha256 else None


class IndexSource(Protocol):
    """One place that packages come from. Methods block, and may be called from several threads at once.

    All raise `ServeError`. The URLs of the pages that they give are empty, unless a file is to be
    fetched by the client itself.
    """

    name: str
    """As configured; a part of the URLs of its files."""

    @property
    def scope(self) -> str | None:
        """Where a visitor's credential is sent: scheme and host; None if nowhere."""
        return None

    def projects(self, visitor: Visitor) -> tuple[NormalizedName, ...]:
        """The projects that it has, as far as it tells."""

    def page(self, project: NormalizedName, visitor: Visitor) -> ProjectPage | None:
        """What it has of a project now; None if nothing."""

    def file(self, address: Address, visitor: Visitor) -> Path | RemoteFile | None:
        """The file at an address; None if the page has no such file."""

    def ready(self) -> None:
        """Raise `ServeError` if it can't answer at all."""

    def oddities(self, project: NormalizedName) -> Iterable[Finding]:
        """Problems with the files of a project that its page does not show."""
        del project
        return ()


@contextmanager
def troubles_of(name: str) -> Iterator[None]:
    """An error of the source of this name, empty for a fallback, as an answer of ours. A credential is the server's own."""
    try:
        yield
    except (CredentialError, HttpError) as error:
        status = 404 if isinstance(error, RefusedError) and error.status == 404 else 502
        said = f"{name}: {error.message}" if name else error.message
        raise ServeError(said, status=status, hint=error.hint) from error


def fetch_file(
    source: IndexSource, project: NormalizedName, file: IndexFile, folder: Path, *, metadata: bool = False
) -> Path:
    """Copy a listed file, or with `metadata` its core metadata, into `folder`, checked by its sha256.

    Raises `ServeError`, and `RepositoryError` for other bytes.
    """
    part = file
    if metadata:
        part = replace(file, filename=f"{file.filename}.metadata", hashes=file.core_metadata or {})
    content = source.file(Address(project, file.filename, part.sha256, metadata=metadata), None)
    if content is None:
        raise ServeError(f"{source.name} lists {part.filename} and has not got it")
    if isinstance(content, Path):
        return store(read_chunks(content), part, folder, source.name)
    with content.open(None) as download:
        return store(download.chunks, part, folder, source.name)
