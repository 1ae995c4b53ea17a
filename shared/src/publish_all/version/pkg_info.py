"""The version that an unpacked sdist states in its PKG-INFO."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.errors import VersionError

FILE = "PKG-INFO"


def version_of_sdist(root: Path, *, name: str | None) -> Version | None:
    """The version in `root`'s PKG-INFO; None without one, or if it is another project's.

    Raises `VersionError` if ours states no PEP 440 version.
    """
    try:
        text = (root / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    headers = _headers(text)
    if name is None or canonicalize_name(headers.get("name", "")) != canonicalize_name(name):
        return None
    try:
        return Version(headers.get("version", ""))
    except InvalidVersion as error:
        msg = f"{root / FILE}: the version {headers.get('version', '')!r} is not a PEP 440 version"
        raise VersionError(msg, hint="Unpack the sdist anew.") from error


def _headers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            found.setdefault(key.lower(), value.strip())
    return found
