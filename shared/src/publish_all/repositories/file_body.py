"""A file as the body of a request, streamed from disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from publish_all.repositories.multipart import FileChangedError
from publish_all.repositories.repository import Progress, no_progress

_CHUNK = 256 * 1024


class FileBody:
    """A body of known length, whose memory does not depend on the file's size. Each iteration starts anew.

    Raises `FileChangedError` while it is sent if the file has another length by then, or is gone.
    """

    def __init__(self, path: Path, *, size: int, progress: Progress = no_progress) -> None:
        self._path = path
        self._size = size
        self._progress = progress

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for chunk in self._chunks():
            yield chunk
            # Whoever asks for the next chunk has sent this one.
            sent += len(chunk)
            self._progress(sent)

    def _chunks(self) -> Iterator[bytes]:
        left = self._size
        try:
            with self._path.open("rb") as file:
                while left > 0:
                    chunk = file.read(min(_CHUNK, left))
                    if not chunk:
                        raise FileChangedError(f"{self._path} became shorter while it was uploaded.")
                    left -= len(chunk)
                    yield chunk
                if file.read(1):
                    raise FileChangedError(f"{self._path} became longer while it was uploaded.")
        except OSError as error:
            raise FileChangedError(f"{self._path} can't be read: {error.strerror or error}.") from error
