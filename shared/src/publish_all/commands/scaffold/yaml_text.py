"""Values in YAML that is written as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What is the same text in YAML 1.1 and 1.2 without quotes. Words such as `on` and `no` are not among them.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "nan"})


def scalar(value: str) -> str:
    """A text as a YAML scalar: as it is where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    """In double quotes, with the escapes of YAML: those of JSON have no characters beyond 16 bits."""
    return '"' + "".join(_escaped(each) for each in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(values: Iterable[str]) -> str:
    """A list on one line."""
    return "[" + ", ".join(scalar(each) for each in values) + "]"


def indented(text: str, spaces: int) -> str:
    """Each line that is not empty moved to the right."""
    pad = " " * spaces
    return "\n".join(pad + line if line else line for line in text.splitlines())


def block(lines: Iterable[str]) -> str:
    """Commands as the value of `run:`: one plainly where that is safe, else a block, which holds any text."""
    made = [part for line in lines for part in line.splitlines()]
    if len(made) == 1 and _is_safe(made[0]):
        return f" {made[0]}"
    return " |\n" + "\n".join(f"  {line.strip()}" for line in made)


def _is_safe(line: str) -> bool:
    """Whether a command stays one text as a plain scalar: no start of something else, no comment, no mapping."""
    return (
        line == line.strip()
        and bool(re.match(r"[A-Za-z./]", line))
        and ": " not in line
        and " #" not in line
        and not line.endswith(":")
        and line.isprintable()
        and line.lower() not in _WORDS
    )
