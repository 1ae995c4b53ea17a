"""Who asks, and what for: Basic authentication, the server's password, forms of pages (PEP 691), byte ranges. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from publish_all._http import BasicAuth
from publish_all._secret import Secret
from publish_all._urls import is_loopback
from publish_all.index.index_source import Visitor
from publish_all.repositories.simple_pages import HTML_TYPE, JSON_TYPE

TEXT_HTML = "text/html; charset=utf-8"
_LONGEST = 16 * 1024
_FORMS = {
    JSON_TYPE: JSON_TYPE,
    "application/vnd.pypi.simple.latest+json": JSON_TYPE,
    HTML_TYPE: HTML_TYPE,
    "application/vnd.pypi.simple.latest+html": HTML_TYPE,
    "text/html": TEXT_HTML,
    "text/*": TEXT_HTML,
    "application/*": JSON_TYPE,
    "*/*": TEXT_HTML,
}
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")
_RANGE = re.compile(r"\s*bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


def visitor_of(authorization: str | None) -> Visitor:
    """What an Authorization header says; None without one, and for anything but Basic (RFC 7617)."""
    scheme, _, encoded = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST:
        return None
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return BasicAuth(username=username, secret=Secret(password)) if colon else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """The server's own password, under any user name; None lets everybody in, each in their own name.

    `local`: requests must be for this machine by name, as `localhost` or `127.0.0.1`. A page on the web can
    let its own name point here (DNS rebinding), and the browser then lets it read what this server answers.
    """

    password: Secret | None = None
    local: bool = False

    def is_for_us(self, host: str | None) -> bool:
        """Whether a request with this Host header is for us. One without the header comes from no browser."""
        if not self.local or host is None:
            return True
        try:
            return is_loopback(urlsplit(f"//{host}").hostname or "")
        except ValueError:
            return False

    def admits(self, visitor: Visitor) -> bool:
        if self.password is None:
            return True
        if visitor is None:
            return False
        return hmac.compare_digest(visitor.secret.reveal().encode(), self.password.reveal().encode())

    def passed_on(self, visitor: Visitor) -> Visitor:
        """In whose name sources are asked: a visitor who has told our password has told nothing of theirs."""
        return visitor if self.password is None else None


def form_of(accept: str | None) -> str | None:
    """The media type that is liked best, of two the first; HTML for who does not say; None if none is taken."""
    if accept is None or not accept.strip():
        return TEXT_HTML
    best, found = 0.0, None
    for each in accept[:4096].split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        stated = next(
            (part.partition("=")[2].strip() for part in parameters if re.match(r"q\s*=", part)), "1"
        )
        quality = float(stated) if _QUALITY.fullmatch(stated) else 0.0
        if name in _FORMS and quality > best:
            best, found = quality, _FORMS[name]
    return found


def same_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has it already. `etag` is quoted."""
    stated = (each.strip().removeprefix("W/") for each in (if_none_match or "")[:4096].split(","))
    return any(each in {"*", etag} for each in stated)


def one_range(header: str | None) -> str | None:
    """A Range header that asks for one part of a file, which any source may be asked for; None for all others.

    Of several ranges a source would make one body, which it alone can say the parts of.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or not (found[1] or found[2]):
        return None
    return None if found[1] and found[2] and int(found[2]) < int(found[1]) else found[0].strip()


def byte_range(header: str | None, size: int) -> range | None:
    """The bytes that are asked for; empty where the file ends before them, None for the whole file.

    Several ranges and invalid ranges are answered with the whole file, as RFC 9110 14.2 allows.
    """
    found = _RANGE.fullmatch(one_range(header) or "")
    if found is None:
        return None
    if not found[1]:
        return range(max(size - int(found[2]), 0), size)
    return range(int(found[1]), min(int(found[2] or size) + 1, size))
