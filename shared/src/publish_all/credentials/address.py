"""Comparing the addresses that credentials are bound to."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from publish_all import _urls
from publish_all._urls import shown_url

PYPI = "https://upload.pypi.org/legacy/"
TESTPYPI = "https://test.pypi.org/legacy/"

PYPI_HOSTS = frozenset({"upload.pypi.org", "pypi.org"})
TESTPYPI_HOSTS = frozenset({"test.pypi.org"})

_DEFAULT_PORTS = {"https": 443, "http": 80}


def split(url: str) -> SplitResult:
    """The parts of a URL; `https` where no scheme is stated, as in `ghcr.io/owner`."""
    return urlsplit(url if "://" in url else f"https://{url}")


def host_of(url: str) -> str:
    """The host of a URL in lower case, with its port unless that is the scheme's default; never the user info."""
    parts = split(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = _port(parts)
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme.lower()) else f"{host}:{port}"


def hostname_of(url: str) -> str:
    """The host of a URL in lower case, without a port."""
    return (split(url).hostname or "").lower()


def same_url(one: str, other: str) -> bool:
    """Whether two URLs mean the same place: a slash at the end, the case of the host and a default port do not count."""
    return _key(one) == _key(other)


def is_below(url: str, base: str) -> bool:
    """Whether a URL is `base`, or in the folder that `base` means, on the same scheme, host and port."""
    path, folder = split(url).path.rstrip("/") + "/", split(base).path.rstrip("/") + "/"
    return _key(url)[:2] == _key(base)[:2] and path.startswith(folder) and ".." not in path.split("/")


def without_user(url: str) -> str:
    """The URL as it may be shown: without user name, password, query and fragment."""
    return shown_url(split(url).geturl())


def is_loopback(url: str) -> bool:
    """Whether the URL, or host with or without a port, is of this very machine."""
    return _urls.is_loopback(hostname_of(url))


def is_confidential(url: str) -> bool:
    """Whether nobody between us and the host can read what is sent: https, or this very machine."""
    return split(url).scheme.lower() == "https" or is_loopback(url)


def _key(url: str) -> tuple[str, str, str, str]:
    parts = split(url)
    return parts.scheme.lower(), host_of(url), parts.path.rstrip("/"), parts.query


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
