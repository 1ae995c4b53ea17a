"""What a public index has against names."""

from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from publish_all.checks.metadata import in_use, look_alike, neighbours, prohibited


@pytest.mark.parametrize("name", ["asyncio", "concurrent", "requirements.txt", "Requirements-TXT"])
def test_names_that_nobody_gets(name):
    found = prohibited(canonicalize_name(name), repository="pypi")
    assert found is not None
    assert found.code == "PA420"


@pytest.mark.parametrize("name", ["asyncio-extras", "async-io", "requirements", "kindling"])
def test_names_that_are_like_them(name):
    assert prohibited(canonicalize_name(name), repository="pypi") is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("my-project", "myproject", True),
        ("my.project", "my_project", True),
        ("kindling", "k1ndling", True),
        ("kindling", "kindlinq", False),
        ("foo", "f00", True),
        ("foo", "fo", False),
    ],
)
def test_names_that_an_index_takes_for_one(one, other, alike):
    assert look_alike(one, other) is alike


def test_neighbours_look_alike_and_are_others():
    found = list(neighbours(canonicalize_name("my-l0g")))
    assert "myl0g" in found
    assert all(look_alike(each, "my-l0g") and each != "my-l0g" for each in found)
    assert list(neighbours(canonicalize_name("abc"))) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("https://github.com/sep/kindling", "https://github.com/sep/kindling/issues", False),
        ("https://github.com/sep/kindling.git", "http://www.github.com/Sep/Kindling", False),
        ("https://github.com/sep/kindling", "https://github.com/other/kindling", True),
    ],
)
def test_links_tell_whose_a_project_is(ours, theirs, told):
    project = canonicalize_name("kindling")
    found = in_use(project, {ours}, {theirs}, repository="pypi")
    assert (found is not None) is told


def test_without_links_nothing_can_be_told():
    project = canonicalize_name("kindling")
    assert in_use(project, set(), {"https://other.example"}, repository="pypi") is None
    assert in_use(project, {"https://sep.example"}, set(), repository="pypi") is None
