"""What `twine check --strict` and `check-wheel-contents` find, we find as well."""

from __future__ import annotations

import warnings

import pytest
from check_wheel_contents.checker import WheelChecker
from check_wheel_contents.contents import WheelContents
from twine.commands import check as twine_check

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution

PACKAGE = {"demo/__init__.py": b"x = 1\n"}


def ours(distribution):
    return {each.slug for each in check_distribution(open_distribution(distribution, public=("pypi",)))}


def twine(distribution):
    """Whether twine is content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return not twine_check.check([str(distribution.path)], strict=True)


def contents(distribution):
    wheel = WheelContents.from_wheel(distribution.path)
    return {each.check.name for each in WheelChecker().check_contents(wheel)}


@pytest.mark.parametrize(
    ("before", "after", "slug"),
    [
        ("text/markdown\n\n# Demo", "text/x-rst\n\nTitle\n==\n\n.. nosuch::\n\n`a", "readme-does-not-render"),
        ("\n# Demo\n", "", "no-readme"),
        ("Description-Content-Type: text/markdown\n", "", "no-content-type"),
        ("Description-Content-Type: text/markdown\n\n# Demo", "\n`broken <", "readme-does-not-render"),
    ],
)
def test_what_twine_refuses_we_tell(make_wheel, metadata, before, after, slug):
    assert before in metadata
    wheel = make_wheel(metadata=metadata.replace(before, after))
    assert not twine(wheel)
    assert slug in ours(wheel)


def test_what_twine_takes_we_take(make_wheel, make_sdist):
    for each in (make_wheel(), make_sdist(files={"demo.py": b""})):
        assert twine(each)
        assert ours(each) == set()


@pytest.mark.parametrize(
    ("files", "check", "slug"),
    [
        (PACKAGE | {"demo/__pycache__/a.cpython-311.pyc": b"x"}, "W001", "bytecode-shipped"),
        (PACKAGE | {"demo/a.py": b"y" * 99, "demo/b.py": b"y" * 99}, "W002", "same-content"),
        (PACKAGE | {"README.md": b"x"}, "W003", "outside-of-packages"),
        (PACKAGE | {"demo/a-b/c.py": b"x"}, "W004", "not-importable"),
        (PACKAGE | {"tests/__init__.py": b"x"}, "W005", "common-top-level-name"),
        ({"__init__.py": b"x"}, "W006", "outside-of-packages"),
        ({}, "W008", "empty-wheel"),
        (PACKAGE | {"other/__init__.py": b""}, "W009", "several-top-level-names"),
        (PACKAGE | {"assets/logo.svg": b"x"}, "W010", "not-importable"),
    ],
)
def test_what_check_wheel_contents_finds_we_tell(make_wheel, files, check, slug):
    wheel = make_wheel(files=files)
    assert check in contents(wheel)
    assert slug in ours(wheel)


def test_what_check_wheel_contents_takes_we_take(make_wheel):
    wheel = make_wheel(files=PACKAGE)
    assert contents(wheel) == set()
    assert ours(wheel) == set()
