from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from github_fake import TOKEN, Asked, FakeGitHub, GitHubNetwork, Reply, invalid, problem
from packaging.version import Version

from publish_all._http import make_session
from publish_all.config.kinds import GITHUB_RELEASE
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import Credential, Purpose
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import ConfigurationError, CredentialError, RepositoryError
from publish_all.findings import Severity
from publish_all.repositories import github_release
from publish_all.repositories.github_release import GitHubReleaseRepository
from publish_all.repositories.repository import Means
from publish_all.results import FileState

MakeDistribution = Callable[..., Distribution]
MakeRelease = Callable[..., Release]
URL = "https://api.github.com/repos/sep/kindling"
FAILED = problem(502, "Bad Gateway")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def token(make_credential: Callable[..., Credential]) -> Credential:
    return make_credential(TOKEN, host="api.github.com")


@pytest.fixture
def make(
    github: FakeGitHub, time: Time, credentials: Any, token: Credential
) -> Callable[..., GitHubReleaseRepository]:
    def make(found: Credential | None = token, **keys: Any) -> GitHubReleaseRepository:
        config = RepositoryConfig(
            name="releases",
            kind=GITHUB_RELEASE,
            url="https://api.github.com/repos/{owner}/{repository}",
            owner="sep",
            link="sep/kindling",
        )
        each = dict.fromkeys(Purpose, found) if found is not None else {}
        session = make_session(transport=GitHubNetwork(github))
        means = Means(credentials=type(credentials)(found=each), session=session, **keys)
        repository = github_release.make(config, means)
        repository.api.clock, repository.api.sleep = time.clock, time.sleep
        return repository

    return make


@pytest.fixture
def repository(make: Callable[..., GitHubReleaseRepository]) -> GitHubReleaseRepository:
    return make()


@pytest.fixture
def wheel(make_distribution: MakeDistribution) -> Distribution:
    return make_distribution()


@pytest.fixture
def release(make_distribution: MakeDistribution, wheel: Distribution, release_of: MakeRelease) -> Release:
    return release_of(wheel, make_distribution(kind="sdist"))


def publish(repository: GitHubReleaseRepository, *releases: Release) -> None:
    assert not repository.preflight(releases)
    for each in releases:
        repository.states(each)
        for file in each.distributions:
            assert until_done(repository, file) in {FileState.UPLOADED, FileState.PRESENT}
        assert repository.commit(each).complete


def until_done(repository: GitHubReleaseRepository, file: Distribution, attempts: int = 5) -> FileState:
    """As the engine does: again while it may help."""
    for _ in range(attempts):
        outcome = repository.upload(file)
        if outcome.status not in {FileState.FAILED, FileState.UNCLEAR}:
            return outcome.status
        repository.api.sleep(outcome.retry_after or 0)
    return outcome.status


def wanted(release: Release) -> dict[str, bytes]:
    files = {each.filename: each.path.read_bytes() for each in release.distributions}
    wheels = [each for each in release.distributions if each.filename.endswith(".whl")]
    return files | {f"{each.filename}.metadata": each.core_metadata for each in wheels}


# --- a release


def test_a_release_is_made_as_a_draft_filled_and_published(repository, github, release):
    assert repository.states(release).states == {}
    for each in release.distributions:
        assert repository.upload(each).status is FileState.UPLOADED
    (draft,) = github.releases.values()
    assert draft["draft"]
    assert repository.verify(release).states == {}

    assert repository.commit(release).complete
    assert not draft["draft"]
    assert github.files() == wanted(release)
    assert set(repository.verify(release).states.values()) == {FileState.PRESENT}
    assert repository.page(release) == "https://github.com/sep/kindling/releases/tag/v1.0"
    address = "https://github.com/sep/kindling/releases/download/v1.0/kindling-1.0-py3-none-any.whl"
    assert repository.install_command(release, ()) == f"pip install 'kindling @ {address}'"


def test_metadata_is_there_before_its_wheel(repository, github, wheel):
    repository.upload(wheel)
    sent = [each.query["name"] for each in github.of("POST", "/assets")]
    assert sent == [f"{wheel.filename}.metadata", wheel.filename]


def test_a_second_run_sends_nothing(make, github, release):
    publish(make(), release)
    before = [each for each in github.asked if each.is_write]
    publish(make(), release)
    assert [each for each in github.asked if each.is_write] == before


def test_writes_come_one_after_the_other_with_pauses(make, github, time, release):
    times: list[float] = []
    github.hooks.append(lambda asked: times.append(time.now) if asked.is_write else None)
    publish(make(), release)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1
    assert github.overlapping == 0


