"""The body of an upload (RFC 7578), read as it comes: fields in memory, the one file straight to disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

FIELDS_LIMIT = 16 * 1024 * 1024
"""How long all fields may be together, in bytes; descriptions are among them."""
PARTS_LIMIT = 5_000

_LONGEST_NAME = 200


class FormError(ValueError):
    """The body is not that of an upload. The message may be shown to who sent it."""


class TooLargeError(FormError):
    """There is more of it than is taken."""


@dataclass(kw_only=True, slots=True)
class _Part:
    """The part that is being read: what its header says, and whether it is the file."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    is_file: bool = False
    value: bytearray = field(default_factory=bytearray)


class UploadForm:
    """Takes a body piece by piece; the content of the part `content` goes to `file`.

    All methods raise `FormError`. `filename` is what the client calls the file, None before it came.
    """

    def __init__(self, content_type: str, file: IO[bytes]) -> None:
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _LONGEST_NAME:
            raise FormError("An upload is a form of the type multipart/form-data.")
        self._file = file
        self._part = _Part()
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._fields: dict[str, str] = {}
        self._length = 0
        self._count = 0
        self._whole = False
        self.filename: str | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header_bytes(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._header_bytes(1, data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._end,
                "on_end": self._done,
            },
        )

    def feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise FormError("The body is not a form.") from error

    def end(self) -> Mapping[str, str]:
        """The fields, once all has been fed: of those that come several times the first."""
        if not self._whole:
            raise FormError("The body ends too early.")
        return self._fields

    def _begin(self) -> None:
        self._count += 1
        if self._count > PARTS_LIMIT:
            raise TooLargeError("The form has too many parts.")
        self._part = _Part()

    def _header_bytes(self, which: int, piece: bytes) -> None:
        self._header[which].extend(piece)

    def _header_end(self) -> None:
        name, value = self._header
        self._part.headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        kind, parameters = parse_options_header(self._part.headers.get(b"content-disposition", b""))
        if kind != b"form-data":
            raise FormError("A part of the form does not say what it is.")
        self._part.name = _text(parameters.get(b"name", b""))
        if b"filename" not in parameters:
            return
        if self._part.name != "content":
            # Signatures, which nobody takes any longer.
            self._part.name = ""
            return
        if self.filename is not None:
            raise FormError("The form holds more than one file.")
        self._part.is_file = True
        self.filename = _text(parameters[b"filename"])

    def _data(self, piece: bytes) -> None:
        if self._part.is_file:
            self._file.write(piece)
            return
        self._length += len(piece)
        if self._length > FIELDS_LIMIT:
            raise TooLargeError("The fields of the form are too long.")
        self._part.value.extend(piece)

    def _end(self) -> None:
        if self._part.name and not self._part.is_file:
            self._fields.setdefault(self._part.name[:_LONGEST_NAME], _text(bytes(self._part.value)))

    def _done(self) -> None:
        self._whole = True


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")
