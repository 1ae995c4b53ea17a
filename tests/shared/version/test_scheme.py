"""What git cannot easily show: hashes of digits alone, and that versions sort as their commits do."""

from __future__ import annotations

import pytest
from packaging.version import Version

from publish_all.version.git import Described, version_after


def after(
    tag: str,
    distance: int,
    *,
    dirty: bool = False,
    scheme: str = "guess",
    local: str = "none",
    node: str = "0" * 40,
) -> str:
    said = Described(tag, Version(tag), distance, node, dirty)
    return str(version_after(said, scheme=scheme, local=local, date="20260103"))


def test_a_hash_of_digits_keeps_its_leading_zeros() -> None:
    assert after("1.0", 1, local="node", node="012345678" + "9" * 31) == "1.1.dev1+g012345678"


def test_a_hash_that_looks_like_a_float_stays_text() -> None:
    assert after("1.0", 1, local="node", node="1e5000000" + "0" * 31) == "1.1.dev1+g1e5000000"


@pytest.mark.parametrize("scheme", ["guess", "post"])
@pytest.mark.parametrize(
    "tag", ["1.0", "1.0a1", "1.0rc1", "1.0.post1", "1.0.dev3", "1.0rc1.dev2", "1!1.0", "7"]
)
def test_versions_rise_with_the_commits(tag: str, scheme: str) -> None:
    versions = [Version(after(tag, distance, scheme=scheme)) for distance in range(12)]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize(
    ("tag", "release"), [("1.0", "1.1"), ("1.0rc1", "1.0rc2"), ("1.0.dev3", "1.0"), ("1.9", "1.10")]
)
def test_a_guess_is_before_the_next_release(tag: str, release: str) -> None:
    assert Version(tag) < Version(after(tag, 5)) < Version(release)


@pytest.mark.parametrize("scheme", ["guess", "post"])
@pytest.mark.parametrize(
    "tag", ["1.0", "1.0a1", "1.0rc1", "1.0.post1", "1.0.dev3", "1.0rc1.dev2", "1!1.0", "7"]
)
def test_a_changed_tree_is_after_its_tag(tag: str, scheme: str) -> None:
    assert Version(after(tag, 0, dirty=True, scheme=scheme)) > Version(tag)
