"""The body of an upload: form fields and one file, streamed from disk (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from publish_all.errors import PublishAllError
from publish_all.repositories.repository import Progress, no_progress

_CHUNK = 256 * 1024


class FileChangedError(PublishAllError):
    """The file is gone, or shorter or longer than when it was read.

    Not an `OSError`, which urllib3 would take for one of the network.
    """


class MultipartBody:
    """A multipart/form-data body of known length, whose memory does not depend on the file's size.

    Each iteration starts anew. `progress` is told how many of the file's bytes have been handed to the
    network; `complete` is true when the whole body was.
    """

    def __init__(
        self,
        fields: Sequence[tuple[str, str]],
        *,
        path: Path,
        size: int,
        progress: Progress = no_progress,
        boundary: str | None = None,
    ) -> None:
        self.boundary = boundary or secrets.token_hex(16)
        self.complete = False
        self._path = path
        self._size = size
        self._progress = progress
        parts = [*(_field(self.boundary, *each) for each in fields), _file_head(self.boundary, path.name)]
        self._head = b"".join(parts)
        self._tail = f"\r\n--{self.boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        self.complete = False
        sent = -len(self._head)
        for chunk in self._chunks():
            yield chunk
            # Whoever asks for the next chunk has sent this one.
            sent += len(chunk)
            self._progress(min(sent, self._size))
        self.complete = True

    def _chunks(self) -> Iterator[bytes]:
        yield self._head
        try:
            yield from self._content()
        except OSError as error:
            raise FileChangedError(f"{self._path} can't be read: {error.strerror or error}.") from error
        yield self._tail

    def _content(self) -> Iterator[bytes]:
        left = self._size
        with self._path.open("rb") as file:
            while left > 0:
                chunk = file.read(min(_CHUNK, left))
                if not chunk:
                    raise FileChangedError(f"{self._path} became shorter while it was uploaded.")
                left -= len(chunk)
                yield chunk
            if file.read(1):
                raise FileChangedError(f"{self._path} became longer while it was uploaded.")


def _field(boundary: str, name: str, value: str) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
    return f"{head}{value}\r\n".encode("utf-8", errors="surrogateescape")


def _file_head(boundary: str, filename: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="content"; filename="{_quoted(filename)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


def _quoted(value: str) -> str:
    # As browsers do: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
    return value.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def form_only(fields: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """A body without a file, and its content type."""
    boundary = secrets.token_hex(16)
    body = b"".join(_field(boundary, *each) for each in fields) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
