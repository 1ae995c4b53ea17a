"""Valid URLs of repositories, and comparison of URLs, to which credentials are bound.

URLs must be https, so that credentials and files cannot be read or changed in transit. Plain http is allowed for
this machine only. A repository of kind `directory` has a path or a file: URL.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from publish_all import _urls

PLACEHOLDERS = ("owner", "repository", "name")

PYPI_HOSTS = frozenset({"upload.pypi.org", "pypi.org"})
TESTPYPI_HOSTS = frozenset({"test.pypi.org"})

_DEFAULT_PORTS = {"https": 443, "http": 80}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two characters at least: `C:` is a drive


def split(url: str) -> SplitResult:
    """The parts of a URL. The default scheme is `https`, as for `ghcr.io/owner`. Raises `ValueError`."""
    return urlsplit(url if "://" in url else f"https://{url}")


def scheme_of(url: str) -> str:
    """The scheme in lower case, empty if there is none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def hostname_of(url: str) -> str:
    """The host in lower case, without port and user; empty if there is none."""
    with suppress(ValueError):
        return (split(url).hostname or "").lower()
    return ""


def host_of(url: str) -> str:
    """The host in lower case, with its port if that is not the default of the scheme, and without the user."""
    host = hostname_of(url)
    host = f"[{host}]" if ":" in host else host
    with suppress(ValueError):
        parts = split(url)
        if parts.port not in {None, _DEFAULT_PORTS.get(parts.scheme.lower())}:
            return f"{host}:{parts.port}"
    return host


def is_pypi(url: str) -> bool:
    """Whether the URL is on PyPI or TestPyPI, which accept only API tokens."""
    return hostname_of(url) in PYPI_HOSTS | TESTPYPI_HOSTS


def same_url(one: str, other: str) -> bool:
    """Whether two URLs are the same, apart from a slash at the end, the case of the host and a default port."""
    return _key(one) == _key(other)


def is_below(url: str, base: str) -> bool:
    """Whether a URL is `base` or below it, with the same scheme, host and port."""
    scheme, host, path, _ = _key(url)
    folder = _key(base)[2] + "/"
    return (scheme, host) == _key(base)[:2] and f"{path}/".startswith(folder) and ".." not in path.split("/")


def without_user(url: str) -> str:
    """The URL without user name, password, query and fragment, for messages."""
    with suppress(ValueError):
        url = split(url).geturl()
    return _urls.shown_or_raw(url)


def is_loopback(url: str) -> bool:
    """Whether a URL or host (with or without a port) is this machine."""
    return _urls.is_loopback(hostname_of(url))


def is_confidential(url: str) -> bool:
    """Whether the connection cannot be read by others: https, or this machine."""
    return split(url).scheme.lower() == "https" or is_loopback(url)


def _key(url: str) -> tuple[str, str, str, str]:
    try:
        parts = split(url)
    except ValueError:  # an invalid URL in the file of a tool equals only itself
        return "", "", url, ""
    return parts.scheme.lower(), host_of(url), parts.path.rstrip("/"), parts.query


def text_problem(url: str) -> str | None:
    if not url.strip():
        return "must not be empty"
    if url != url.strip() or not url.isprintable():
        return "contains white space or control characters"
    for name in _PLACEHOLDER.findall(url):
        if name not in PLACEHOLDERS:
            return (
                f"{{{name}}} is not a placeholder (valid placeholders: {{owner}}, {{repository}}, {{name}})"
            )
    return None


def path_problem(url: str) -> str | None:
    scheme = scheme_of(url)
    if scheme not in {"", "file"}:
        return f"a repository of kind 'directory' must be a path or a file: URL, not {scheme}:"
    if scheme == "file" and hostname_of(url) not in {"", "localhost"}:
        return "a file: URL cannot contain the name of another machine; use file:///path"
    return None


def web_problem(url: str, *, scheme_optional: bool = False) -> str | None:
    """The problem with a web address, None if it is valid."""
    try:
        parts = split(url)
        _ = parts.port
    except ValueError:
        return "is not a valid URL (check its port and brackets)"
    scheme = parts.scheme.lower() if "://" in url or not scheme_optional else "https"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password; remove them, and use `publish-all login` instead"
    if any(character.isspace() for character in url):
        return f"{url!r} contains white space"
    if scheme == "file" or ("://" not in url and not scheme_optional):
        return f'{url!r} must start with https://; a folder needs kind = "directory"'
    if scheme == "http" and not is_loopback(url):
        return f"{url!r} must be https; plain http is allowed for this machine only (localhost, 127.0.0.1)"
    if scheme not in {"http", "https"}:
        return f"{url!r} must start with https://, not {scheme}://"
    return None if parts.hostname else f"{url!r} has no host"
