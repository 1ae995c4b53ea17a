"""What the names of members tell, each finding beside a near lookalike that must not trigger it."""

from __future__ import annotations

import tarfile

import pytest

from publish_all.checks.all_checks import check_distribution
from publish_all.checks.opened import open_distribution


def slugs(distribution):
    return [each.slug for each in check_distribution(open_distribution(distribution))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo/.env", ["forbidden-file"]),
        ("demo/.env.example", []),
        ("demo/.env.template", []),
        ("demo/id_ed25519", ["forbidden-file"]),
        ("demo/id_rsa.pub", []),
        ("demo/server.p12", ["forbidden-file"]),
        ("demo/p12.py", []),
        ("demo/.pypirc", ["forbidden-file"]),
        ("demo/pypirc.py", []),
        ("demo/.git/HEAD", ["forbidden-file"]),
        ("demo/.gitattributes", []),
        ("demo/.git-credentials", ["forbidden-file"]),
        ("demo/.ssh/config", ["forbidden-file"]),
        ("demo/ssh/config", []),
    ],
)
def test_files_that_hold_credentials_stay_out(make_wheel, name, expected):
    assert slugs(make_wheel(files={"demo/__init__.py": b"", name: b"content"})) == expected


@pytest.mark.parametrize("name", ["/etc/passwd", "demo/../../x.py", "demo\\x.py", "C:/x.py"])
def test_unsafe_paths_are_errors(make_sdist, name):
    assert "unsafe-path" in slugs(make_sdist(files={"/demo-1.0/demo.py": b"", "/" + name: b"x"}))


@pytest.mark.parametrize("name", ["demo/a..b.py", "demo/...py", "demo/c_.py"])
def test_odd_names_are_no_unsafe_paths(make_sdist, name):
    assert slugs(make_sdist(files={name: b"x"})) == []


def test_the_same_path_twice_is_an_error(make_sdist):
    assert slugs(make_sdist(files={"a.py": b"1", "/demo-1.0/a.py": b"2"})) == ["unsafe-path"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("../../etc/passwd", "unsafe-link"),
        ("/etc/passwd", "unsafe-link"),
        ("demo.py", "link-in-sdist"),
        ("../demo-1.0/demo.py", "link-in-sdist"),
    ],
)
def test_links_of_an_sdist_are_judged_by_where_they_lead(make_sdist, target, expected):
    found = slugs(make_sdist(files={"demo.py": b""}, links={"link.py": target}))
    assert found == [expected]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("demo-1.0/demo.py", "hard-link-in-sdist"),
        ("demo-1.0/sub/../demo.py", "hard-link-in-sdist"),
        ("demo.py", "unsafe-link"),
        ("demo-1.0/later.py", "unsafe-link"),
        ("../demo.py", "unsafe-link"),
        ("/etc/passwd", "unsafe-link"),
    ],
)
def test_a_hard_link_leads_to_an_earlier_member(make_sdist, target, expected):
    links = {"sub/hard.py": target, "later.py": "demo-1.0/demo.py"}
    first, second = check_distribution(open_distribution(make_sdist(files={"demo.py": b"x"}, hard=links)))
    assert (first.slug, second.slug) == (expected, "hard-link-in-sdist")
    assert "sub/hard.py is a hard link to" in first.message


def test_a_symbolic_link_that_leads_nowhere_by_way_of_the_top_is_refused(make_sdist):
    """Only hard links are relative to the top of the archive."""
    assert slugs(make_sdist(files={"a.py": b""}, links={"sub/x.py": "../../demo-1.0"})) == ["link-in-sdist"]
    assert slugs(make_sdist(files={"a.py": b""}, links={"sub/deep/x.py": "../../../demo-1"})) == [
        "unsafe-link"
    ]


def test_a_wheel_has_no_links_at_all(make_wheel):
    assert "unsafe-link" in slugs(make_wheel(links={"demo/link.py": "__init__.py"}))


def test_devices_are_refused(make_sdist):
    assert slugs(make_sdist(kinds={"pipe": tarfile.FIFOTYPE})) == ["unsafe-link"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("README.md", "Readme.md", ["paths-collide"]),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}", ["paths-collide"]),
        ("README.md", "README.rst", []),
        ("a/b.py", "A/c.py", []),
    ],
)
def test_names_that_are_one_file_elsewhere(make_sdist, first, second, expected):
    assert slugs(make_sdist(files={first: b"1", second: b"2"})) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("/setup.py", ["sdist-layout"]), ("/other/setup.py", ["sdist-layout"]), ("setup.py", [])],
)
def test_an_sdist_has_one_folder(make_sdist, name, expected):
    assert slugs(make_sdist(files={name: b""})) == expected


def test_a_folder_of_another_name_is_still_one_folder(make_sdist):
    assert slugs(make_sdist(top="Demo-1.0", files={"a.py": b""})) == []
