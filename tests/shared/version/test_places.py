"""Versions as Cargo and npm write them."""

from __future__ import annotations

import pytest
from packaging.version import Version

from publish_all.version.places import semantic


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2", "1.2.0"),
        ("2", "2.0.0"),
        ("1.2.3a1", "1.2.3-alpha.1"),
        ("1.2.3b2", "1.2.3-beta.2"),
        ("1.2rc3", "1.2.0-rc.3"),
        ("1.2.3.dev4", "1.2.3-dev.4"),
        ("1.2.3rc1.dev4", "1.2.3-rc.1.dev.4"),
    ],
)
def test_reads_as_the_same_version(version: str, expected: str) -> None:
    assert semantic(Version(version)) == expected
    assert Version(expected) == Version(version)


@pytest.mark.parametrize("version", ["1.2.3.4", "1.2.3.post1", "1!1.2.3", "1.2.3+cu12"])
def test_some_have_no_such_form(version: str) -> None:
    assert semantic(Version(version)) is None