@pytest.mark.parametrize("draft", [True, False])
def test_a_release_that_somebody_made_is_used(repository, github, release, draft):
    number = github.add_release("v1.0", draft=draft)
    github.add_asset(number, "notes.pdf", b"notes")
    publish(repository, release)
    assert github.files() == wanted(release) | {"notes.pdf": b"notes"}
    assert not github.releases[number]["draft"]


def test_the_tag_may_spell_the_version_in_another_way(repository, github, make_distribution, release_of):
    github.tags = ["v1.0.0-rc.1", "v10.0"]
    publish(repository, release_of(make_distribution(version="1.0.0rc1")))
    (made,) = github.releases.values()
    assert made["tag_name"] == "v1.0.0-rc.1"


def test_the_prefix_of_the_projects_tags_counts(make, github, release):
    github.tags = ["kindling/v1.0", "v1.0"]
    publish(make(tag_prefix="kindling/v"), release)
    (made,) = github.releases.values()
    assert made["tag_name"] == "kindling/v1.0"


def test_projects_with_one_version_share_a_release_that_is_published_once(
    repository, github, make_distribution, release_of
):
    github.immutable_releases = True
    one, other = (release_of(make_distribution(project=each)) for each in ("kindling-a", "kindling-b"))
    assert not repository.preflight((one, other))
    for each in (one, other):
        (made,) = github.releases.values() if github.releases else ({"draft": True},)
        assert made["draft"]
        assert repository.upload(each.distributions[0]).status is FileState.UPLOADED
        assert repository.commit(each).complete
    assert github.files() == wanted(one) | wanted(other)
    assert repository.verify(one).states == {one.distributions[0].filename: FileState.PRESENT}


def test_more_than_a_page_of_releases_and_assets(repository, github, release):
    for number in range(40):
        github.tags.append(f"v2.{number}")
        github.add_release(f"v2.{number}")
    draft = github.add_release("v1.0", draft=True)
    for number in range(130):
        github.add_asset(draft, f"other-{number}.txt")
    github.releases = {draft: github.releases.pop(draft), **github.releases}  # on the last page
    publish(repository, release)
    assert wanted(release).items() <= github.files(draft).items()
    assert len(github.releases) == 41


# --- names


def test_a_plus_in_a_name_stays_one(repository, github, make_distribution, release_of):
    github.tags = ["v1.0+cu121"]
    release = release_of(make_distribution(version="1.0+cu121"))
    publish(repository, release)
    assert github.files() == wanted(release)


def test_a_version_with_an_epoch_is_refused_before_the_first_byte(
    repository, github, make_distribution, release_of
):
    (finding,) = repository.preflight((release_of(make_distribution(version="1!1.0")),))
    assert finding.code == "PA437"
    assert finding.severity is Severity.ERROR
    assert "kindling-1!1.0-py3-none-any.whl to kindling-1.1.0-py3-none-any.whl" in finding.message


def test_a_file_that_github_renames_is_taken_back(repository, github, wheel, monkeypatch):
    monkeypatch.setattr("github_fake.stored_name", lambda name: f"x{name}")
    outcome = repository.upload(wheel)
    assert outcome.status is FileState.REFUSED
    assert "renamed" in outcome.findings[0].message
    assert github.files() == {}


# --- what is there


@pytest.mark.parametrize("states_digests", [True, False])
def test_other_bytes_are_a_conflict(repository, github, wheel, release_of, states_digests):
    github.states_digests = states_digests
    number = github.add_release()
    github.add_asset(number, wheel.filename, wheel.path.read_bytes()[::-1])
    assert repository.states(release_of(wheel)).states[wheel.filename] is FileState.DIFFERENT
    assert repository.upload(wheel).status is FileState.CONFLICT
    assert not any(each.is_write for each in github.asked)


def test_a_file_without_a_digest_is_downloaded_without_the_token(make, github, release):
    github.states_digests = False
    publish(make(), release)
    repository = make()
    assert set(repository.states(release).states.values()) == {FileState.PRESENT}
    stored = [each for each in github.asked if each.url.startswith(github.storage)]
    assert len(stored) >= 3
    assert not any("Authorization" in each.headers for each in stored)


def test_metadata_that_is_missing_is_added(repository, github, wheel, release_of):
    number = github.add_release()
    github.add_asset(number, wheel.filename, wheel.path.read_bytes())
    release = release_of(wheel)
    assert repository.states(release).states[wheel.filename] is FileState.INCOMPLETE
    publish(repository, release)
    assert github.files() == wanted(release)


