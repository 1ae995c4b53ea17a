"""Every code has one entry, the page in the documentation is made of the entries, and a test knows each code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from publish_all import diagnoses
from publish_all.diagnoses import Diagnosis, catalogue

ROOT = Path(__file__).parents[2]
RETIRED = {"PA223"}
"""No command finds them any more; `explain` still knows them."""
NAMES = {each.code: name for name, each in vars(diagnoses).items() if isinstance(each, Diagnosis)}
CODES = {each.code for each in catalogue()}


def test_each_code_in_the_source_has_an_entry_and_each_entry_is_used():
    source = Path(diagnoses.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in source.rglob("*.py")]
    assert {code for text in texts for code in re.findall(r'"(PA\d{3})"', text)} == CODES - RETIRED


@pytest.mark.parametrize("entry", catalogue(), ids=lambda each: each.code)
def test_an_entry_is_complete(entry):
    assert re.fullmatch(r"[a-z][a-z-]+", entry.slug)
    assert entry.severity.value in {"error", "warning", "note"}
    for text in (entry.means, entry.why, entry.next_step, entry.source, entry.seen_by):
        assert text.strip() == text != ""
    assert entry.means.endswith((".", ".)"))
    usual = ("publish and doctor", "check and doctor only", "check only", "doctor only")
    # Those that doctor does not see say why.
    assert entry.seen_by in usual or entry.seen_by.startswith(("publish only: ", "other commands: "))


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "tools" / "errors.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PATH.read_text(encoding="utf-8") == tool.page(), "run python tools/errors.py"
    anchors = re.findall(r'<a id="(pa\d{3})"></a>', tool.page())
    assert anchors == [each.code.lower() for each in catalogue()]


def test_other_pages_name_the_right_slugs():
    guide = (ROOT / "docs" / "how-to" / "github-packages.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| (PA6\d\d) `([a-z-]+)` \|", guide)
    assert len(rows) > 8
    assert all(Diagnosis(code).entry.slug == slug for code, slug in rows)


def test_a_test_is_about_each_code():
    here = Path(__file__)
    tests = (path for path in (ROOT / "tests").rglob("*.py") if path != here)
    words = {word for path in tests for word in re.findall(r"[\w-]+", path.read_text(encoding="utf-8"))}
    unknown = [
        code
        for code in CODES - RETIRED
        if words.isdisjoint({code, Diagnosis(code).entry.slug, NAMES.get(code)})
    ]
    assert unknown == []
