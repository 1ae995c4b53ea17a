"""The threat model names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/threat-model.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[^`]+)`", PAGE)


@pytest.mark.parametrize("test", sorted(set(NAMED)))
def test_each_named_test_is_there(test: str) -> None:
    path, *names = test.split("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert names
    for name in names:
        assert re.search(rf"^ *(?:def|class) {re.escape(name)}\b", text, re.MULTILINE), name


def test_each_claim_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (?!\[|---)", line)]
    claims = [each for each in rows if "shown by" not in each and not each.startswith("| | trusted")]
    assert claims
    assert all("`tests/" in each for each in claims)
