from __future__ import annotations

import pytest

from publish_all.config.standards import local_version_problem, name_problem, wheel_tag_problem


@pytest.mark.parametrize(
    ("tag", "right"),
    [
        ("py3-none-any", True),
        ("cp311-abi3-manylinux_2_28_x86_64", True),
        ("py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        ("1-py3-none-any", True),
        ("12b-py3-none-any", True),
        ("b1-py3-none-any", False),
        ("1-2-py3-none-any", False),
        ("py3-none", False),
        ("any", False),
        ("", False),
        ("py3--any", False),
        ("py3-none-linux x", False),
        ("py3-none-a..b", False),
    ],
)
def test_wheel_tags(tag, right):
    assert (wheel_tag_problem(tag) is None) is right


@pytest.mark.parametrize(
    ("name", "right"),
    [("a", True), ("Kindling.Synapse_2", True), ("a-", False), ("a>=1", False), ("a[x]", False), ("", False)],
)
def test_names(name, right):
    assert (name_problem(name) is None) is right


@pytest.mark.parametrize(
    ("text", "right"), [("cu126", True), ("cu12.6", True), ("+cu", False), ("", False), ("a b", False)]
)
def test_local_versions(text, right):
    assert (local_version_problem(text) is None) is right
