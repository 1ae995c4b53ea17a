"""Who asks: Basic authentication of a request, the password of the server, and keys that tell visitors apart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from publish_all._http import BasicAuth
from publish_all._secret import Secret
from publish_all._urls import is_loopback
from publish_all._values import dataclass
from publish_all.index.source import Visitor

REALM = 'Basic realm="publish-all", charset="UTF-8"'
"""What a 401 asks for."""

_LONGEST = 16 * 1024


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


class VisitorKeys:
    """Keys of answers: the same for the same credential, and of no use to whoever sees them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def key(self, visitor: Visitor) -> str:
        """Empty for nobody."""
        if visitor is None:
            return ""
        return hmac.new(self._key, visitor.header().encode(), hashlib.sha256).hexdigest()
