r"""A Python source file as bytes, text and syntax tree, with the places of its nodes in the bytes.

`ast` counts columns in UTF-8 bytes of the decoded line and leaves a byte order mark out; lines end
at `\r\n`, `\r` and `\n` only, not at the form feeds and separators that `str.splitlines` knows.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from publish_all.errors import VersionError

Read: TypeAlias = Callable[[Path], bytes]

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(r"\r\n|\r|\n")


class SourceFile:
    """One Python file, parsed. `data` are its bytes as they are on disk."""

    def __init__(self, path: Path, data: bytes, tree: ast.Module, encoding: str) -> None:
        self.path = path
        self.data = data
        self.tree = tree
        self._bom = _BOM if data.startswith(_BOM) else b""
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self._text = data[len(self._bom) :].decode(self._encoding)
        self._lines = [0, *(match.end() for match in _LINE_END.finditer(self._text))]

    def span(self, node: ast.expr) -> tuple[int, int]:
        """The node's first byte in `data`, and the one after its last."""
        if node.end_lineno is None or node.end_col_offset is None:
            msg = f"{self.path}:{node.lineno}: Python does not say where this ends"
            raise VersionError(msg)
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr) -> str:
        """The node as it is written."""
        start, end = self.span(node)
        return self.data[start:end].decode(self._encoding)

    def encode(self, text: str) -> bytes:
        return text.encode(self._encoding)

    def _offset(self, line: int, column: int) -> int:
        start = self._lines[line - 1]
        end = self._lines[line] if line < len(self._lines) else len(self._text)
        before = self._text[start:end].encode()[:column].decode()
        return len(self._bom) + len(self.encode(self._text[: start + len(before)]))


def read_source(path: Path, read: Read = Path.read_bytes) -> SourceFile:
    """Read and parse. Raises `VersionError` for a file that is not there or not Python."""
    try:
        data = read(path)
    except OSError as error:
        msg = f"{path}: can't be read: {error.strerror or error}"
        raise VersionError(msg, hint="The version is said to be in this file.") from error
    return parse_source(path, data)


def parse_source(path: Path, data: bytes) -> SourceFile:
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a compiler warns of is not our business
            tree = ast.parse(data, filename=str(path))
        return SourceFile(path, data, tree, encoding)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        msg = f"{where}: is not Python that this interpreter can read: {error.msg}"
        raise VersionError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is not Python that this interpreter can read: {error}"
        raise VersionError(msg) from error
