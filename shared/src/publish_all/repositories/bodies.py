"""Files as bodies of requests, streamed from disk: alone, or with form fields before them (RFC 7578)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from urllib3.filepost import choose_boundary, encode_multipart_formdata

from publish_all import diagnoses
from publish_all.errors import PublishAllError
from publish_all.repositories.repository import Progress, no_progress

_CHUNK = 256 * 1024


class FileChangedError(PublishAllError):
    """The file is gone, or shorter or longer than when it was read.

    Not an `OSError`, which urllib3 would handle as a network error.
    """

    def __init__(self, path: Path, what: str) -> None:
        message = f"{path} {what}."
        finding = diagnoses.FILE_CHANGED.found(message, where=str(path))
        super().__init__(message, findings=(finding,))


@dataclass(eq=False, repr=False)
class FileBody:
    """A body of known length around a file, whose memory does not depend on the file's size. Each iteration starts at the beginning.

    `progress` gets the number of the file's bytes that were passed to the network; `complete` is true when the
    whole body was. Raises `FileChangedError` while it is sent if the file has another length by then, or is gone.
    """

    path: Path
    size: int
    progress: Progress = no_progress
    head: bytes = b""
    tail: bytes = b""
    complete: bool = False

    def __len__(self) -> int:
        return len(self.head) + self.size + len(self.tail)

    def __iter__(self) -> Iterator[bytes]:
        self.complete = False
        sent = -len(self.head)
        for chunk in self._chunks():
            yield chunk
            # The caller has sent this chunk when it requests the next one.
            sent += len(chunk)
            self.progress(min(sent, self.size))
        self.complete = True

    def _chunks(self) -> Iterator[bytes]:
        if self.head:
            yield self.head
        left = self.size
        try:
            with self.path.open("rb") as file:
                while left > 0:
                    chunk = file.read(min(_CHUNK, left))
                    if not chunk:
                        raise FileChangedError(self.path, "became shorter while it was uploaded")
                    left -= len(chunk)
                    yield chunk
                if file.read(1):
                    raise FileChangedError(self.path, "became longer while it was uploaded")
        except OSError as error:
            raise FileChangedError(self.path, f"cannot be read: {error.strerror or error}") from error
        if self.tail:
            yield self.tail


def form(fields: Sequence[tuple[str, str]], filename: str | None = None) -> tuple[bytes, bytes, str]:
    """The bytes before and after the file in a multipart/form-data body, and its content type."""
    boundary = choose_boundary()
    parts: list[tuple[str, bytes | tuple[str, bytes, str]]] = [
        (name, value.encode(errors="surrogateescape")) for name, value in fields
    ]
    if filename is not None:
        parts.append(("content", (filename, b"", "application/octet-stream")))
    body, content_type = encode_multipart_formdata(parts, boundary)
    tail = f"--{boundary}--\r\n".encode()
    end = b"\r\n" + tail if filename is not None else tail
    return body.removesuffix(end), end, content_type
