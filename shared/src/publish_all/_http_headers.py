"""Headers that hold lists of parameters, read in one pass: challenges (RFC 9110, 11.6.1) and links (RFC 8288).

Only the beginning of a long header is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from publish_all._values import dataclass

_LENGTH = 16 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN = re.compile(r"[^\s,;\"]+")
_BLANK = re.compile(r"[\s,;]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """One way in which a server lets itself be told who asks. Scheme and parameters have names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(text: str) -> tuple[Challenge, ...]:
    """All challenges of `WWW-Authenticate`, in their order. What is none of them is passed over."""
    found: list[tuple[str, dict[str, str]]] = []
    for name, value in _parts(text[:_LENGTH]):
        if value is None:
            found.append((name.lower(), {}))
        elif found:
            found[-1][1].setdefault(name.lower(), value)
    return tuple(Challenge(scheme=scheme, parameters=parameters) for scheme, parameters in found)


def next_link(text: str) -> str | None:
    """Where the link with the relation `next` leads, as it is written; None if there is none."""
    text = text[:_LENGTH]
    at = 0
    while (start := text.find("<", at)) >= 0:
        end = text.find(">", start)
        if end < 0:
            return None
        following = text.find("<", end)
        at = following if following >= 0 else len(text)
        parameters = {name.lower(): value for name, value in _parts(text[end + 1 : at])}
        if "next" in (parameters.get("rel") or "").lower().split():
            return text[start + 1 : end]
    return None


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Names, each with its value; None for a name that stands alone."""
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        at = blank.end() if blank is not None else at
        name = _TOKEN.match(text, at)
        if name is None:
            at += 1
            continue
        sign = _after_blanks(text, name.end())
        if text[sign : sign + 1] != "=":
            yield name[0], None
            at = name.end()
            continue
        start = _after_blanks(text, sign + 1)
        if text[start : start + 1] == '"':
            value, at = _quoted(text, start + 1)
            yield name[0], value
        else:
            plain = _PLAIN.match(text, start)
            at = plain.end() if plain is not None else start + 1
            yield name[0], plain[0] if plain is not None else ""


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _quoted(text: str, at: int) -> tuple[str, int]:
    """What stands in quotes, and where they have ended."""
    value: list[str] = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 1
        value.append(text[at : at + 1])
        at += 1
    return "".join(value), at + 1
