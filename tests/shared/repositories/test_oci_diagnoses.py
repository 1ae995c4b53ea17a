from __future__ import annotations

import re
from pathlib import Path

from publish_all.repositories import diagnoses, oci_diagnoses


def test_every_code_and_slug_is_given_once_and_in_its_hundred():
    known = (*oci_diagnoses.ALL, *diagnoses.ALL)
    assert len({each.code for each in known}) == len({each.slug for each in known}) == len(known)
    assert all(re.fullmatch(r"PA6\d\d", each.code) for each in oci_diagnoses.ALL)


def test_the_guide_names_the_right_slugs():
    guide = Path(__file__).parents[3] / "docs" / "how-to" / "github-packages.md"
    rows = re.findall(r"\| (PA6\d\d) `([a-z-]+)` \|", guide.read_text(encoding="utf-8"))
    assert len(rows) > 8
    assert set(rows) <= {(each.code, each.slug) for each in oci_diagnoses.ALL}
