"""What a client wants: which form of a page (PEP 691), which bytes of a file (RFC 9110). Pure."""

from __future__ import annotations

import enum
import re

from publish_all.repositories.simple_pages import HTML_TYPE, JSON_TYPE


class Form(enum.Enum):
    """The forms of a page, by the type that is stated in the answer."""

    JSON = JSON_TYPE
    HTML = HTML_TYPE
    TEXT_HTML = "text/html; charset=utf-8"


_FORMS = {
    JSON_TYPE: Form.JSON,
    "application/vnd.pypi.simple.latest+json": Form.JSON,
    HTML_TYPE: Form.HTML,
    "application/vnd.pypi.simple.latest+html": Form.HTML,
    "text/html": Form.TEXT_HTML,
    "text/*": Form.TEXT_HTML,
    "application/*": Form.JSON,
    "*/*": Form.TEXT_HTML,
}
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")
_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


def form_of(accept: str | None) -> Form | None:
    """The form that is liked best, of two the first; HTML for who does not say; None if none is taken."""
    if accept is None or not accept.strip():
        return Form.TEXT_HTML
    best, found = 0.0, None
    for each in accept[:4096].split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        quality = _quality(parameters)
        if name in _FORMS and quality > best:
            best, found = quality, _FORMS[name]
    return found


def _quality(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0


def same_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has it already. `etag` is quoted."""
    if if_none_match is None:
        return False
    stated = (each.strip().removeprefix("W/") for each in if_none_match[:4096].split(","))
    return any(each in {"*", etag} for each in stated)


class NotSatisfiableError(ValueError):
    """The range lies behind the end of the file."""


def one_range(header: str | None) -> str | None:
    """A Range header that asks for one part of a file, which any source may be asked for; None for all others.

    Of several ranges a source would make one body, which it alone can say the parts of.
    """
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None or not (found[1] or found[2]):
        return None
    return None if found[1] and found[2] and int(found[2]) < int(found[1]) else found[0]


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte (inclusive) of the range that is asked for; None for the whole file.

    More than one range, and what is none at all, is answered with the whole, as RFC 9110 14.2 allows.
    Raises `NotSatisfiableError`.
    """
    asked = one_range(header)
    found = _RANGE.fullmatch(asked) if asked is not None else None
    if found is None:
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        first, last = size - length, size - 1
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
    if first >= size or first > last:
        raise NotSatisfiableError
    return first, last
