"""What tokens and private keys look like, by their issuers' documentation."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

GITHUB_PREFIXES = ("ghp_", "github_pat_", "ghs_", "gho_", "ghu_", "ghr_")

_LEAST_DIFFERENT = 10
"""How many different characters a real token has at least: `ghp_xxxxxxxx…` is an example."""
_LONGEST_PREFIX = 6


def _is_random(found: str) -> bool:
    """Whether it may be a real one: examples repeat a character or say so."""
    rest = found[_LONGEST_PREFIX:]
    return len(set(rest)) >= min(_LEAST_DIFFERENT, len(rest) // 2) and "EXAMPLE" not in found.upper()


def _is_macaroon(found: str) -> bool:
    """Whether it is what PyPI makes: a macaroon which names pypi.org or test.pypi.org."""
    body = found.removeprefix("pypi-")
    try:
        content = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return False
    return b"pypi.org" in content and _is_random(found)


class TokenShape(NamedTuple):
    """`marker` is in every match: it is looked for first, which is fast. `is_real` excludes examples.

    `certain` is False for what may be something else.
    """

    kind: str
    marker: bytes
    expression: re.Pattern[bytes]
    certain: bool = True
    is_real: Callable[[str], bool] = _is_random

    def find(self, content: bytes) -> int | None:
        """Where the first one is that is not an example, None if there is none."""
        if self.marker not in content:
            return None
        matches = self.expression.finditer(content)
        return next(
            (each.start() for each in matches if self.is_real(each[0].decode("ascii", "replace"))), None
        )


PRIVATE_KEY = "a private key"
_KEY_BLOCK = (
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s)+"
    rb"(?:[A-Za-z-]+: [^\n]*\n|\s)*[A-Za-z0-9+/=]{40,}"
)
_LIKELY = (
    ("an AWS access key", b"AKIA", rb"\bAKIA[0-9A-Z]{16}\b"),
    ("a Google API key", b"AIza", rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Slack token", b"xox", rb"\bxox[abprs]-[0-9A-Za-z-]{24,}"),
    ("a Databricks token", b"dapi", rb"\bdapi[0-9a-f]{32}(-\d)?\b"),
    ("a Stripe key", b"sk_live_", rb"\bsk_live_[0-9A-Za-z]{24,}\b"),
    ("an Azure storage key", b"AccountKey=", rb"AccountKey=[A-Za-z0-9+/]{86}=="),
)
_OF_GITHUB = {b"github_pat_": rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"}

TOKEN_SHAPES = (
    *(
        TokenShape(
            "a GitHub token", each, re.compile(rb"\b" + each + _OF_GITHUB.get(each, rb"[A-Za-z0-9]{36}\b"))
        )
        for each in map(str.encode, GITHUB_PREFIXES)
    ),
    TokenShape("a GitLab token", b"glpat-", re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,}")),
    TokenShape(
        "a PyPI token", b"pypi-AgE", re.compile(rb"\bpypi-AgE[A-Za-z0-9_-]{60,}"), is_real=_is_macaroon
    ),
    *(
        TokenShape(kind, marker, re.compile(expression), certain=False)
        for kind, marker, expression in _LIKELY
    ),
    TokenShape(PRIVATE_KEY, b"PRIVATE KEY", re.compile(_KEY_BLOCK), certain=False, is_real=bool),
)
