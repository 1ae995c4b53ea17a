"""Files side by side."""

from __future__ import annotations

import pytest

from publish_all.checks.together import check_together

NEEDS = "Summary: A demo\nRequires-Dist: attrs>=23\nRequires-Python: >=3.10"


def slugs(*distributions):
    return [each.slug for each in check_together(distributions)]


def test_files_of_a_release_that_state_the_same_are_fine(make_wheel, make_sdist, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    spaced = text.replace("attrs>=23", "attrs >= 23")
    assert slugs(make_wheel(metadata=spaced), make_sdist(metadata=text)) == []


@pytest.mark.parametrize("other", ["attrs>=24", "attrs>=23\nRequires-Dist: cattrs"])
def test_a_wheel_with_other_dependencies_than_the_sdist(make_wheel, make_sdist, metadata, other):
    text = metadata.replace("Summary: A demo", NEEDS)
    found = slugs(make_wheel(metadata=text.replace("attrs>=23", other)), make_sdist(metadata=text))
    assert found == ["metadata-differs"]


def test_what_the_sdist_calls_dynamic_may_differ(make_wheel, make_sdist, metadata):
    text = metadata.replace("2.1", "2.2").replace("Summary: A demo", NEEDS)
    dynamic = text.replace("Summary: A demo", "Dynamic: Requires-Dist\nSummary: A demo")
    assert slugs(make_wheel(metadata=text.replace(">=23", ">=24")), make_sdist(metadata=dynamic)) == []


def test_wheels_without_an_sdist_are_compared_with_each_other(make_wheel, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    one = make_wheel(metadata=text, tag="py3-none-win_amd64")
    other = make_wheel(metadata=text.replace(">=3.10", ">=3.11"), tag="py3-none-any")
    assert slugs(one, other) == ["metadata-differs"]


def test_other_releases_may_state_anything(make_wheel, metadata):
    text = metadata.replace("Summary: A demo", NEEDS)
    one = make_wheel(metadata=text)
    other = make_wheel(
        metadata=text.replace("Version: 1.0", "Version: 1.1").replace(">=23", ">=24"), files={"b.py": b""}
    )
    assert slugs(one, other) == []