def test_other_metadata_is_replaced(repository, github, wheel, release_of):
    number = github.add_release(draft=True)
    github.add_asset(number, f"{wheel.filename}.metadata", b"of another build")
    publish(repository, release_of(wheel))
    assert github.files() == wanted(release_of(wheel))


def test_releases_are_not_made_for_a_tag_that_is_not_pushed(repository, github, release):
    github.tags = []
    (finding,) = repository.states(release).findings
    assert (finding.code, finding.severity) == ("PA234", Severity.ERROR)
    assert "git push origin v1.0" in finding.hint


def test_an_immutable_release_takes_no_late_files_and_that_is_said_before(repository, github, release, wheel):
    number = github.add_release(immutable=True)
    github.add_asset(number, wheel.filename, wheel.path.read_bytes())
    look = repository.states(release)
    assert look.states[wheel.filename] is FileState.PRESENT
    (finding,) = look.findings
    assert finding.code == "PA414"
    assert "kindling-1.0.tar.gz" in finding.message
    assert repository.upload(release.distributions[1]).status is FileState.REFUSED
    assert not any(each.is_write for each in github.asked)


def test_a_release_that_became_immutable_meanwhile(repository, github, release):
    first, second = release.distributions
    repository.upload(first)
    (made,) = github.releases.values()
    made |= {"draft": False, "immutable": True}
    outcome = repository.upload(second)
    assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA414")


def test_too_many_files_for_one_release(repository, github, release, wheel, release_of):
    many = tuple(
        replace(wheel, path=Path(f"kindling-1.0-{number}-py3-none-any.whl")) for number in range(501)
    )
    assert [each.code for each in repository.preflight((release_of(*many),))] == ["PA430"]
    number = github.add_release()
    for each in range(999):
        github.add_asset(number, f"{each}.txt")
    assert [each.code for each in repository.states(release).findings] == ["PA430"]


def test_a_file_of_two_gibibytes(repository, wheel, release_of):
    (finding,) = repository.preflight((release_of(replace(wheel, size=2 * 1024**3)),))
    assert finding.code == "PA430"


# --- failures


def test_what_a_502_leaves_is_deleted_and_sent_again(repository, github, release):
    answers = iter([FAILED, None, FAILED])
    github.upload_hooks.append(lambda _: next(answers, None))
    publish(repository, release)
    assert github.files() == wanted(release)
    assert {each["state"] for each in github.assets.values()} == {"uploaded"}


def test_a_half_asset_of_a_killed_run_is_replaced_after_a_look(repository, github, time, wheel, release_of):
    number = github.add_release(draft=True)
    github.add_asset(number, wheel.filename, state="starter")
    outcome = repository.upload(wheel)
    assert (outcome.status, outcome.retry_after) == (FileState.FAILED, 5.0)
    assert not github.of("DELETE")
    publish(repository, release_of(wheel))
    assert github.files() == wanted(release_of(wheel))


def test_an_answer_that_was_lost(repository, github, wheel, release_of):
    lost: list[Asked] = []

    def lose(asked: Asked) -> Reply | None:
        if asked.query.get("name") == wheel.filename and not lost:
            lost.append(asked)
            (number,) = github.releases
            github.add_asset(number, wheel.filename, wheel.path.read_bytes())
            return problem(504, "Gateway Timeout")
        return None

    github.hooks.append(lose)
    assert repository.upload(wheel).status is FileState.UNCLEAR
    assert repository.states(release_of(wheel)).states[wheel.filename] is FileState.PRESENT
    assert repository.upload(wheel).status is FileState.PRESENT


