from __future__ import annotations

import pytest

from publish_all.repositories.simple_index import index_candidates, misdirected


@pytest.mark.parametrize(
    ("upload", "index"),
    [
        # Where each server's documentation says that both are.
        ("https://pypi.corp.example/legacy/", "https://pypi.corp.example/simple/"),
        ("https://pypi.corp.example/", "https://pypi.corp.example/simple/"),
        ("https://pypi.corp.example", "https://pypi.corp.example/simple/"),
        ("https://devpi.example/root/dev/", "https://devpi.example/root/dev/+simple/"),
        ("https://example.org/devpi/root/dev/", "https://example.org/devpi/root/dev/+simple/"),
        ("https://nexus.example/repository/pypi-hosted/", "https://nexus.example/repository/pypi-hosted/simple/"),
        ("https://a.jfrog.io/artifactory/api/pypi/local", "https://a.jfrog.io/artifactory/api/pypi/local/simple/"),
        ("https://gitlab.com/api/v4/projects/1/packages/pypi", "https://gitlab.com/api/v4/projects/1/packages/pypi/simple/"),
        ("https://gitea.example/api/packages/sep/pypi", "https://gitea.example/api/packages/sep/pypi/simple/"),
        ("https://pkgs.dev.azure.com/o/p/_packaging/f/pypi/upload/", "https://pkgs.dev.azure.com/o/p/_packaging/f/pypi/simple/"),
        ("https://d-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/r/", "https://d-1.d.codeartifact.eu-west-1.amazonaws.com/pypi/r/simple/"),
        ("https://europe-python.pkg.dev/p/r/", "https://europe-python.pkg.dev/p/r/simple/"),
    ],
)  # fmt: skip
def test_the_index_is_among_the_candidates(upload: str, index: str):
    assert index in index_candidates(upload)


def test_candidates_stay_on_the_host_without_user_or_query():
    for each in index_candidates("https://ada:pw@corp.example:8443/upload?x=y#z"):
        assert each.startswith("https://corp.example:8443/")
        assert each.endswith(("/simple/", "/+simple/"))


def test_an_index_of_the_whole_host_is_not_tried_for_one_repository_of_many():
    assert "https://corp.example/simple/" not in index_candidates(
        "https://corp.example/repository/pypi-hosted/"
    )


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("https://pypi.pkg.github.com/sep/", "PA443", "-r github"),
        ("https://upload.pkg.github.com/sep/kindling", "PA443", "-r github"),
        ("https://pypi.org/simple/", "PA441", "`-r pypi`"),
        ("https://pypi.org/simple", "PA441", "`-r pypi`"),
        ("https://test.pypi.org/simple/", "PA441", "`-r testpypi`"),
        ("https://devpi.example/root/dev/+simple/", "PA441", "https://devpi.example/root/dev/"),
        ("https://corp.example/simple/", "PA441", "often https://corp.example/, "),
        ("https://pkgs.dev.azure.com/o/_packaging/f/pypi/simple/", "PA441", "https://pkgs.dev.azure.com/o/_packaging/f/pypi/upload/"),
        ("https://pypi.org/legacy/", "PA442", "`-r pypi`"),
        ("https://pypi.org/", "PA442", "-r pypi"),
    ],
)  # fmt: skip
def test_urls_that_guides_and_tools_get_wrong(url: str, code: str, says: str):
    finding = misdirected(url)
    assert finding is not None
    assert finding.code == code
    assert says in finding.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://upload.pypi.org/legacy/",
        "https://test.pypi.org/legacy/",
        "https://corp.example/simple/upload/",
        "http://127.0.0.1:8080/",
        "https://notpkg.github.com.example/",
    ],
)
def test_upload_urls_are_left_alone(url: str):
    assert misdirected(url) is None
