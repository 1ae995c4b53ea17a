"""Releases on GitHub that are yanked and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_fake import TOKEN, Asked, FakeGitHub, GitHubNetwork, Reply
from packaging.utils import canonicalize_name
from packaging.version import Version

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all.config.kinds import GITHUB_RELEASE
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import Purpose
from publish_all.errors import CredentialError, RepositoryError
from publish_all.index.github_release_source import GitHubReleaseSource
from publish_all.repositories import github_release
from publish_all.repositories.github_release import GitHubReleaseRepository
from publish_all.repositories.repository import Means

SPARK, SYNAPSE = map(canonicalize_name, ("kindling-spark", "kindling-synapse"))
V1 = Version("1.0")
NOTES = "## What's new\r\n\r\n* **Yanked:** is a word, too\r\n"
Make = Callable[..., GitHubReleaseRepository]


@pytest.fixture
def github() -> FakeGitHub:
    github = FakeGitHub()
    release = github.add_release()
    github.releases[release]["body"] = NOTES
    for each in ("kindling_spark", "kindling_synapse"):
        github.add_asset(release, f"{each}-1.0-py3-none-any.whl", b"wheel")
        github.add_asset(release, f"{each}-1.0-py3-none-any.whl.metadata", b"Name: x\n")
        github.add_asset(release, f"{each}-1.0.tar.gz", b"sdist")
    github.add_asset(release, "manual.pdf", b"%PDF")
    return github


@pytest.fixture
def make(github: FakeGitHub, credentials: Any, make_credential: Any) -> Make:
    def make(sleep: Callable[[float], None] = lambda _: None) -> GitHubReleaseRepository:
        config = RepositoryConfig(
            name="releases", kind=GITHUB_RELEASE, url="https://api.github.com/repos/sep/kindling"
        )
        found = dict.fromkeys(Purpose, make_credential(TOKEN, host="api.github.com"))
        session = make_session(transport=GitHubNetwork(github))
        means = Means(credentials=type(credentials)(found=found), session=session)
        repository = github_release.make(config, means)
        repository.api.sleep = sleep
        return repository

    return make


def notes(github: FakeGitHub) -> str:
    (release,) = github.releases.values()
    return str(release["body"])


def yanks(make: Make) -> dict[str, str | None]:
    """As an index shows them."""
    source = GitHubReleaseSource(make().reader(), own=False)
    pages = [source.page(each, None) for each in (SPARK, SYNAPSE)]
    return {file.filename: file.yanked for page in pages if page is not None for file in page.files}


def test_a_yank_stands_in_the_notes_and_is_for_one_project(make, github):
    files = ("kindling_spark-1.0-py3-none-any.whl", "kindling_spark-1.0.tar.gz")
    assert make().yank(SPARK, V1, "breaks on Spark 3.5") == files
    assert notes(github) == f"**Yanked:** kindling-spark: breaks on Spark 3.5\n\n{NOTES}"
    found = yanks(make)
    assert {name for name, reason in found.items() if reason == "breaks on Spark 3.5"} == set(files)
    assert {reason for name, reason in found.items() if "synapse" in name} == {None}


def test_an_unyank_leaves_the_notes_as_they_were(make, github):
    make().yank(SPARK, V1, "broken")
    make().yank(SYNAPSE, V1, "")
    assert "**Yanked:** kindling-synapse\n\n**Yanked:** kindling-spark: broken\n\n" in notes(github)
    assert set(yanks(make).values()) == {"broken", ""}
    make().yank(SPARK, V1, None)
    assert {reason for name, reason in yanks(make).items() if "spark" in name} == {None}
    make().yank(SYNAPSE, V1, None)
    assert notes(github) == NOTES


@pytest.mark.parametrize("body", [None, ""])
def test_a_release_without_notes(make, github, body):
    next(iter(github.releases.values()))["body"] = body
    make().yank(SPARK, V1, "broken")
    assert notes(github) == "**Yanked:** kindling-spark: broken\n\n"
    make().yank(SPARK, V1, None)
    assert notes(github) == ""


def test_another_reason_replaces_the_first(make, github):
    make().yank(SPARK, V1, "broken")
    make().yank(SPARK, V1, r"worse \1 <!-- [x")
    assert notes(github) == f"**Yanked:** kindling-spark: worse \\1 <!-- [x\n\n{NOTES}"


def test_notes_that_the_web_editor_has_saved(make, github):
    make().yank(SPARK, V1, "broken")
    next(iter(github.releases.values()))["body"] = notes(github).replace("\r\n", "\n").replace("\n", "\r\n")
    assert "broken" in yanks(make).values()
    make().yank(SPARK, V1, None)
    assert notes(github) == NOTES


def test_two_yanks_at_once_are_both_there_in_the_end(make, github):
    """The other one has read the notes before, and writes them after us."""
    others: list[str] = []

    def write_late(seconds: float) -> None:
        if seconds and not others:
            others.append("x")
            next(iter(github.releases.values()))["body"] = f"**Yanked:** kindling-synapse: late\n\n{NOTES}"

    make(write_late).yank(SPARK, V1, "broken")
    assert set(yanks(make).values()) == {"broken", "late"}


def test_notes_that_are_always_written_over_are_an_error(make, github):
    github.hooks.append(lambda asked: Reply(200, {}) if asked.method == "PATCH" else None)
    with pytest.raises(RepositoryError, match="Other jobs changed"):
        make().yank(SPARK, V1, "broken")


def test_a_later_publish_keeps_the_yank(make, github, make_distribution, release_of):
    for each in [each for each, asset in github.assets.items() if "spark-1.0-py3" in asset["name"]]:
        del github.assets[each]
    release = release_of(make_distribution(project="kindling-spark"))
    make().yank(SPARK, V1, "broken")
    repository = make()
    repository.preflight((release,))
    repository.upload(release.distributions[0])
    assert repository.commit(release).complete
    assert yanks(make)[release.distributions[0].filename] == "broken"


def test_an_immutable_release_can_be_yanked_and_not_deleted(make, github):
    github.immutable_releases = True
    make().yank(SPARK, V1, "broken")
    assert "broken" in yanks(make).values()
    with pytest.raises(HttpError, match="immutable") as caught:
        make().deletion(SPARK, V1)
    assert (caught.value.findings[0].code, caught.value.hint) == ("PA414", "Yank the release instead.")


def test_a_deletion_takes_the_files_of_one_project(make, github):
    make().yank(SPARK, V1, "broken")
    steps = make().deletion(SPARK, V1)
    assert [part for each in steps for part in each.parts] == [
        "kindling_spark-1.0-py3-none-any.whl",
        "kindling_spark-1.0-py3-none-any.whl.metadata",
        "kindling_spark-1.0.tar.gz",
        "the note of a yank",
    ]
    assert not github.of("DELETE")
    for _ in range(2):  # again, as where another process was faster
        for each in steps:
            each.remove()
    assert set(github.files()) == {
        "kindling_synapse-1.0-py3-none-any.whl",
        "kindling_synapse-1.0-py3-none-any.whl.metadata",
        "kindling_synapse-1.0.tar.gz",
        "manual.pdf",
    }
    assert notes(github) == NOTES


@pytest.mark.parametrize(
    ("project", "version", "hint"),
    [
        (canonicalize_name("other"), V1, "It has no files of other, or does not show them to this user."),
        (SPARK, Version("2.0"), "It has: 1.0."),
    ],
)
def test_what_is_not_there_is_not_taken_back(make, tmp_path, project, version, hint):
    for ask in (
        lambda: make().yank(project, version, "broken"),
        lambda: make().fetch(project, version, tmp_path),
    ):
        with pytest.raises(RepositoryError, match="releases has no files of") as caught:
            ask()
        assert (caught.value.findings[0].code, caught.value.hint) == ("PA453", hint)


def test_a_refusal_names_the_right_that_is_needed(make, github):
    def refuse(asked: Asked) -> Reply | None:
        message = {"message": "Resource not accessible by integration"}
        return Reply(403, message) if asked.is_write else None

    github.hooks.append(refuse)
    with pytest.raises(CredentialError, match="not accessible") as caught:
        make().yank(SPARK, V1, "broken")
    assert "contents: write" in (caught.value.hint or "")
    assert TOKEN not in str(caught.value)
