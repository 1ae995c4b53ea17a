"""Edit one value in the text of a TOML or JSON file. All other characters are kept.

Candidates are found with a pattern. An edit is used only if the parser then reads exactly the intended change,
so similar text in a comment, in a string or in another table is never changed.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from publish_all._toml import TOMLDecodeError, loads, table
from publish_all.errors import VersionError

_TOML_VALUE = (
    r'[ \t]*=[ \t]*(?P<value>"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
)
_JSON_VALUE = r'\s*:\s*(?P<value>"(?:[^"\\\n]|\\.)*")'
_PROBE = "0+publish.all.probe"
# With the strings and comments of the array, which may hold brackets.
_DYNAMIC = re.compile(
    r"""(?P<dotted>(?:project[ \t]*\.[ \t]*)?)["']?dynamic["']?[ \t]*=[ \t]*\[(?:[^]"'#]|"[^"]*"|'[^']*'|#.*\n)*\]"""
)


def parse(text: str, where: str = "pyproject.toml") -> dict[str, Any]:
    """The values of a TOML file, or of a JSON file with that suffix. Raises `VersionError`.

    Fractions are read as strings, so that equal texts are equal values, also for NaN.
    """
    as_json = where.endswith(".json")
    try:
        if as_json:
            found = json.loads(text.removeprefix("\ufeff"), parse_float=str, parse_constant=str)
        else:
            found = loads(text, parse_float=str)
    except (TOMLDecodeError, ValueError, RecursionError) as error:
        raise VersionError(f"{where}: is not valid {'JSON' if as_json else 'TOML'}: {error}") from error
    return found if isinstance(found, dict) else {}


def find_string(text: str, path: tuple[str, ...], *, where: str = "pyproject.toml") -> list[tuple[int, int]]:
    """The position of the string at a key path, without its quotes; empty if there is none. Raises `VersionError`."""
    values = parse(text, where)
    says = table(values, *path[:-1]).get(path[-1])
    if not isinstance(says, str):
        return []
    expected = copy.deepcopy(values)
    inner = expected
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = _PROBE
    value = _JSON_VALUE if where.endswith(".json") else _TOML_VALUE
    for match in re.finditer(rf"""(?=["']?{re.escape(path[-1])}["']?{value})""", text, re.DOTALL):
        start, end = match.span("value")
        may_be_it = says in match["value"] or "\\" in match["value"]
        if may_be_it and _reads(f'{text[:start]}"{_PROBE}"{text[end:]}', where) == expected:
            quotes = 3 if match["value"].startswith(('"""', "'''")) and end - start > 5 else 1
            return [(start + quotes, end - quotes)]
    msg = f"{where}: cannot find the line of {'.'.join(path)}"
    raise VersionError(msg, hint=f'Write it on a separate line: {path[-1]} = "{says}".')


def _reads(text: str, where: str = "pyproject.toml") -> dict[str, Any] | None:
    try:
        return parse(text, where)
    except VersionError:
        return None


def lacks_version(values: Mapping[str, Any]) -> bool:
    """Whether a pyproject.toml leaves the version open: dynamic, or a `[tool.poetry]` alone without one."""
    project = table(values, "project")
    if project:
        return "version" in (project.get("dynamic") or ()) and "version" not in project
    poetry = table(values, "tool", "poetry")
    return bool(poetry) and "version" not in poetry and poetry.get("package-mode", True) is not False


def state_version(values: Mapping[str, Any], version: str) -> None:
    """Add the version to the values of a pyproject.toml without one."""
    if "project" not in values:
        values["tool"]["poetry"]["version"] = version
        return
    project = values["project"]
    project["version"] = version
    others = [each for each in project.pop("dynamic") if each != "version"]
    if others:
        project["dynamic"] = others


def with_static_version(text: str, version: str, *, where: str = "pyproject.toml") -> str:
    """The text of a pyproject.toml with the version, unchanged if it has one already.

    `dynamic = ["version"]` becomes `version = "…"`. Raises `VersionError` if no edit does exactly that.
    """
    values = parse(text, where)
    if not lacks_version(values):
        return text
    candidates = _static_texts(text, values, f'version = "{version}"')
    state_version(values, version)
    for changed in candidates:
        if _reads(changed) == values:
            return changed
    msg = f"{where}: the version cannot be written into it"
    raise VersionError(msg, hint='Write dynamic = ["version"] on a separate line in [project].')


def _static_texts(text: str, values: Mapping[str, Any], line: str) -> Iterator[str]:
    newline = "\r\n" if "\r\n" in text else "\n"
    if "project" not in values:
        for header in re.finditer(r"^[ \t]*\[[^\[\n]*poetry[^\n]*\][^\r\n]*", text, re.MULTILINE):
            yield f"{text[: header.end()]}{newline}{line}{text[header.end() :]}"
        return
    others = [each for each in table(values, "project").get("dynamic", ()) if each != "version"]
    array = ", ".join(f'"{each}"' for each in others)
    for match in _DYNAMIC.finditer(text):
        dotted = match["dotted"]
        for between in (newline, ", "):
            rest = f"{between}{dotted}dynamic = [{array}]" if others else ""
            yield f"{text[: match.start()]}{dotted}{line}{rest}{text[match.end() :]}"
