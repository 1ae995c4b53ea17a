"""Addresses: what may be spoken to, what a credential is bound to, and how a URL is shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import urljoin, urlsplit, urlunsplit


def without_userinfo(url: str) -> str:
    """The URL without a user and password before its host."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown_url(url: str) -> str:
    """The URL as it may be shown: without user, password, query and fragment."""
    parts = urlsplit(without_userinfo(url))
    return urlunsplit(parts._replace(query="", fragment=""))


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (the scheme's own if none is written): what a credential is bound to."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(scheme)


def joined(url: str, location: str) -> str | None:
    """Where a redirect or link leads, None if not to a URL."""
    try:
        found = urljoin(url, location)
        _ = urlsplit(found).port
    except ValueError:
        return None
    return found


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine by itself, without asking a name server."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_or_raw(url: str) -> str:
    """As `shown_url`, also for text that is not a URL."""
    try:
        return shown_url(url) or repr(url)
    except ValueError:
        return repr(url.rpartition("@")[2])
