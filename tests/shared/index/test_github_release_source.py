from __future__ import annotations

import pytest
from github_fake import TOKEN, FakeGitHub, GitHubNetwork, problem
from packaging.utils import canonicalize_name

from publish_all._http import make_session
from publish_all._secret import Secret
from publish_all.config.kinds import GITHUB_RELEASE
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.chain import CredentialChain
from publish_all.credentials.credential_source import Credential, CredentialKind, CredentialSource
from publish_all.index.github_release_source import FRESH, GitHubReleaseSource
from publish_all.index.index_source import Address, ServeError
from publish_all.repositories import github_release
from publish_all.repositories.repository import Means

NAME = canonicalize_name("kindling")
WHEEL = "kindling-1.0-py3-none-any.whl"


class Token(CredentialSource):
    name = "token"

    def find(self, request, tell=None):
        del tell
        return Credential(
            username="x",
            secret=Secret(TOKEN),
            host="api.github.com",
            kind=CredentialKind.TOKEN,
            origin="a test",
        )


@pytest.fixture
def github() -> FakeGitHub:
    github = FakeGitHub()
    release = github.add_release()
    github.add_asset(release, WHEEL, b"wheel")
    github.add_asset(
        release, f"{WHEEL}.metadata", b"Metadata-Version: 2.1\nRequires-Python: >=3.9\n\nRead me\n"
    )
    github.add_asset(release, "kindling-1.0.tar.gz", b"sdist")
    github.add_asset(release, "notes.pdf", b"notes")
    github.add_asset(release, "other-2.0.tar.gz", state="starter")
    github.add_asset(github.add_release("v2.0", draft=True), "draft-2.0.tar.gz", b"draft")
    return github


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def make(github, clock):
    def make(*sources: CredentialSource, own: bool = True) -> GitHubReleaseSource:
        config = RepositoryConfig(
            name="releases", kind=GITHUB_RELEASE, url="https://api.github.com/repos/sep/kindling"
        )
        session = make_session(transport=GitHubNetwork(github))
        repository = github_release.make(config, Means(credentials=CredentialChain(sources), session=session))
        return GitHubReleaseSource(repository.reader(), own=own, clock=lambda: clock[0])

    return make


def test_files_of_a_public_repository_are_fetched_from_github_and_need_no_token(make, github):
    source = make()
    assert source.projects(None) == (NAME,)
    page = source.page(NAME, None)
    wheel, sdist = page.files
    assert wheel.url == f"https://github.com/sep/kindling/releases/download/v1.0/{WHEEL}"
    assert (wheel.requires_python, sdist.requires_python) == (">=3.9", None)
    assert len(wheel.core_metadata["sha256"]) == 64
    assert sdist.core_metadata is None
    assert wheel.upload_time == "2026-11-30T10:00:00Z"
    assert not any("Authorization" in each.headers for each in github.asked)
    assert source.page(canonicalize_name("draft"), None) is None


def test_files_of_a_private_repository_pass_through_us(make, github):
    github.about["private"] = True
    source = make(Token())
    wheel, _ = source.page(NAME, None).files
    assert wheel.url == ""
    for sha256, metadata, content in (
        (wheel.sha256, False, b"wheel"),
        (wheel.core_metadata["sha256"], True, b"Metadata-Version: 2.1"),
    ):
        with source.file(Address(NAME, WHEEL, sha256, metadata=metadata), None).open(None) as download:
            assert b"".join(download.chunks).startswith(content)
    assert source.file(Address(NAME, WHEEL, "0" * 64), None) is None
    assert source.file(Address(NAME, "gone.whl", wheel.sha256), None) is None


def test_a_private_repository_is_not_shown_to_all_unasked(make, github):
    github.about["private"] = True
    source = make(Token(), own=False)
    for ask in (lambda: source.projects(None), lambda: source.page(NAME, None), source.ready):
        with pytest.raises(ServeError, match="is private") as error:
            ask()
        assert error.value.status == 403


def test_the_list_is_kept_for_a_minute(make, github, clock):
    source = make()
    source.ready()
    asked = len(github.asked)
    github.add_asset(1, "kindling-1.1.tar.gz", b"later")
    assert len(source.page(NAME, None).files) == 2
    assert len([each for each in github.asked[asked:] if "api.github.com" in each.url]) == 0
    clock[0] += FRESH
    assert len(source.page(NAME, None).files) == 3


def test_more_files_than_a_list_of_releases_holds(make, github):
    for number in range(40):
        github.add_asset(1, f"kindling-3.{number}.tar.gz", b"x")
    assert len(make().page(NAME, None).files) == 42


@pytest.mark.parametrize(("status", "expected"), [(404, 502), (403, 502), (500, 502)])
def test_what_github_does_not_answer(make, github, status, expected):
    github.hooks.append(lambda _: problem(status, "no"))
    with pytest.raises(ServeError) as error:
        make().ready()
    assert error.value.status in {expected, 404}