@pytest.mark.parametrize("same", [True, False])
def test_a_file_that_another_job_sent_first(repository, github, wheel, same):
    def overtake(asked: Asked) -> None:
        if asked.query.get("name") == wheel.filename and wheel.filename not in github.files():
            (number,) = github.releases
            github.add_asset(number, wheel.filename, wheel.path.read_bytes() if same else b"others")

    github.hooks.append(overtake)
    assert repository.upload(wheel).status is FileState.FAILED
    assert repository.upload(wheel).status is (FileState.PRESENT if same else FileState.CONFLICT)


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait"),
    [
        (403, "You have exceeded a secondary rate limit", {"Retry-After": "70"}, 70),
        (429, "slow down", {}, 60),
        (403, "You have exceeded a secondary rate limit", {}, 60),
        (
            403,
            "API rate limit exceeded",
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000300"},
            300,
        ),
    ],
)
def test_a_limit_is_waited_for_without_asking(
    repository, github, time, wheel, status, message, headers, wait
):
    limits = [Reply(status, {"message": message}, headers)]
    github.hooks.append(lambda asked: limits.pop() if asked.is_write and limits else None)
    outcome = repository.upload(wheel)
    assert outcome.status is FileState.FAILED
    assert outcome.retry_after == pytest.approx(wait, abs=2)
    asked = len(github.asked)
    time.now += 30
    assert repository.upload(wheel).status is FileState.FAILED
    assert len(github.asked) == asked, "asked while GitHub wants no request"
    time.now += wait
    assert repository.upload(wheel).status is FileState.UPLOADED


def test_limits_in_a_row_are_waited_for_longer(repository, github, time, wheel):
    github.hooks.append(lambda _: problem(429, "slow down"))
    waits = []
    for _ in range(3):
        outcome = repository.upload(wheel)
        waits.append(outcome.retry_after)
        time.now += outcome.retry_after
    assert waits == [60, 120, 240]


def test_a_limit_that_ends_in_an_hour_ends_the_run(repository, github, wheel):
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700003600"}
    github.hooks.append(lambda asked: Reply(403, {"message": "API rate limit exceeded"}, headers))
    outcome = repository.upload(wheel)
    assert outcome.status is FileState.REFUSED
    assert "The limit ends at 23:13 UTC." in outcome.findings[0].message


def test_a_workflow_without_the_permission(repository, github, wheel):
    github.hooks.append(
        lambda asked: problem(403, "Resource not accessible by integration") if asked.is_write else None
    )
    outcome = repository.upload(wheel)
    assert outcome.status is FileState.UNAUTHORIZED
    assert "contents: write" in outcome.findings[0].hint


def test_no_credential(make, release):
    with pytest.raises(CredentialError) as error:
        make(None).preflight((release,))
    assert [each.code for each in error.value.findings] == ["PA307"]
    assert "contents: write" in error.value.findings[0].hint


def test_a_wrong_credential(make, release, make_credential):
    wrong = make_credential("wrong-token", host="api.github.com")
    with pytest.raises(CredentialError) as error:
        make(wrong).preflight((release,))
    assert [each.code for each in error.value.findings] == ["PA401"]


def test_a_credential_that_may_only_read(repository, github, release):
    github.about["permissions"] = {"pull": True, "push": False}
    assert [each.code for each in repository.preflight((release,))] == ["PA403"]


def test_an_archived_repository(repository, github, release):
    github.about["archived"] = True
    assert [each.code for each in repository.preflight((release,))] == ["PA444"]


def test_a_private_project_is_kept_out_of_a_public_repository(
    repository, github, make_distribution, release_of
):
    release = release_of(make_distribution(headers="Classifier: Private :: Do Not Upload\n"))
    assert [each.code for each in repository.preflight((release,))] == ["PA208"]
    github.about["private"] = True
    assert not repository.preflight((release,))


def test_so_is_one_that_its_configuration_calls_private(make, github, release):
    repository = make(private=True)
    (finding,) = repository.preflight((release,))
    assert (finding.code, "`private = true`" in finding.message) == ("PA208", True)
    github.about["private"] = True
    assert not repository.preflight((release,))


def test_a_repository_that_is_not_there(repository, github, release):
    github.hooks.append(lambda asked: problem(404, "Not Found") if asked.path.endswith("/kindling") else None)
    assert [each.code for each in repository.preflight((release,))] == ["PA442"]


def test_a_ruleset_that_forbids_to_publish(repository, github, wheel, release_of):
    repository.upload(wheel)
    github.hooks.append(
        lambda asked: (
            invalid("pre_receive", "custom", "Repository rule violations found")
            if asked.method == "PATCH"
            else None
        )
    )
    outcome = repository.commit(release_of(wheel))
    assert not outcome.complete
    assert not outcome.retryable
    assert "Repository rule violations found" in outcome.findings[0].message


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"id": "x"}', b"null", b"7", b"[7]", b'[{"id": {}}]']
)
def test_answers_that_are_none(repository, github, wheel, release_of, body):
    github.hooks.append(lambda _: Reply(200, body))
    assert repository.upload(wheel).status is FileState.REFUSED
    with pytest.raises(RepositoryError):
        repository.states(release_of(wheel))


# --- the token


