from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from publish_all.config import rules
from publish_all.config.rules import (
    distribution_problem,
    local_version_problem,
    requirement_problem,
    specifiers_problem,
    version_problem,
    wheel_tag_problem,
)


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
        ("٣-py3-none-any", False),
    ],
)
def test_wheel_tags(tag, right):
    assert (wheel_tag_problem(tag) is None) is right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("a", True),
        ("Kindling.Synapse_2", True),
        ("a-", False),
        ("a>=1", False),
        ("a[x]", False),
        ("", False),
        ("\N{KELVIN SIGN}", False),
    ],
)
def test_names(name, right):
    assert (distribution_problem(name) is None) is right


@pytest.mark.parametrize(
    ("text", "right"), [("cu126", True), ("cu12.6", True), ("+cu", False), ("", False), ("a b", False)]
)
def test_local_versions(text, right):
    assert (local_version_problem(text) is None) is right


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "A.b-c_d",
        "a>=1",
        "a >= 1.2, < 2",
        "a==1.*",
        "a!=1.2.*,~=1.0",
        "a[x]>1",
        "a[x,y] (>=1)",
        "a @ https://x/a.whl",
        "a; python_version < '3.12'",
        "a===weird",
        "a>=1.0rc1",
    ],
)
def test_right_requirements(text):
    assert requirement_problem(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "a>>1", "a~=1", "a>=1.*", "a<1.*", "-a", "a-", "a--b>=", "a[", "a[]]", "a 1", "a>=1,,<2", "a;x"],
)
def test_wrong_requirements(text):
    assert requirement_problem(text)


@pytest.mark.parametrize(
    ("text", "right"), [(">=3.10", True), ("", True), ("3.10", False), ("~=3", False), (">=3,<4", True)]
)
def test_specifiers(text, right):
    assert (specifiers_problem(text) is None) is right


@pytest.mark.parametrize(
    ("text", "right"), [("1.0", True), ("1.0rc1", True), ("1!2.0+x", True), ("x", False), ("", False)]
)
def test_versions(text, right):
    assert (version_problem(text) is None) is right


@settings(max_examples=50, deadline=None)
@given(st.from_regex(rules._PLAIN_REQUIREMENT, fullmatch=True))
def test_what_is_taken_for_plainly_right_is_right_for_packaging(text):
    Requirement(text)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(rules._PLAIN_SPECIFIERS, fullmatch=True))
def test_plain_specifiers_are_right_for_packaging(text):
    SpecifierSet(text)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(rules._RELEASE, fullmatch=True))
def test_plain_versions_are_right_for_packaging(text):
    Version(text)
