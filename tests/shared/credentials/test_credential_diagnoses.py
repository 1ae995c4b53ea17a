from __future__ import annotations

import re
from pathlib import Path

from publish_all.credentials import diagnoses


def test_codes_and_names_are_unique_and_of_our_hundred():
    assert len({each.code for each in diagnoses.ALL}) == len(diagnoses.ALL) > 20
    assert len({each.slug for each in diagnoses.ALL}) == len(diagnoses.ALL)
    assert all(re.fullmatch(r"PA3\d\d", each.code) for each in diagnoses.ALL)


def test_the_documented_table_is_the_codes():
    page = Path(__file__).parents[3] / "docs" / "reference" / "credentials.md"
    assert diagnoses.documented() in page.read_text(encoding="utf-8")
