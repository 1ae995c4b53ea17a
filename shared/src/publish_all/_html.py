"""Parses HTML of servers into tags and texts, in one pass in linear time.

`html.parser` takes minutes for some texts of 64 KiB (CVE-2025-6069 and others of its kind). This reads index pages
and error pages, and handles everything else like browsers: no input is an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# The content of these is text up to their end tag.
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
# Each alternative takes something unclosed up to the end of the text, so no search starts again. Quotes count only
# after an equals sign.
_MARKUP = re.compile(
    r"<(?:!--.*?(?:-->|\Z)"
    r"|[!?][^>]*>?"
    r"|/(?P<end>[A-Za-z][^\s/>]*)?[^>]*>?"
    r"""|(?P<name>[A-Za-z][^\s/>]*)(?P<attributes>(?:[^>=]+|=\s*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z))?){0,500})(?P<close>>?))""",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""(?P<name>=?[^\s/>=]+|=)(?:\s*=\s*(?:"(?P<double>[^"]*)"?|'(?P<single>[^']*)'?|(?P<plain>[^\s>]*)))?"""
)


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
        found = _MARKUP.search(text, at)
        start = found.start() if found is not None else len(text)
        if start > at:
            yield unescape(text[at:start])
        if found is None:
            return
        at = found.end()
        if found["end"]:
            yield Tag(name=found["end"].lower(), end=True)
        elif found["name"]:
            name = found["name"].lower()
            # An unclosed tag has no attributes.
            yield Tag(name=name, attributes=_attributes(found["attributes"]) if found["close"] else {})
            if name in _RAW:
                close = _RAW[name].search(text, at)
                end = close.start() if close is not None else len(text)
                if end > at:
                    yield unescape(text[at:end])
                at = end


def unescape(text: str) -> str:
    """The text with character references replaced; unchanged if one is absurd."""
    try:
        return html.unescape(text)
    except ValueError:  # a number of thousands of digits
        return text


def _attributes(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in _ATTRIBUTE.finditer(text):
        value = each["double"] or each["single"] or each["plain"] or ""
        found.setdefault(each["name"].lower(), unescape(value))
    return found
