"""Checks for credentials inside files, notebooks and their outputs included.

Findings say what kind of thing is where, and never show it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from publish_all._values import dataclass
from publish_all.checks.diagnoses import CREDENTIAL_SHIPPED, LOOKS_LIKE_SECRET
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Diagnosis, Finding

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
class _Pattern:
    """`marker` is in every match: it is looked for first, which is fast. `real` tells examples apart."""

    kind: str
    marker: bytes
    expression: re.Pattern[bytes]
    diagnosis: Diagnosis = CREDENTIAL_SHIPPED
    real: Callable[[str], bool] = _random


_GITHUB = (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_")
_CERTAIN = (
    *(("a GitHub token", prefix, rb"\b" + prefix + rb"[A-Za-z0-9]{36}\b") for prefix in _GITHUB),
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


def _patterns() -> Iterator[_Pattern]:
    for diagnosis, group in ((CREDENTIAL_SHIPPED, _CERTAIN), (LOOKS_LIKE_SECRET, _LIKELY)):
        for kind, marker, expression in group:
            yield _Pattern(kind=kind, marker=marker, expression=re.compile(expression), diagnosis=diagnosis)
    yield _Pattern(
        kind="a PyPI token",
        marker=b"pypi-AgE",
        expression=re.compile(rb"\bpypi-AgE[A-Za-z0-9_-]{60,}"),
        real=_is_macaroon,
    )
    yield _Pattern(
        kind="a private key",
        marker=b"PRIVATE KEY",
        expression=re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|\s)+"
            rb"(?:[A-Za-z-]+: [^\n]*\n|\s)*[A-Za-z0-9+/=]{40,}"
        ),
        diagnosis=LOOKS_LIKE_SECRET,
        real=_any,
    )


_PATTERNS = tuple(_patterns())

_ASSIGNED = re.compile(
    rb"(?i)\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)[\"']?\s*[=:]\s*[\"']?"
    rb"([^\s\"',;<>{}$*]{8,})"
)
"""What a person prints to see whether it is set. Looked for only in the outputs of notebooks."""


def secrets_in(distribution: Distribution, name: str, content: bytes) -> Iterator[Finding]:
    """What looks like a credential in one file, each kind once."""
    if name.endswith(".ipynb") and (cells := _cells(content)) is not None:
        yield from _in_notebook(distribution, name, cells)
        return
    for pattern, place in _found(content):
        line = content.count(b"\n", 0, place) + 1
        yield _finding(pattern.diagnosis, distribution, f"{name}:{line} holds {pattern.kind}", _REPLACE)


_REPLACE = "Revoke it where it was issued, take it out of the file, and build again."


def _found(content: bytes) -> Iterator[tuple[_Pattern, int]]:
    """Each pattern that is there, with the place of its first match that is no example."""
    kinds: set[str] = set()
    for pattern in _PATTERNS:
        if pattern.marker not in content or pattern.kind in kinds:
            continue
        for match in pattern.expression.finditer(content):
            if pattern.real(match[0].decode("ascii", "replace")):
                kinds.add(pattern.kind)
                yield pattern, match.start()
                break


def _finding(diagnosis: Diagnosis, distribution: Distribution, message: str, hint: str) -> Finding:
    return diagnosis.found(message, where=distribution.filename, hint=hint)


def _cells(content: bytes) -> list[dict[str, Any]] | None:
    """The cells of a notebook (nbformat 4), None for what is none."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [each for each in cells if isinstance(each, dict)] if isinstance(cells, list) else None


def _in_notebook(distribution: Distribution, name: str, cells: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    for number, cell in enumerate(cells, 1):
        for pattern, _ in _found(_text(cell.get("source"))):
            yield _finding(
                pattern.diagnosis, distribution, f"cell {number} of {name} holds {pattern.kind}", _REPLACE
            )
        shown = b"\n".join(_outputs(cell))
        if shown:
            yield from _in_output(distribution, f"the output of cell {number} of {name}", name, shown)


def _in_output(distribution: Distribution, place: str, name: str, shown: bytes) -> Iterator[Finding]:
    hint = f"Clear it: jupyter nbconvert --clear-output --inplace {name.rpartition('/')[2]}. {_REPLACE}"
    found = False
    for pattern, _ in _found(shown):
        found = True
        yield _finding(pattern.diagnosis, distribution, f"{place} holds {pattern.kind}", hint)
    if not found and any(_is_value(match[1].decode(errors="replace")) for match in _ASSIGNED.finditer(shown)):
        yield _finding(
            LOOKS_LIKE_SECRET, distribution, f"{place} shows the value of a password, key or token", hint
        )


def _is_value(text: str) -> bool:
    """Whether it may be a secret: one has letters and digits, and no word has."""
    return (
        any(each.isdigit() for each in text)
        and any(each.isalpha() for each in text)
        and len(set(text)) > len(text) // 3
    )


def _outputs(cell: dict[str, Any]) -> Iterator[bytes]:
    """The texts among a cell's outputs: no images."""
    outputs = cell.get("outputs")
    for each in outputs if isinstance(outputs, list) else ():
        if not isinstance(each, dict):
            continue
        yield _text(each.get("text"))
        yield _text(each.get("traceback"))
        data = each.get("data")
        for kind, value in data.items() if isinstance(data, dict) else ():
            if not kind.startswith("image/"):
                yield _text(value)


def _text(value: Any) -> bytes:
    """A multi-line string, which notebooks write as a string or as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str)).encode(errors="replace")
    return value.encode(errors="replace") if isinstance(value, str) else b""
