"""Text of somebody's files as it may be shown: without the credentials that people write into workflows. Pure."""

from __future__ import annotations

import re

_MASK = "***"
_TOKEN = re.compile(
    r"\b(?:pypi-[A-Za-z0-9_-]{16,}|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[A-Za-z0-9_-]{16,})"
)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_VALUE = r"(?P<value>(?!\$|@|['\"]?\$)\S{6,})"
# What follows these on a command line, or in an assignment; an expression such as ${{ secrets.X }} is none.
_AFTER = (
    re.compile(rf"(?P<name>\s--(?:password|token|user|auth)(?:\s*=\s*|\s+)){_VALUE}"),
    re.compile(rf"(?P<name>\b\w*(?:PASSWORD|TOKEN|SECRET)\w*\s*[:=]\s*){_VALUE}"),
    re.compile(rf"(?P<name>\b(?:twine|poetry|hatch|uv|flit|pdm)\b[^\n]*\s-p\s+){_VALUE}"),
    re.compile(r"(?P<name>\s-u\s+)(?P<value>[^\s:$]+:[^\s$]+)"),
)


def shown(text: str) -> str:
    """The text with what is or may be a credential masked."""
    text = _IN_URL.sub(_MASK, _TOKEN.sub(_MASK, text))
    for pattern in _AFTER:
        text = pattern.sub(lambda match: match["name"] + _MASK, text)
    return text
