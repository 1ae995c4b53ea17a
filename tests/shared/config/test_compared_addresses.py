from __future__ import annotations

import pytest

from publish_all.config.addresses import (
    host_of,
    is_below,
    is_confidential,
    is_loopback,
    same_url,
    without_user,
)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Upload.PyPI.org/legacy/", "upload.pypi.org"),
        ("https://pypi.org:443/", "pypi.org"),
        ("http://localhost:80", "localhost"),
        ("http://127.0.0.1:8080/legacy/", "127.0.0.1:8080"),
        ("https://bob:pw@pypi.corp.example:8443/", "pypi.corp.example:8443"),
        ("http://[::1]:8080/", "[::1]:8080"),
        ("ghcr.io/sep", "ghcr.io"),
    ],
)
def test_the_host_of_a_url(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://pypi.corp.example/legacy/", "https://pypi.corp.example/legacy", True),
        ("https://PyPI.corp.example:443/legacy/", "https://pypi.corp.example/legacy/", True),
        ("https://bob@pypi.corp.example/legacy/", "https://pypi.corp.example/legacy/", True),
        ("https://pypi.corp.example/legacy/", "http://pypi.corp.example/legacy/", False),
        ("https://pypi.corp.example/legacy/", "https://pypi.corp.example/other/", False),
        ("https://pypi.corp.example/", "https://pypi.corp.example.evil.example/", False),
        ("https://pypi.corp.example/", "https://pypi.corp.example@evil.example/", False),
        ("https://pypi.corp.example:444/", "https://pypi.corp.example/", False),
    ],
)
def test_urls_that_mean_the_same_place(one, other, same):
    assert same_url(one, other) is same


def test_what_may_be_shown_of_a_url():
    assert without_user("https://bob:pw@pypi.corp.example:8443/legacy/?token=x#y") == (
        "https://pypi.corp.example:8443/legacy/"
    )
    assert without_user("ghcr.io/sep") == "https://ghcr.io/sep"


def test_only_https_and_this_machine_are_confidential():
    assert is_confidential("https://pypi.org/")
    assert is_confidential("ghcr.io/sep")
    assert is_confidential("http://127.0.0.1:1/")
    assert not is_confidential("http://pypi.corp.example/")
    assert not is_confidential("http://localhost.evil.example/")
    assert not is_loopback("127.0.0.1.evil.example")
    assert is_loopback("[::1]:8080")


def test_what_is_no_url_in_the_file_of_a_tool_is_no_place_but_itself():
    broken = "https://bob:pw@[corp/"
    assert same_url(broken, broken)
    assert not same_url(broken, "https://corp/")
    assert not is_below("https://corp/", broken)
    assert host_of(broken) == ""
    assert "pw" not in without_user(broken)
