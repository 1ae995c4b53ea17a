"""What servers say, made fit to be shown: short, on one line, without control characters or secrets."""

from __future__ import annotations

import base64
import html
import html.parser
import json
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from publish_all._secret import Secret

SHOWN_LENGTH = 400
"""The most characters of a server's text that are shown."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MESSAGE_KEYS = ("message", "detail", "error_description", "description", "error", "title", "errors")
_SECRET_LENGTH = 6
_READ = 64 * 1024


def plain(text: str, *, limit: int = SHOWN_LENGTH, secrets: Iterable[Secret] = ()) -> str:
    """The text on one line of at most `limit` characters.

    Control characters, terminal escapes, and invisible marks that reorder text are replaced by spaces.
    """
    text = without(text, (spelling for secret in secrets for spelling in spellings(secret)))
    visible = "".join(" " if unicodedata.category(each) in _HIDDEN_CATEGORIES else each for each in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def spellings(secret: Secret, *, username: str | None = None) -> tuple[str, ...]:
    """How a server may write a secret that it repeats: as it is, encoded, or with its user name as it was sent.

    Longest first. Empty for a secret so short that its letters stand in other words.
    """
    value = secret.reveal()
    if len(value) < _SECRET_LENGTH:
        return ()
    found = {value, quote(value, safe=""), quote(value), html.escape(value), json.dumps(value)[1:-1]}
    encoded = [value] if username is None else [value, f"{username}:{value}"]
    found |= {base64.b64encode(each.encode()).decode().rstrip("=") for each in encoded}
    return tuple(sorted(found, key=len, reverse=True))


def without(text: str, hidden: Iterable[str]) -> str:
    """The text with `***` in place of each of these."""
    for each in hidden:
        text = text.replace(each, "***")
    return text


def message_of(body: bytes, content_type: str) -> str:
    """The message in a reply's body, not yet fit to be shown: of JSON its message, of HTML its text.

    Empty when there is none. Only the beginning of a long body is looked at.
    """
    text = body[:_READ].decode("utf-8", errors="replace").strip()
    if "json" in content_type or text[:1] in {"{", "["}:
        found = _json_message(text)
        if found is not None:
            return found
    if "html" in content_type or text[:1] == "<":
        return _html_text(text)
    return text


def _json_message(text: str) -> str | None:
    try:
        return "; ".join(dict.fromkeys(_messages(json.loads(text))))
    except (ValueError, RecursionError):
        return None


def _messages(value: Any) -> Iterator[str]:
    """The first kind of message that a JSON object holds, and all of them in a list."""
    if isinstance(value, str) and value.strip():
        yield value.strip()
    elif isinstance(value, list):
        for each in value:
            yield from _messages(each)
    elif isinstance(value, dict):
        for key in _MESSAGE_KEYS:
            found = list(_messages(value.get(key)))
            if found:
                yield from found
                return


def _html_text(text: str) -> str:
    """What a page says: its preformatted text, in which frameworks put the message, else all its text.

    Each line once, as servers repeat the message in title and heading.
    """
    collector = _TextCollector()
    collector.feed(text)
    collector.close()
    preformatted = _joined(collector.texts["pre"])
    if preformatted == "None":
        # Bottle (pypiserver) has no message then, but much to say around it.
        return _joined(collector.texts["title"])
    return preformatted or _joined(collector.texts[""])


def _joined(texts: Iterable[str]) -> str:
    lines = (" ".join(each.split()) for each in texts)
    return " ".join(dict.fromkeys(each for each in lines if each))


class _TextCollector(html.parser.HTMLParser):
    """Collects what is to be read, under "", and what stands in `pre` and `title` under their names too."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"": [], "pre": [], "title": []}
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"script", "style", "pre", "title"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & set(self._inside):
            return
        self.texts[""].append(data)
        for each in {"pre", "title"} & set(self._inside):
            self.texts[each].append(data)
