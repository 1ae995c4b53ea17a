"""The catalogue is whole: every diagnosis has its text, and the page in the documentation is what it says."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import publish_all
from publish_all.catalogue.catalogue import diagnoses, entries, find, texts, why
from publish_all.catalogue.entry import PAGE, Sight
from publish_all.catalogue.page import page
from publish_all.findings import Diagnosis

ROOT = Path(__file__).parents[3]


def test_every_diagnosis_of_the_package_is_in_the_catalogue():
    found = set()
    for module in pkgutil.walk_packages(publish_all.__path__, "publish_all."):
        if module.name.endswith("diagnoses"):
            members = vars(importlib.import_module(module.name)).values()
            found |= {each for each in members if isinstance(each, Diagnosis)}
    assert found == set(diagnoses())
    assert len(found) == len({each.code for each in found})


def test_every_diagnosis_has_a_text():
    assert {each.code for each in diagnoses()} <= set(texts())


@pytest.mark.parametrize("entry", entries(), ids=lambda each: each.code)
def test_an_entry_says_all_that_is_to_be_said(entry):
    text = entry.text
    assert re.fullmatch(r"PA[1-7]\d\d", entry.code)
    assert re.fullmatch(r"[a-z][a-z-]+", entry.slug)
    for said in (text.means, text.next_step, text.source, entry.diagnosis.why):
        assert said.strip() == said
        assert len(said) > 2
    assert text.means.endswith((".", ".)"))
    assert bool(text.unseen) == (text.sight in (Sight.PUBLISH, Sight.OTHERS)), (
        "say why doctor does not see it"
    )
    assert why(entry.code) == entry.diagnosis.why


def test_the_page_is_what_the_catalogue_says():
    assert (ROOT / "docs" / PAGE).read_text(encoding="utf-8") == page(), "run python tools/errors.py"


def test_each_code_has_its_own_anchor_on_the_page():
    anchors = re.findall(r'<a id="(pa\d{3})"></a>', page())
    assert anchors == [each.code.lower() for each in entries()]


def test_codes_and_names_are_found_in_any_case():
    assert find("pa301") is find("PA301") is find(" token-for-other-index ")
    assert find("PA300") is None
    assert why("PA300") == ""
