"""Makes messages of servers safe to print: short, on one line, without control characters or secrets."""

from __future__ import annotations

import base64
import codecs
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from publish_all._html import scan
from publish_all._json import loads
from publish_all._secret import Secret

SHOWN_LENGTH = 400
"""The most characters of a server's text that are shown."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MESSAGE_KEYS = (
    "message",
    "detail",
    "error_description",
    "description",
    "error",
    "title",
    "errors",
    "msg",
    "reason",
)
_MOST_MESSAGES = 8
_CHARSET = re.compile(r"""(?i)charset\s{0,8}=\s{0,8}["']?([\w.:-]{1,40})""")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WHERE_CHARSETS_STAND = 1024
_SECRET_LENGTH = 6
_LINK = re.compile(r"https?://\S+")
_LINK_LENGTH = 200
_STATUS = re.compile(r"[1-5]\d\d (?P<sentence>\S+ .+)", re.DOTALL)
_READ = 64 * 1024


def plain(text: str, *, limit: int = SHOWN_LENGTH, secrets: Iterable[Secret] = ()) -> str:
    """The text on one line of at most `limit` characters.

    Control characters, terminal escapes, and invisible marks that reorder text are replaced by spaces.
    """
    text = without(text, (spelling for secret in secrets for spelling in spellings(secret)))
    visible = "".join(" " if unicodedata.category(each) in _HIDDEN_CATEGORIES else each for each in text)
    line = " ".join(visible.split())
    if len(line) <= limit:
        return line
    end = limit - 1
    for link in _LINK.finditer(line, 0, end + _LINK_LENGTH):
        if link.start() < end < link.end():  # half a link does not work
            end = link.end() if link.end() < end + _LINK_LENGTH else link.start()
    return f"{line[:end].rstrip()}…" if end < len(line) else line


def spellings(secret: Secret, *, username: str | None = None) -> tuple[str, ...]:
    """The forms in which a server may repeat a secret: unchanged, encoded, or with its user name as it was sent.

    Longest first. Empty for a secret so short that it is part of other words.
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
    """The message in a reply's body, not yet safe to print: the messages of JSON, the text of HTML.

    `content_type` is the whole header, with its character set. Empty when there is no message. Only the
    beginning of a long body is read.
    """
    text = _decoded(body[:_READ], content_type).strip()
    content_type = content_type.lower()
    if "json" in content_type or text[:1] in {"{", "["}:
        found = _json_message(text)
        if found is not None:
            return found
    if "html" in content_type or text[:1] == "<":
        return _html_text(text)
    return text


def is_page(body: bytes, content_type: str) -> bool:
    """Whether a reply is a page for people: HTML with a head or body, with any content type."""
    beginning = _decoded(body[:_WHERE_CHARSETS_STAND], content_type).lstrip().lower()
    return beginning.startswith(("<!doctype html", "<html", "<head", "<body")) or (
        "html" in content_type.lower() and "<html" in beginning
    )


def _decoded(body: bytes, content_type: str) -> str:
    """The text of a body, decoded by its byte order mark, the header, the page's own charset, or UTF-8; else Windows-1252."""
    head = body[:_WHERE_CHARSETS_STAND].decode("ascii", errors="replace")
    stated = _CHARSET.search(content_type) or (_CHARSET.search(head) if "<" in head else None)
    named = (name for mark, name in _MARKS if body.startswith(mark))
    charset = next(named, stated[1] if stated else "utf-8")
    try:
        # It is still text if it is cut in the middle of a character.
        text = codecs.getincrementaldecoder(charset)().decode(body)
        return text if text or not body else repr(body[:SHOWN_LENGTH])
    except (LookupError, UnicodeError, TypeError, ValueError):
        return body.decode("cp1252" if charset.lower() in {"utf-8", "utf8"} else "utf-8", errors="replace")


def _json_message(text: str) -> str | None:
    """The messages in JSON: the values of the usual keys, and sentences in other values; else all its texts."""
    try:
        found = list(islice(dict.fromkeys(_messages(loads(text))), _MOST_MESSAGES))
    except (ValueError, RecursionError):
        return None
    if any(not key for key, _ in found):
        found = [(key, said) for key, said in found if not key or " " in said]
    return "; ".join(f"{key}: {said}" if key else said for key, said in found)


def _messages(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """The texts in JSON, each with its nearest key, empty for a usual one. Short texts beside a usual key are left out."""
    if isinstance(value, str) and value.strip():
        yield key, value.strip()
    elif isinstance(value, list):
        for each in value:
            yield from _messages(each, key)
    elif isinstance(value, dict) and (sentence := _sentence(value)):
        yield "", sentence
    elif isinstance(value, dict):
        main = next((name for name in _MESSAGE_KEYS if any(_messages(value.get(name)))), None)
        for name, each in value.items():
            if name == main:
                yield from _messages(each)
            elif main is None or isinstance(each, dict | list):
                yield from _messages(each, name)


def _sentence(value: dict[str, Any]) -> str | None:
    """The sentence inside PyPI's `message`, without words such as "The server could not comply with the request".

    Its `code` repeats it after the status, without characters that a status line cannot hold.
    """
    message, code = value.get("message"), value.get("code")
    if not isinstance(message, str) or not isinstance(code, str) or not (found := _STATUS.fullmatch(code)):
        return None
    whole, sentence = (" ".join(html.unescape(each).split()) for each in (message, found["sentence"]))
    return sentence if whole.endswith(sentence) else None


def _html_text(text: str) -> str:
    """The text of a page, each line once, as servers repeat the message in title and heading."""
    lines: dict[str, None] = {}
    hidden = False
    for each in scan(text):
        if not isinstance(each, str):
            hidden = each.name in {"script", "style"} and not each.end
        elif not hidden and (line := " ".join(each.split())):
            lines[line] = None
    return " ".join(lines)
