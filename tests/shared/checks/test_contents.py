"""What a wheel installs: the findings of check-wheel-contents, and lookalikes without any."""

from __future__ import annotations

import pytest

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution


def slugs(distribution):
    return [each.slug for each in check_distribution(open_distribution(distribution))]


PACKAGE = {"demo/__init__.py": b"x = 1\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"demo/__pycache__/a.cpython-311.pyc": b"x"}, ["bytecode-shipped"]),
        ({"demo/pyc.py": b"x"}, []),
        ({"README.md": b"x"}, ["outside-of-packages"]),
        ({"__init__.py": b"x"}, ["outside-of-packages"]),
        ({"demo.pth": b"x"}, []),
        ({"demo/README.md": b"x"}, []),
        ({"tests/__init__.py": b"x"}, ["common-top-level-name"]),
        ({"demo/tests/__init__.py": b"x"}, []),
        ({"demo-tools/a.py": b"x"}, ["several-top-level-names", "not-importable"]),
        ({"demo/templates/a-b.html": b"x"}, []),
        ({"assets/logo.svg": b"x"}, ["several-top-level-names", "not-importable"]),
        ({"demo-stubs/__init__.pyi": b"x"}, []),
        ({"other/__init__.py": b"x"}, ["several-top-level-names"]),
        ({"_demo.py": b"x"}, []),
        ({"demo/a.py": b"y" * 100, "demo/b.py": b"y" * 100}, ["same-content"]),
        ({"demo/a/__init__.py": b"y" * 100, "demo/b/__init__.py": b"y" * 100}, []),
        ({"demo/a.py": b"y" * 60, "demo/b.py": b"y" * 60}, []),
        ({"demo-1.0.data/purelib/tests/a.py": b"x"}, ["common-top-level-name"]),
        ({"demo-1.0.data/scripts/demo": b"x"}, []),
    ],
)
def test_what_is_installed_is_importable_and_the_projects_own(make_wheel, files, expected):
    assert slugs(make_wheel(files=PACKAGE | files)) == expected


def test_a_project_may_have_a_common_name_itself(make_wheel, metadata):
    text = metadata.replace("Name: demo", "Name: utils")
    assert slugs(make_wheel(metadata=text, files={"utils/__init__.py": b""})) == []


def test_many_files_are_one_finding(make_wheel):
    files = {f"demo/{n}.pyc": b"x" for n in range(9)}
    (finding,) = check_distribution(open_distribution(make_wheel(files=PACKAGE | files)))
    assert finding.message == "compiled Python: demo/0.pyc, demo/1.pyc, demo/2.pyc and 6 more"
