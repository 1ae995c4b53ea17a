"""Values in YAML that is written as text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

# What is the same text in YAML 1.1 and 1.2 without quotes. Words such as `on` and `no` are not among them.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "nan"})


def scalar(value: str) -> str:
    """A text as a YAML scalar: as it is where that is safe, else in double quotes (JSON is YAML)."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


def flow(values: Iterable[str]) -> str:
    """A list on one line."""
    return "[" + ", ".join(scalar(each) if "," not in each else json.dumps(each) for each in values) + "]"


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
