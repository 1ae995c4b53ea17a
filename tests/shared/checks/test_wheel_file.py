"""A wheel's name, its .dist-info folder and its WHEEL file say the same."""

from __future__ import annotations

import pytest

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution

HEAD = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"


def messages(distribution):
    return [
        each.message
        for each in check_distribution(open_distribution(distribution))
        if each.slug == "wheel-file-disagrees"
    ]


@pytest.mark.parametrize(
    ("wheel", "word"),
    [
        (HEAD + "Tag: py2-none-any\n", "py2-none-any"),
        (HEAD, "none"),
        (HEAD + "Tag: py3-none-any\nTag: py2-none-any\n", "py2-none-any, py3-none-any"),
        ("Root-Is-Purelib: true\nTag: py3-none-any\n", "Wheel-Version"),
        ("Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "2.0"),
        ("Wheel-Version: 1.0\nTag: py3-none-any\n", "Root-Is-Purelib"),
        (HEAD + "Tag: py3-none-any\nBuild: 1\n", "build number 1"),
        ("", "no WHEEL file"),
    ],
)
def test_a_wheel_file_that_says_something_else(make_wheel, wheel, word):
    (message,) = messages(make_wheel(wheel=wheel))
    assert word in message


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        "py2.py3-none-any",
        "1-py3-none-win_amd64",
        "cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64",
    ],
)
def test_all_forms_of_tags_agree_with_themselves(make_wheel, tag):
    assert messages(make_wheel(tag=tag)) == []


def test_the_wheel_file_may_list_expanded_or_compressed_tags(make_wheel):
    assert messages(make_wheel(tag="py2.py3-none-any", wheel=HEAD + "Tag: py2.py3-none-any\n")) == []


def test_the_folder_is_named_for_name_and_version(make_wheel):
    (message,) = messages(make_wheel(folder="demo-1.1.dist-info"))
    assert "demo 1.0" in message


@pytest.mark.parametrize("folder", ["Demo-1.0.dist-info", "demo-1.0.0.dist-info"])
def test_the_folder_may_be_spelt_otherwise(make_wheel, folder):
    assert messages(make_wheel(folder=folder)) == []


def test_a_local_version_may_be_written_with_a_mark_that_folders_allow(make_wheel, metadata):
    text = metadata.replace("Version: 1.0", "Version: 1.0+cu126")
    assert messages(make_wheel(metadata=text)) == []
    assert messages(make_wheel(metadata=text, folder="demo-1.0_cu126.dist-info")) == []


def test_there_is_one_folder(make_wheel):
    assert "several .dist-info" in messages(make_wheel(files={"other-1.0.dist-info/x": b""}))[0]
