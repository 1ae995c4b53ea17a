"""Find, read and parse the pyproject.toml of a project, with the line of each key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all._toml import TOMLDecodeError, loads
from publish_all.config.model import EMPTY, ProjectConfig
from publish_all.config.parse import PYPROJECT, TABLE, parse_project
from publish_all.config.reading import dotted
from publish_all.config.workspace import load_workspace, with_workspace
from publish_all.errors import ConfigurationError

_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?[ \t]*({_DOTTED})[ \t]*\]\]?\s*(?:#|$)")
_ASSIGNED = re.compile(rf"\s*({_DOTTED})[ \t]*=")


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
        # Its message has the line.
        bom = text.startswith("\ufeff")
        what = "starts with a byte order mark, which TOML does not allow" if bom else str(error)
        raise ConfigurationError(f"{path}: is not valid TOML: {what}") from error


def file_origins(text: str, file: str) -> Mapping[str, str]:
    """`file:line` of each key of a TOML file, by its dotted path."""
    return MappingProxyType({dotted(key): f"{file}:{line}" for key, line in key_lines(text).items()})


def own_origins(text: str, file: str = PYPROJECT) -> Mapping[str, str]:
    """As `file_origins`, for a pyproject.toml; empty if it has no settings of ours, which is fast."""
    if TABLE[1] not in text:
        return EMPTY
    return file_origins(text, file)


def key_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The first line (from 1) of each table header and each key, for messages.

    A table without a header has the line of its first key or table. Keys in an inline table have no lines; use that
    of the key of the inline table. Lines of a text that look like a key are taken for one.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = _key(header[1])
            lines.setdefault(table, number)
        elif assigned := _ASSIGNED.match(line):
            lines.setdefault(table + _key(assigned[1]), number)
    for key, number in list(lines.items()):
        for length in range(1, len(key)):
            lines.setdefault(key[:length], number)
    return lines


def _key(written: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, written))
