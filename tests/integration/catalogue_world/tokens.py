"""API tokens as PyPI makes them."""

from __future__ import annotations

import base64
import json


def token(location: str = "pypi.org", *caveats: object, about: str = "fake") -> str:
    """A token as PyPI makes them: a macaroon v2 with JSON caveats."""

    def packet(kind: int, data: bytes) -> bytes:
        length, encoded = len(data), b""
        while length > 0x7F:
            encoded += bytes([length & 0x7F | 0x80])
            length >>= 7
        return bytes([kind]) + encoded + bytes([length]) + data

    packed = b"\x02" + packet(1, location.encode()) + packet(2, about.encode()) + b"\x00"
    for caveat in caveats:
        packed += packet(2, json.dumps(caveat).encode()) + b"\x00"
    packed += b"\x00" + packet(6, bytes(range(32)))
    return "pypi-" + base64.urlsafe_b64encode(packed).decode().rstrip("=")
