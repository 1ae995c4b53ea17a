"""Edits of one value in the text of a TOML file, or a JSON file; every other character stays.

Candidates are found by their looks, and one counts only if a parser then reads just the change
that was meant. So a look-alike in a comment, in a string or in another table is never edited.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from publish_all._toml import TOMLDecodeError, loads
from publish_all._values import dataclass
from publish_all.errors import VersionError
from publish_all.version.static import table

_STRING = r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
_PROBE = "0+publish.all.probe"
_BOM = "\ufeff"
_ENDS = 10  # comments inside an array may hold closing brackets, but hardly more of them


class Syntax(NamedTuple):
    """A language: its parser, what stands between a key and its value, and what a string looks like."""

    name: str
    loads: Callable[[str], Any]
    between: str
    string: str


def _loads_toml(text: str) -> Any:
    return loads(text, parse_float=str)  # NaN is not equal to itself


def _loads_json(text: str) -> Any:
    return json.loads(text.removeprefix(_BOM), parse_float=str, parse_constant=str)


TOML = Syntax("TOML", _loads_toml, r"[ \t]*=[ \t]*", _STRING)
JSON = Syntax("JSON", _loads_json, r"\s*:\s*", r'"(?:[^"\\\n]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Span:
    """A string literal in the text, with its quotes: first character, one after the last, line from 1."""

    start: int
    end: int
    line: int


def parse(text: str, where: str, *, syntax: Syntax = TOML) -> dict[str, Any]:
    """The values, with numbers as strings: equal texts are equal values then. Raises `VersionError`."""
    try:
        found = syntax.loads(text)
    except (TOMLDecodeError, ValueError, RecursionError) as error:
        msg = f"{where}: is not {syntax.name}: {error}"
        raise VersionError(msg) from error
    return found if isinstance(found, dict) else {}


def find_string(
    text: str, path: tuple[str, ...], *, where: str = "pyproject.toml", syntax: Syntax = TOML
) -> Span | None:
    """Where the string at a key path stands; None when there is none. Raises `VersionError`."""
    values = parse(text, where, syntax=syntax)
    stated = table(values, *path[:-1]).get(path[-1])
    if not isinstance(stated, str):
        return None
    expected = _with_value(values, path, _PROBE)
    for span in _candidates(text, path[-1], stated, syntax):
        if _reads(text[: span.start] + f'"{_PROBE}"' + text[span.end :], syntax) == expected:
            return span
    msg = f"{where}: it can't be told where {'.'.join(path)} is written"
    raise VersionError(msg, hint=f'Write it on a line of its own: {path[-1]} = "{stated}".')


def with_string(
    text: str,
    path: tuple[str, ...],
    value: str,
    *,
    where: str = "pyproject.toml",
    syntax: Syntax = TOML,
) -> str:
    """The text with another string at the key path, in the same quotes. Raises `VersionError` if there is none."""
    span = find_string(text, path, where=where, syntax=syntax)
    if span is None:
        msg = f"{where}: there is no {'.'.join(path)}"
        raise VersionError(msg)
    literal = text[span.start : span.end]
    quotes = literal[:3] if literal[:3] in {'"""', "'''"} else literal[:1]
    changed = text[: span.start] + quotes + value + quotes + text[span.end :]
    if _reads(changed, syntax) != _with_value(parse(text, where, syntax=syntax), path, value):
        msg = f"{where}: {value!r} can't be written as {'.'.join(path)}"
        raise VersionError(msg)
    return changed


def lacks_version(values: Mapping[str, Any]) -> bool:
    """Whether a pyproject.toml leaves the version open: dynamic, or a `[tool.poetry]` alone without one."""
    project = table(values, "project")
    if project:
        return "version" in (project.get("dynamic") or ()) and "version" not in project
    poetry = table(values, "tool", "poetry")
    return bool(poetry) and "version" not in poetry and poetry.get("package-mode", True) is not False


def with_static_version(text: str, version: str, *, where: str = "pyproject.toml") -> str:
    """The text of a pyproject.toml that states the version. As it is, if it states one already.

    `dynamic = ["version"]` becomes `version = "…"`. Raises `VersionError` if no edit says just that.
    """
    values = parse(text, where)
    if not lacks_version(values):
        return text
    expected = static_values(values, version)
    for changed in _static_texts(text, values, version):
        if _reads(changed) == expected:
            return changed
    msg = f"{where}: the version can't be written into it"
    raise VersionError(msg, hint='Write dynamic = ["version"] on a line of its own in [project].')


def static_values(values: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A pyproject.toml's values with the version stated and not dynamic."""
    result = copy.deepcopy(dict(values))
    state_version(result, version)
    return result


def state_version(values: Mapping[str, Any], version: str) -> None:
    """As `static_values`, in place."""
    if "project" not in values:
        values["tool"]["poetry"]["version"] = version
        return
    project = values["project"]
    project["version"] = version
    others = [each for each in project.pop("dynamic") if each != "version"]
    if others:
        project["dynamic"] = others


def _static_texts(text: str, values: Mapping[str, Any], version: str) -> Iterator[str]:
    newline = "\r\n" if "\r\n" in text else "\n"
    if "project" not in values:
        for header in re.finditer(r"^[ \t]*\[[^\[\n]*poetry[^\n]*\][^\r\n]*", text, re.MULTILINE):
            yield f'{text[: header.end()]}{newline}version = "{version}"{text[header.end() :]}'
        return
    others = [each for each in values["project"]["dynamic"] if each != "version"]
    array = "[" + ", ".join(f'"{each}"' for each in others) + "]"
    for match in re.finditer(r"""((?:project[ \t]*\.[ \t]*)?)["']?dynamic["']?[ \t]*=[ \t]*\[""", text):
        dotted = match[1]
        head = f'{text[: match.start()]}{dotted}version = "{version}"'
        for closing in list(re.compile(r"\]").finditer(text, match.end()))[:_ENDS]:
            rest = text[closing.end() :]
            if others:
                yield f"{head}{newline}{dotted}dynamic = {array}{rest}"
                yield f"{head}, {dotted}dynamic = {array}{rest}"
            else:
                yield head + rest


def _candidates(text: str, key: str, stated: str, syntax: Syntax) -> Iterator[Span]:
    pattern = re.compile(
        rf"""["']?{re.escape(key)}["']?{syntax.between}(?P<value>{syntax.string})""", re.DOTALL
    )
    position = 0
    while (match := pattern.search(text, position)) is not None:
        position = match.start("value")
        literal = match["value"]
        if stated in literal or "\\" in literal:
            yield Span(*match.span("value"), line=text.count("\n", 0, match.start("value")) + 1)


def _reads(text: str, syntax: Syntax = TOML) -> Any:
    try:
        return syntax.loads(text)
    except (TOMLDecodeError, ValueError, RecursionError):
        return None


def _with_value(values: Mapping[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    result = copy.deepcopy(dict(values))
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result
