"""Adding to INI files (`.pypirc`, `pip.conf`) and leaving every other byte as it is. Pure."""

from __future__ import annotations

import configparser
import re

_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")
_KEY = re.compile(r"(?P<key>[^\s#;=:\[][^=:]*?)\s*[=:]")


def value_of(text: str, section: str, key: str) -> str | None:
    """What an option says, None where it is not stated. Raises `configparser.Error`."""
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    return parser.get(section, key, fallback=None)


def has_section(text: str, section: str) -> bool:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    return parser.has_section(section)


def with_section(text: str, section: str, options: dict[str, str]) -> str:
    """The text with a new section at its end."""
    end = _newline(text)
    lines = [f"[{section}]", *(f"{key} = {value}" for key, value in options.items())]
    gap = end if text.strip() else ""
    return _ended(text, end) + gap + end.join(lines) + end


def with_item(text: str, section: str, key: str, item: str, *, first: tuple[str, ...] = ()) -> str:
    """The text with one item more in an option that holds a list, one a line.

    Where the option is not stated, `first` are the items that it means by default. The text is
    unchanged if the item is there.
    """
    stated = value_of(text, section, key)
    if stated is not None and item in stated.split():
        return text
    end = _newline(text)
    if stated is None:
        items = [f"{key} =", *(f"    {each}" for each in (*first, item))]
        return _with_option(text, section, end.join(items), end)
    lines = text.splitlines(keepends=True)
    last = _last_line_of(lines, section, key)
    lines[last] = _ended(lines[last], end)
    lines.insert(last + 1, f"    {item}{end}")
    return "".join(lines)


def _with_option(text: str, section: str, option: str, end: str) -> str:
    if not has_section(text, section):
        gap = end if text.strip() else ""
        return f"{_ended(text, end)}{gap}[{section}]{end}{option}{end}"
    lines = text.splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if _section_in(line) == section)
    lines[at] = _ended(lines[at], end)
    lines.insert(at + 1, option + end)
    return "".join(lines)


def _last_line_of(lines: list[str], section: str, key: str) -> int:
    """The last line of an option's value: what follows it indented belongs to it."""
    inside, found = False, -1
    for index, line in enumerate(lines):
        name = _section_in(line)
        match = _KEY.match(line)
        if name is not None:
            inside = name == section
        elif match and not line[:1].isspace():
            if found >= 0:
                break
            if inside and match["key"].strip().lower() == key.lower():
                found = index
        elif found >= 0 and line[:1].isspace() and line.strip():
            found = index
        if name is not None and found >= 0:
            break
    return found


def _section_in(line: str) -> str | None:
    match = _SECTION.match(line) if not line[:1].isspace() else None
    return match["name"] if match else None


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _ended(text: str, end: str) -> str:
    return text if not text or text.endswith("\n") else text + end
