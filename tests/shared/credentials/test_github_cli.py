from __future__ import annotations

import pytest

from publish_all._process import Completed
from publish_all.credentials.github_cli import GitHubCliSource


@pytest.fixture
def source_of(tmp_path):
    def build(answer):
        def run(command, *, cwd, environment=None, timeout=None):
            if isinstance(answer, Exception):
                raise answer
            return answer

        return GitHubCliSource(run=run)

    return build


def test_the_token_of_gh_goes_to_github_only(source_of, make_request):
    source = source_of(Completed(returncode=0, stdout="gho_canary\r\n", stderr=""))
    assert source.find(make_request("github")).secret.reveal() == "gho_canary"
    for url in ("https://evil.example/", "https://ghcr.io.evil.example/", "https://upload.pypi.org/legacy/"):
        assert source.find(make_request("github", url)) is None
        assert source.misses(make_request("github", url)) == ()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (FileNotFoundError("gh"), "not installed"),
        (TimeoutError("gh"), "did not answer"),
        (PermissionError("gh"), "did not answer"),
        (Completed(returncode=1, stdout="", stderr="no oauth token"), "not logged in"),
        (Completed(returncode=0, stdout="\n", stderr=""), "no token"),
    ],
)
def test_a_gh_that_cannot_help_is_not_here(answer, words, source_of, make_request):
    source = source_of(answer)
    assert source.find(make_request("github")) is None
    assert words in source.misses(make_request("github"))[0].outcome
