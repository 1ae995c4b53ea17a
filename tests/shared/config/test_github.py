from __future__ import annotations

from dataclasses import replace

import pytest

from publish_all._process import Completed
from publish_all.config.builtin import BUILT_IN
from publish_all.config.github_project import complete, link_of_git, link_of_remote
from publish_all.config.kinds import LEGACY
from publish_all.config.model import RepositoryConfig

GITHUB = BUILT_IN["github"]


class Git:
    """`git remote get-url origin`, without git."""

    def __init__(self, remote: str | None) -> None:
        self.remote = remote
        self.asked = 0

    def __call__(self, command, *, cwd, environment=None, timeout=None) -> Completed:
        self.asked += 1
        if self.remote is None:
            return Completed(returncode=2, stdout="", stderr="error: No such remote 'origin'")
        return Completed(returncode=0, stdout=self.remote + "\n", stderr="")


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/Sep/spark.git",
        "https://github.com/Sep/spark",
        "https://user:secret@github.com/Sep/spark.git/",
        "git@github.com:Sep/spark.git",
        "github.com:Sep/spark",
        "ssh://git@github.com/Sep/spark.git",
        "ssh://git@ssh.github.com:443/Sep/spark.git",
        "git://github.com/Sep/spark",
    ],
)
def test_remotes_on_github_name_owner_and_repository(remote):
    assert link_of_remote(remote, {}) == "Sep/spark"


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "https://gitlab.com/sep/spark.git",
        "https://github.com.evil.example/sep/spark",
        "git@gitlab.com:sep/spark.git",
        "/home/sep/spark.git",
        "../spark",
        "https://github.com/sep",
        "https://github.com/sep/deeper/spark",
        "https://github.com/s ep/spark",
        "https://github.com/../spark",
    ],
)
def test_other_remotes_name_nobody(remote):
    assert link_of_remote(remote, {}) is None


def test_the_server_of_the_job_is_github_too():
    environment = {"GITHUB_SERVER_URL": "https://ghe.example"}
    assert link_of_remote("git@ghe.example:sep/spark.git", environment) == "sep/spark"
    assert link_of_remote("git@ghe.example:sep/spark.git", {}) is None
    assert link_of_remote("https://corp.ghe.com/sep/spark", {}) == "sep/spark"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, None)),
        ({"GITHUB_REPOSITORY": "Sep/spark"}, ("Sep", "Sep/spark")),
        ({"GITHUB_REPOSITORY_OWNER": "Org"}, ("Org", None)),
        (
            {"GITHUB_REPOSITORY_OWNER": "Org", "GITHUB_REPOSITORY": "Org/spark"},
            ("Org", "Org/spark"),
        ),
        ({"GITHUB_REPOSITORY_OWNER": "a/b", "GITHUB_REPOSITORY": "nonsense"}, (None, None)),
    ],
)
def test_what_actions_says(environment, expected):
    config = complete(GITHUB, root=None, environment=environment)
    assert (config.owner, config.link) == expected


def test_what_is_stated_wins_and_git_comes_last(tmp_path):
    git = Git("git@github.com:Remote/repo.git")
    actions = {"GITHUB_REPOSITORY": "Actions/repo"}

    def found(environment, **stated):
        config = complete(replace(GITHUB, **stated), root=tmp_path, environment=environment, run=git)
        return config.owner, config.link

    assert found({}) == ("Remote", "Remote/repo")
    assert found(actions) == ("Actions", "Actions/repo")
    assert found(actions, owner="Stated") == ("Stated", "Actions/repo")
    assert found(actions, link="Stated/x") == ("Stated", "Stated/x")
    before = git.asked
    assert found({}, owner="a", link="b/c") == ("a", "b/c")
    assert git.asked == before


def test_git_is_asked_only_where_it_matters(tmp_path):
    git = Git("git@github.com:Remote/repo.git")
    for url, asked in (("https://corp.example/legacy/", 0), ("https://corp.example/{owner}/", 1)):
        config = RepositoryConfig(name="corp", kind=LEGACY, url=url)
        complete(config, root=tmp_path, environment={}, run=git)
        assert git.asked == asked
    assert complete(GITHUB, root=None, environment={}, run=git).owner is None
    assert git.asked == 1


def test_no_git_and_no_remote_are_no_errors(tmp_path):
    def absent(command, *, cwd, environment=None, timeout=None) -> Completed:
        raise FileNotFoundError(command[0])

    def slow(command, *, cwd, environment=None, timeout=None) -> Completed:
        raise TimeoutError

    for run in (absent, slow, Git(None)):
        assert link_of_git(tmp_path, environment={}, run=run) is None