def test_the_token_goes_to_the_api_and_the_host_for_uploads_only(repository, github, release):
    publish(repository, release)
    hosts = {each.url.partition("/repos")[0] for each in github.asked if "Authorization" in each.headers}
    assert hosts == {"https://api.github.com", "https://uploads.github.com"}


@pytest.mark.parametrize(
    "uploads", ["https://evil.example", "https://uploads.github.com.evil.example", "http://127.0.0.1:1"]
)
def test_a_release_that_names_another_host_for_uploads(repository, github, wheel, uploads):
    github.uploads = uploads
    assert repository.upload(wheel).status is FileState.UNAUTHORIZED
    assert not any(each.url.startswith(uploads) for each in github.asked)


def test_a_page_that_is_on_another_host(repository, github, release):
    github.add_release(draft=True)
    link = {"Link": '<https://evil.example/releases?page=2>; rel="next"'}
    github.hooks.append(lambda asked: Reply(200, [], link) if asked.path.endswith("/releases") else None)
    with pytest.raises(CredentialError):
        repository.states(release)
    assert not any("evil" in each.url for each in github.asked)


def test_a_credential_of_another_host_is_not_shown(make, github, release, make_credential):
    other = make_credential(TOKEN, host="ghcr.io")
    with pytest.raises(CredentialError):
        make(other).preflight((release,))
    assert not github.asked


# --- several jobs


def test_two_drafts_for_one_tag_become_one_release(make, github, make_distribution, release_of):
    """Each job has made one before it could see that of the other."""
    jobs = make(), make()
    hidden = True

    def hide(asked: Asked) -> Reply | None:
        return (
            Reply(200, []) if hidden and asked.method == "GET" and asked.path.endswith("/releases") else None
        )

    github.hooks.append(hide)
    releases = [release_of(make_distribution(project=each)) for each in ("kindling-a", "kindling-b")]
    for job, release in zip(jobs, releases, strict=True):
        assert job.upload(release.distributions[0]).status is FileState.UPLOADED
    assert len(github.releases) == 2
    hidden = False
    for job, release in reversed(list(zip(jobs, releases, strict=True))):
        assert job.commit(release).complete
    assert github.files() == wanted(releases[0]) | wanted(releases[1])


def test_a_second_draft_is_given_up_at_once(repository, github, wheel, release_of):
    def overtake(asked: Asked) -> None:
        if asked.method == "POST" and asked.path.endswith("/releases"):
            github.hooks.clear()
            github.add_release(draft=True)

    github.hooks.append(overtake)
    publish(repository, release_of(wheel))
    assert github.files() == wanted(release_of(wheel))


def test_many_jobs_at_once(make, github, time, make_distribution, release_of):
    time.sleep = lambda _: None
    releases = [release_of(make_distribution(project=f"kindling-{each}")) for each in range(4)]
    failures: list[BaseException] = []

    def job(release: Release) -> None:
        try:
            repository = make()
            for _ in range(20):
                if until_done(repository, release.distributions[0], 20) in {
                    FileState.UPLOADED,
                    FileState.PRESENT,
                }:
                    outcome = repository.commit(release)
                    if outcome.complete:
                        return
            failures.append(AssertionError(outcome))
        except BaseException as error:  # noqa: BLE001 - a thread would swallow it
            failures.append(error)

    threads = [threading.Thread(target=job, args=(each,)) for each in releases]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failures
    assert github.files() == {name: content for each in releases for name, content in wanted(each).items()}


# --- back again


def test_files_come_back(make, repository, github, release, tmp_path):
    publish(repository, release)
    folder = tmp_path / "back"
    folder.mkdir()
    reader = make(None)
    got = reader.fetch(release.project, release.version, folder)
    assert {each.name: each.read_bytes() for each in got} == {
        each.filename: each.path.read_bytes() for each in release.distributions
    }
    with pytest.raises(RepositoryError, match="no files of kindling 2"):
        reader.fetch(release.project, Version("2"), folder)


def test_a_draft_is_nothing_to_come_back(repository, github, wheel, tmp_path):
    repository.upload(wheel)
    with pytest.raises(RepositoryError):
        repository.fetch(wheel.project, wheel.version, tmp_path)


def test_where_the_project_is_not_known(github, credentials):
    config = RepositoryConfig(
        name="releases", kind=GITHUB_RELEASE, url="https://api.github.com/repos/{owner}/{repository}"
    )
    with pytest.raises(ConfigurationError):
        github_release.make(config, Means(credentials=credentials, session=make_session()))
