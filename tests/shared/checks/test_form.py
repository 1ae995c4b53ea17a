"""The upload form says what the file says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from publish_all.checks.check import check_distribution
from publish_all.checks.opened import Audience, open_distribution
from publish_all.distributions.metadata import form_fields

RICH = """\
Metadata-Version: 2.4
Name: demo
Version: 1.0
Summary: A demo
Description-Content-Type: text/markdown
Keywords: a,b
Author-email: Jo <jo@example.org>
License-Expression: MIT
License-File: LICENSE
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Software Development
Project-URL: Home page, https://example.org/a,b
Project-URL: Issues, https://example.org/issues
Requires-Dist: attrs>=23; python_version < "3.12"
Requires-Python: >=3.10
Provides-Extra: docs

# Demo

Text.
"""


def slugs(distribution):
    return [each.slug for each in check_distribution(open_distribution(distribution, Audience()))]


def test_a_form_from_the_file_agrees(make_wheel):
    assert slugs(make_wheel(metadata=RICH)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"Summary": ("Another",)},
        {"Requires-Dist": ()},
        {"Requires-Dist": ("attrs>=24",)},
        {"Project-URL": ("Home page, https://example.net",)},
    ],
)
def test_a_form_that_says_something_else_is_an_error(make_wheel, change):
    wheel = make_wheel(metadata=RICH)
    assert "form-differs" in slugs(replace(wheel, metadata={**wheel.metadata, **change}))


def test_another_description_is_an_error(make_wheel):
    assert "form-differs" in slugs(replace(make_wheel(metadata=RICH), description="# Other"))


def test_white_space_makes_no_difference(make_wheel):
    assert slugs(make_wheel(metadata=RICH.replace("Summary: A demo", "Summary:   A \t demo"))) == []


def test_licence_files_before_metadata_2_4_are_left_out_of_the_form_and_are_no_error(make_wheel):
    old = RICH.replace("Metadata-Version: 2.4", "Metadata-Version: 2.1").replace(
        "License-Expression: MIT", "License: MIT"
    )
    wheel = make_wheel(metadata=old)
    assert slugs(wheel) == []
    assert "license_file" not in dict(form_fields(wheel.metadata, wheel.description))
    new = make_wheel(metadata=RICH)
    assert dict(form_fields(new.metadata, new.description))["license_file"] == "LICENSE"
