"""What the URL of a repository may be.

https only, so that no credential and no file is read or changed on its way; plain http for this very
machine alone; for a repository of kind `directory` a path or a file: URL.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from publish_all.config.problems import did_you_mean

PLACEHOLDERS = ("owner", "repository", "name")

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two characters at least: `C:` is a drive


def scheme_of(url: str) -> str:
    """The scheme in lower case, empty where there is none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def host_of(url: str) -> str:
    """The host in lower case, without port and user; empty where there is none."""
    parts = _split(url)
    return (parts.hostname or "").lower() if parts is not None else ""


def first_segment(url: str) -> str:
    """The first part of the path: the owner, in the URLs of GitHub Packages."""
    parts = _split(url)
    return parts.path.lstrip("/").partition("/")[0] if parts is not None else ""


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        _ = parts.port  # raises ValueError for what is no port
    except ValueError:
        return None
    return parts


def text_problem(url: str) -> str | None:
    if not url.strip():
        return "must not be empty"
    if url != url.strip() or not url.isprintable():
        return "holds white space or control characters"
    for name in _PLACEHOLDER.findall(url):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            return f"{{{name}}} is not a placeholder{did_you_mean(name, PLACEHOLDERS)} (there are {known})"
    return None


def path_problem(url: str) -> str | None:
    scheme = scheme_of(url)
    if scheme not in {"", "file"}:
        return f"a repository of kind 'directory' is a path or a file: URL, not {scheme}:"
    if scheme == "file" and host_of(url) not in {"", "localhost"}:
        return "a file: URL names no other machine; write file:///path"
    return None


def web_problem(url: str, *, scheme_optional: bool = False) -> str | None:
    """What is wrong with a web address, or None."""
    parts = _split(url)
    if parts is None:
        return "is not a URL (look at its port or brackets)"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, which do not belong in a configuration file; leave them out"
    if any(character.isspace() for character in url):
        return f"{url!r} holds white space"
    return _scheme_problem(url, parts, optional=scheme_optional) or (
        None if parts.hostname else f"{url!r} names no host"
    )


def _scheme_problem(url: str, parts: SplitResult, *, optional: bool) -> str | None:
    if "://" not in url:
        if optional:
            return None
        if scheme_of(url) == "file" or "/" not in url or url.startswith((".", "/", "~")):
            return f'{url!r} is not a URL; a folder needs kind = "directory"'
        return f"{url!r} must start with https://"
    scheme = parts.scheme.lower()
    if scheme == "https" or (scheme == "http" and is_loopback((parts.hostname or "").lower())):
        return None
    if scheme == "file":
        return f'{url!r} is a folder, which needs kind = "directory"'
    if scheme == "http":
        return f"{url!r} must be https: plain http is for this machine only (localhost, 127.0.0.1)"
    return f"{url!r} must start with https://, not {scheme}://"
