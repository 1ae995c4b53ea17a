"""Find, read and parse the pyproject.toml of a project, with the line of each key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all._toml import TOMLDecodeError, loads
from publish_all.config.model import EMPTY, ProjectConfig
from publish_all.config.parse import PYPROJECT, TABLE, parse_project
from publish_all.config.problems import dotted
from publish_all.config.workspace import load_workspace, with_workspace
from publish_all.errors import ConfigurationError

_TOKEN = re.compile(
    r"""
    (?P<skip> [ \t\r]+ | \#[^\n]* )
  | (?P<text> \"{3} (?: \\. | [^\\] )*? \"{3,5} | '{3} .*? '{3,5} )
  | (?P<quoted> " (?: \\. | [^"\\\n] )* " | ' [^'\n]* ' )
  | (?P<bare> [A-Za-z0-9_-]+ )
  | (?P<newline> \n )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\])')
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def find_pyproject(directory: Path) -> Path:
    """The first pyproject.toml in a folder or above it. Raises `ConfigurationError`."""
    if not directory.is_dir():
        msg = f"no folder {directory} found"
        raise ConfigurationError(msg, hint="Use -C with the folder of a project.")
    found = search_pyproject(directory)
    if found is None:
        msg = f"no {PYPROJECT} found in {directory} or its parent folders"
        hint = "Run this command in a project, or set its folder with -C."
        old = next((name for name in ("setup.py", "setup.cfg") if (directory / name).is_file()), None)
        if old is not None:
            hint = f"Run `publish-all init` to create one. {old} is not changed."
        raise ConfigurationError(msg, hint=hint)
    return found


def search_pyproject(directory: Path) -> Path | None:
    """As `find_pyproject`, but None if there is none."""
    start = Path(os.path.abspath(directory))  # noqa: PTH100 - resolve() would follow links, absolute() keeps ".."
    for folder in (start, *start.parents):
        if (folder / PYPROJECT).is_file():
            return folder / PYPROJECT
    return None


def load_project(directory: Path, members: Sequence[str] | None = None) -> ProjectConfig:
    """The configuration of the project at or above `directory`, including the settings that it inherits in a workspace.

    With `members`, the configuration of a run over these members of the workspace, or over all if empty.

    Raises `ConfigurationError` if there is no project, its file is not valid TOML, or `[tool.publish-all]` has an
    error.
    """
    if members is not None:
        return load_workspace(directory, members, _read)
    return with_workspace(_read(find_pyproject(directory), PYPROJECT), _read)


def _read(path: Path, file: str | None = None) -> ProjectConfig:
    text = read_text(path)
    name = file or str(path)
    return parse_project(parse_toml(text, path), root=path.parent, file=name, origins=own_origins(text, name))


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file. Raises `FileNotFoundError`, or `ConfigurationError` with file and line."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return parse_toml(read_text(path), path)


def read_text(path: Path) -> str:
    try:
        # No universal newlines: the TOML parser handles line ends, and rejects a lone carriage return.
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line}: is not valid UTF-8, which TOML requires"
        raise ConfigurationError(msg, hint="Save the file as UTF-8.") from error
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise ConfigurationError(msg) from error


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return loads(text)
    except TOMLDecodeError as error:
        message = str(error)
        at = _AT.search(message)
        line = (int(at[1]) if at[1] else text.rstrip("\n").count("\n") + 1) if at else None
        where = f"{path}:{line}" if line is not None else str(path)
        what = (
            _AT.sub("", message)
            if text[:1] != "\ufeff"
            else "starts with a byte order mark, which TOML does not allow"
        )
        raise ConfigurationError(f"{where}: is not valid TOML: {what}") from error


def file_origins(text: str, file: str) -> Mapping[str, str]:
    """`file:line` of each key of a TOML file, by its dotted path."""
    return MappingProxyType({dotted(key): f"{file}:{line}" for key, line in key_lines(text).items()})


def own_origins(text: str, file: str = PYPROJECT) -> Mapping[str, str]:
    """As `file_origins`, for a pyproject.toml; empty if it has no settings of ours, which is fast."""
    if TABLE[1] not in text:
        return EMPTY
    return file_origins(text, file)


def key_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The first line (from 1) of each table header and each key.

    A table without a header has the line of its first key or table. The text must be valid TOML. Keys
    in an inline table have no lines; use that of the key of the inline table.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, statement in _statements(text):
        if statement[0] == "[":
            table = _key(statement[1 : statement.index("]")])
            lines.setdefault(table, line)
        elif "=" in statement:
            lines.setdefault(table + _key(statement[: statement.index("=")]), line)
    for key, line in list(lines.items()):
        for length in range(1, len(key)):
            lines.setdefault(key[:length], line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The tokens of each header or `key = value`, with its first line."""
    line, start, depth = 1, 1, 0
    statement: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match.lastgroup == "newline" and depth == 0:
            if statement:
                yield start, statement
            statement = []
        elif match.lastgroup not in {"skip", "newline"}:
            start = start if statement else line
            statement.append(token)
            depth += (token in {"[", "{"}) - (token in {"]", "}"})
        line += token.count("\n")
    if statement:
        yield start, statement


def _key(tokens: list[str]) -> tuple[str, ...]:
    """A dotted key from its tokens, ignoring the `[[` of an array of tables."""
    parts = []
    for token in tokens:
        if token[0] == '"':
            parts.append(_ESCAPE.sub(r"\1", token[1:-1]))
        elif token[0] == "'":
            parts.append(token[1:-1])
        elif token not in {".", "[", "]"}:
            parts.append(token)
    return tuple(parts)
