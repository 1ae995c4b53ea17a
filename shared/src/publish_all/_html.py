"""Parses HTML of servers into tags and texts, in one pass in linear time.

`html.parser` takes minutes for some texts of 64 KiB (CVE-2025-6069 and others of its kind). This reads index pages
and error pages, and handles everything else like browsers: no input is an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

# The content of these is text up to their end tag.
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_BLANK = re.compile(r"[\s/]+")
_ATTRIBUTE = re.compile(r"[^\s/>=]+|=")
_UNQUOTED = re.compile(r"[^\s>]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A tag by its name in lower case; `end` for `</…>`. Attributes have names in lower case, and values without escapes."""

    name: str
    end: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


def scan(text: str) -> Iterator[Tag | str]:
    """The tags of a page, and the texts between them. Comments and declarations are left out."""
    at = 0
    while at < len(text):
        start = text.find("<", at)
        if start < 0:
            start = len(text)
        if start > at:
            yield unescape(text[at:start])
        if start == len(text):
            return
        following = text[start + 1 : start + 2]
        if text.startswith("<!--", start):
            at = _after(text, "-->", start + 4)
        elif following and following in "!?":
            at = _after(text, ">", start)
        elif following == "/":
            at = _after(text, ">", start)
            name = _NAME.match(text, start + 2)
            if name is not None:
                yield Tag(name=name[0].lower(), end=True)
        elif (name := _NAME.match(text, start + 1)) is not None:
            attributes, at = _attributes(text, name.end())
            tag = Tag(name=name[0].lower(), attributes=attributes)
            yield tag
            if tag.name in _RAW:
                close = _RAW[tag.name].search(text, at)
                end = close.start() if close is not None else len(text)
                if end > at:
                    yield unescape(text[at:end])
                at = end
        else:
            yield "<"
            at = start + 1


def unescape(text: str) -> str:
    """The text with character references replaced; unchanged if one is absurd."""
    try:
        return html.unescape(text)
    except ValueError:  # a number of thousands of digits
        return text


def _after(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return found + len(end) if found >= 0 else len(text)


def _attributes(text: str, at: int) -> tuple[Mapping[str, str], int]:
    """The attributes of a tag from behind its name on, and where the tag has ended."""
    found: dict[str, str] = {}
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank is not None else at
        if at >= len(text):
            return {}, at  # an unclosed tag is text
        if text[at] == ">":
            return found, at + 1
        # It matches any character that is not handled above.
        name = cast("re.Match[str]", _ATTRIBUTE.match(text, at))
        value, at = _value(text, name.end())
        found.setdefault(name[0].lower(), value)


def _value(text: str, at: int) -> tuple[str, int]:
    blank = _BLANK.match(text, at)
    sign = blank.end() if blank is not None else at
    if text[sign : sign + 1] != "=" or "/" in text[at:sign]:
        return "", sign
    blank = _BLANK.match(text, sign + 1)
    start = blank.end() if blank is not None and "/" not in blank[0] else sign + 1
    quote = text[start : start + 1]
    if quote and quote in "\"'":
        end = text.find(quote, start + 1)
        if end < 0:
            return "", len(text)
        return unescape(text[start + 1 : end]), end + 1
    unquoted = _UNQUOTED.match(text, start)
    assert unquoted is not None  # noqa: S101 - it matches nothing, too
    return unescape(unquoted[0]), unquoted.end()
