from __future__ import annotations

import pytest

from publish_all.config.addresses import (
    hostname_of,
    is_loopback,
    scheme_of,
)
from publish_all.config.kinds import DIRECTORY, LEGACY, OCI


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        (LEGACY, "https://pypi.corp.example/legacy/"),
        (LEGACY, "https://pypi.corp.example:8443/{owner}/{repository}/{name}/"),
        (LEGACY, "HTTPS://PyPI.corp.example/"),
        (LEGACY, "http://localhost:8080/"),
        (LEGACY, "http://pypi.localhost/"),
        (LEGACY, "http://127.0.0.1:8080/"),
        (LEGACY, "http://127.8.8.8/"),
        (LEGACY, "http://[::1]:8080/"),
        (OCI, "ghcr.io/{owner}"),
        (OCI, "localhost:5000/x"),
        (OCI, "https://containers.ghes.example/{owner}"),
        (OCI, "http://127.0.0.1:5000/x"),
        (DIRECTORY, "build/index"),
        (DIRECTORY, "/srv/index"),
        (DIRECTORY, "../index"),
        (DIRECTORY, "C:\\index"),
        (DIRECTORY, "file:///srv/index"),
        (DIRECTORY, "file://localhost/srv/index"),
        (DIRECTORY, "with space/index"),
    ],
)
def test_a_right_url(kind, url):
    assert kind.url_problem(url) is None


@pytest.mark.parametrize(
    ("kind", "url", "problem"),
    [
        (LEGACY, "", "empty"),
        (LEGACY, "http://pypi.corp.example/", "must be https"),
        (LEGACY, "http://localhost.evil.example/", "must be https"),
        (LEGACY, "http://127.0.0.1.evil.example/", "must be https"),
        (LEGACY, "http://localhost@evil.example/", "user name"),
        (LEGACY, "ftp://x/", "must start with https://, not ftp://"),
        (LEGACY, "pypi.corp.example/legacy", "must start with https://"),
        (LEGACY, "corp", 'kind = "directory"'),
        (LEGACY, "./index", 'kind = "directory"'),
        (LEGACY, "file:///index", 'kind = "directory"'),
        (LEGACY, "file:/index", 'kind = "directory"'),
        (LEGACY, "https://", "has no host"),
        (LEGACY, "https://x:port/", "is not a valid URL"),
        (LEGACY, "https://[::1/", "is not a valid URL"),
        (LEGACY, "https://x/ y", "white space"),
        (LEGACY, " https://x/", "white space"),
        (LEGACY, "https://x/\x1b[1m", "control characters"),
        (LEGACY, "https://x/{nmae}/", "{nmae} is not a placeholder"),
        (LEGACY, "https://x/{}/", "is not a placeholder"),
        (OCI, "http://ghcr.io/x", "must be https"),
        (OCI, "file:///x", 'kind = "directory"'),
        (DIRECTORY, "https://x/", "must be a path or a file: URL, not https:"),
        (DIRECTORY, "file://server/share", "cannot contain the name of another machine"),
    ],
)
def test_a_wrong_url_says_why(kind, url, problem):
    assert problem in kind.url_problem(url)


@pytest.mark.parametrize("kind", [LEGACY, OCI])
def test_a_url_with_a_password_is_refused_and_not_repeated(kind):
    problem = kind.url_problem("https://me:hunter2@x.example/")

    assert "holds a user name or a password" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("kind", "url", "right"),
    [
        (LEGACY, "https://x/simple/", True),
        (LEGACY, "http://x/simple/", False),
        (LEGACY, "/srv/index", False),
        (OCI, "x/simple", False),
        (DIRECTORY, "https://x/simple/", True),
        (DIRECTORY, "http://x/simple/", False),
        (DIRECTORY, "/srv/index", True),
    ],
)
def test_an_index_is_at_a_web_address_or_in_a_folder(kind, url, right):
    assert (kind.index_url_problem(url) is None) is right


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://PyPI.pkg.github.com/OWNER/x", "pypi.pkg.github.com"),
        ("ghcr.io/owner", "ghcr.io"),
        ("https://x", "x"),
        ("https://[::1", ""),
    ],
)
def test_the_host_of_a_url(url, host):
    assert hostname_of(url) == host


def test_a_drive_is_no_scheme():
    assert (scheme_of("C:\\x"), scheme_of("FILE:///x"), scheme_of("a/b:c")) == ("", "file", "")


@pytest.mark.parametrize(
    ("host", "is_it"), [("[::1]", True), ("10.0.0.1", False), ("localhost", True), ("nolocalhost", False)]
)
def test_loopback(host, is_it):
    assert is_loopback(host) is is_it
