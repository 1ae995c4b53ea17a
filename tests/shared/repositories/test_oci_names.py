from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all.repositories.oci_layout import (
    PlaceError,
    filename_of,
    parse_place,
    tag_of,
    version_of,
)
from publish_all.repositories.simple_pages import architecture_of

KINDLING = canonicalize_name("kindling-synapse")


@pytest.mark.parametrize(
    ("url", "shown", "repository"),
    [
        ("ghcr.io/Sep", "https://ghcr.io/sep", "sep/kindling_synapse"),
        ("https://GHCR.io/Sep/", "https://ghcr.io/sep", "sep/kindling_synapse"),
        ("ghcr.io/Sep/Spark", "https://ghcr.io/sep/spark", "sep/spark/kindling_synapse"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "kindling_synapse"),
        ("ghcr.io/team/python-{name}", "https://ghcr.io/team/python-{name}", "team/python-kindling_synapse"),
        ("ghcr.io/team/{name}/wheels", "https://ghcr.io/team/{name}/wheels", "team/kindling_synapse/wheels"),
    ],
)
def test_a_url_names_the_repository_of_each_project(url, shown, repository):
    place = parse_place(url)
    assert (place.url, place.repository(KINDLING)) == (shown, repository)
    assert place.project(repository) == KINDLING
    assert place.project(f"other/{repository}") is None
    assert place.project(repository + "-x/y") is None


@pytest.mark.parametrize(
    "url", ["ghcr.io/a b", "ghcr.io/-x", "ghcr.io/a//b", "ghcr.io/v2/sep", "ghcr.io/x?y=z", "ghcr.io/a..b"]
)
def test_what_no_registry_takes_is_refused(url):
    with pytest.raises(PlaceError):
        parse_place(url)


VERSIONS = st.from_regex(
    r"\A([0-9]{1,2}!)?[0-9]{1,3}(\.[0-9]{1,4}){0,3}((a|b|rc)[0-9]{1,2})?(\.post[0-9]{1,2})?(\.dev[0-9]{1,2})?"
    r"(\+[a-z0-9]{1,6}(\.[a-z0-9]{1,6}){0,2})?\Z"
).map(Version)


@given(VERSIONS, VERSIONS)
def test_tags_are_valid_and_stand_for_one_version(one: Version, other: Version):
    tag = tag_of(one)
    assert tag.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert version_of(tag) == one
    assert (tag_of(other) == tag) == (str(other) == str(one))


@pytest.mark.parametrize("tag", ["latest", "v1.0", "sha256-0123abcd", "main", "1.0-", "1..0", "pr-1", "١.0"])
def test_foreign_tags_are_no_versions(tag):
    assert version_of(tag) is None


@pytest.mark.parametrize(
    ("filename", "architecture"),
    [
        ("kindling_synapse-1.0.tar.gz", ".tar.gz"),
        ("kindling_synapse-1.0-py3-none-any.whl", "py3-none-any.whl"),
        (
            "kindling_synapse-1.0-1a-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "1a-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        ),
    ],
)
def test_files_are_told_apart_and_named_again(filename, architecture):
    assert architecture_of(filename) == architecture
    assert filename_of(KINDLING, "1.0", architecture, None) == filename
    assert filename_of(KINDLING, "1.0", architecture, filename) == filename


def test_a_title_keeps_the_spelling_of_its_builder():
    title = "zope.interface-2024.01-py3-none-any.whl"
    project = canonicalize_name("zope-interface")
    assert filename_of(project, "2024.1", "py3-none-any.whl", title) == title
    made = filename_of(project, "2024.01", "py3-none-any.whl", None)
    assert made == "zope_interface-2024.01-py3-none-any.whl"


@pytest.mark.parametrize(
    "title",
    [
        "../../evil-1.0-py3-none-any.whl",
        "/etc/kindling_synapse-1.0-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
        "kindling_synapse-2.0-py3-none-any.whl",
        "kindling_synapse-1.0-py3-none-win_amd64.whl",
        "kindling_synapse-1.0-py3-none-any.whl\n",
        "",
    ],
)
def test_a_title_that_lies_is_not_believed(title):
    assert filename_of(KINDLING, "1.0", "py3-none-any.whl", title) == "kindling_synapse-1.0-py3-none-any.whl"


@pytest.mark.parametrize("architecture", ["amd64", "../x.whl", "py3-none-any.whl/../y", ".zip", ""])
def test_what_is_no_file_of_ours_has_no_name(architecture):
    assert filename_of(KINDLING, "1.0", architecture, None) is None
