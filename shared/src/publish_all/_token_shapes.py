"""What tokens and private keys look like, by their issuers' documentation."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LEAST_DIFFERENT = 10
"""How many different characters a real token has at least: `ghp_xxxxxxxx…` is an example."""
_LONGEST_PREFIX = 6


def _any(found: str) -> bool:
    del found
    return True


def _random(found: str) -> bool:
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
    return b"pypi.org" in content and _random(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenShape:
    """`marker` is in every match: it is looked for first, which is fast. `real` tells examples apart.

    `certain` is False for what may be something else.
    """

    kind: str
    marker: bytes
    expression: re.Pattern[bytes]
    certain: bool = True
    real: Callable[[str], bool] = _random

    def find(self, content: bytes) -> int | None:
        """Where the first one is that is not an example, None if there is none."""
        if self.marker not in content:
            return None
        matches = self.expression.finditer(content)
        return next((each.start() for each in matches if self.real(each[0].decode("ascii", "replace"))), None)


GITHUB_PREFIXES = ("ghp_", "github_pat_", "ghs_", "gho_", "ghu_", "ghr_")
_CERTAIN = (
    *(
        ("a GitHub token", prefix.encode(), rb"\b" + prefix.encode() + rb"[A-Za-z0-9]{36}\b")
        for prefix in GITHUB_PREFIXES
        if prefix != "github_pat_"
    ),
    ("a GitHub token", b"github_pat_", rb"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    ("a GitLab token", b"glpat-", rb"\bglpat-[A-Za-z0-9_-]{20,}"),
)
_LIKELY = (
    ("an AWS access key", b"AKIA", rb"\bAKIA[0-9A-Z]{16}\b"),
    ("a Google API key", b"AIza", rb"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Slack token", b"xox", rb"\bxox[abprs]-[0-9A-Za-z-]{24,}"),
    ("a Databricks token", b"dapi", rb"\bdapi[0-9a-f]{32}(-\d)?\b"),
    ("a Stripe key", b"sk_live_", rb"\bsk_live_[0-9A-Za-z]{24,}\b"),
    ("an Azure storage key", b"AccountKey=", rb"AccountKey=[A-Za-z0-9+/]{86}=="),
)


def _shapes() -> Iterator[TokenShape]:
    for certain, group in ((True, _CERTAIN), (False, _LIKELY)):
        for kind, marker, expression in group:
            yield TokenShape(kind=kind, marker=marker, expression=re.compile(expression), certain=certain)
    yield TokenShape(
        kind="a PyPI token",
        marker=b"pypi-AgE",
        expression=re.compile(rb"\bpypi-AgE[A-Za-z0-9_-]{60,}"),
        real=_is_macaroon,
    )
    yield TokenShape(
        kind="a private key",
        marker=b"PRIVATE KEY",
        expression=re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s)+"
            rb"(?:[A-Za-z-]+: [^\n]*\n|\s)*[A-Za-z0-9+/=]{40,}"
        ),
        certain=False,
        real=_any,
    )


TOKEN_SHAPES = tuple(_shapes())
