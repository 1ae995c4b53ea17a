"""Releases in an OCI registry that are yanked and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from oci_fakes.registry import Asked, FakeRegistry, Reply, error
from packaging.version import Version

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all.config.kinds import OCI
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import Purpose
from publish_all.distributions.distribution import Release
from publish_all.errors import CredentialError, RepositoryError
from publish_all.repositories.oci import SETTLED, OciRepository
from publish_all.repositories.oci_layout import INDEX_TYPE, YANKED
from publish_all.repositories.repository import Removal

NAME = "sep/kindling"
REASON = "breaks on Spark 3.5"
Make = Callable[..., OciRepository]


@pytest.fixture
def make(fake_registry: FakeRegistry, credentials: Any, make_credential: Any) -> Make:
    def make(
        url: str = "https://box.example/sep", sleep: Callable[[float], None] = lambda _: None
    ) -> OciRepository:
        host = urlsplit(url).hostname
        credentials.found = dict.fromkeys(Purpose, make_credential(secret="ghp_secret", host=host))
        config = RepositoryConfig(name="box", kind=OCI, url=url, link="Sep/spark")
        session = make_session(transport=fake_registry)
        return OciRepository(config, credentials=credentials, session=session, sleep=sleep)

    return make


@pytest.fixture
def repository(make: Make) -> OciRepository:
    return make()


@pytest.fixture
def release(make_distribution: Any, release_of: Any) -> Release:
    found: Release = release_of(make_distribution(), make_distribution(kind="sdist"))
    return found


@pytest.fixture
def published(repository: OciRepository, release: Release) -> Release:
    publish(repository, release)
    return release


def publish(repository: OciRepository, release: Release) -> None:
    for each in release.distributions:
        repository.upload(each)
    assert repository.commit(release).complete


def annotations(fake: FakeRegistry) -> dict[str, str]:
    found: dict[str, str] = fake.index(NAME, "1.0")["annotations"]
    return found


def yanks(repository: OciRepository, release: Release) -> dict[str, str | None]:
    package = repository.package(release.project)
    return {
        file.filename: file.yanked for each in package.releases(package.versions()) for file in each.files
    }


def names(steps: tuple[Removal, ...]) -> list[str]:
    return [part for step in steps for part in step.parts]


def carry_out(steps: tuple[Removal, ...]) -> None:
    for each in steps:
        each.remove()


# --- yank


def test_a_yank_is_for_all_files_and_changes_nothing_else(repository, published, fake_registry):
    before = fake_registry.index(NAME, "1.0")
    files = {each.filename for each in published.distributions}
    assert set(repository.yank(published.project, published.version, REASON)) == files
    assert yanks(repository, published) == dict.fromkeys(files, REASON)

    after = fake_registry.index(NAME, "1.0")
    assert after["annotations"] == {**before["annotations"], YANKED: REASON}
    assert {**after, "annotations": None} == {**before, "annotations": None}

    repository.yank(published.project, published.version, None)
    assert fake_registry.index(NAME, "1.0") == before


def test_an_empty_reason_is_a_yank_too(repository, published):
    repository.yank(published.project, published.version, "")
    assert set(yanks(repository, published).values()) == {""}


def test_what_is_yanked_already_is_not_written_again(repository, published, fake_registry):
    repository.yank(published.project, published.version, REASON)
    before = len(fake_registry.of("PUT"))
    repository.yank(published.project, published.version, REASON)
    assert len(fake_registry.of("PUT")) == before


def test_files_that_come_later_are_yanked_and_lift_nothing(make, release, release_of):
    wheel, sdist = release.distributions
    publish(make(), release_of(wheel))
    make().yank(release.project, release.version, REASON)
    publish(make(), release_of(sdist))
    assert yanks(make(), release) == {wheel.filename: REASON, sdist.filename: REASON}
    publish(make(), release)
    assert set(yanks(make(), release).values()) == {REASON}


def test_a_yank_survives_a_job_that_has_read_the_index_before(make, published, fake_registry):
    """The other job writes after our look at what we have written."""
    before = fake_registry.index(NAME, "1.0")
    late = []

    def write_late(seconds: float) -> None:
        if seconds == SETTLED and YANKED in annotations(fake_registry) and not late:
            late.append("x")
            fake_registry.put(NAME, "1.0", json.dumps(before).encode(), INDEX_TYPE)

    make(sleep=write_late).yank(published.project, published.version, REASON)
    assert late
    assert annotations(fake_registry)[YANKED] == REASON


def test_a_yank_waits_while_another_job_writes(make, release, release_of, fake_registry):
    """The other job has written three times before we do once."""
    publish(make(), release_of(release.distributions[0]))
    states = [str(each) for each in range(3)]

    def write(seconds: float) -> None:
        if seconds == SETTLED and states:
            index = fake_registry.index(NAME, "1.0")
            assert YANKED not in index["annotations"]
            index["annotations"]["state"] = states.pop()
            fake_registry.put(NAME, "1.0", json.dumps(index).encode(), INDEX_TYPE)

    make(sleep=write).yank(release.project, release.version, REASON)
    assert annotations(fake_registry) == {**annotations(fake_registry), "state": "0", YANKED: REASON}


def test_a_yank_does_not_wait_for_ever(make, published, fake_registry):
    """The other job never ends, and keeps what others write."""
    numbers = iter(range(1000))

    def write(seconds: float) -> None:
        index = fake_registry.index(NAME, "1.0")
        index["annotations"]["state"] = str(next(numbers))
        fake_registry.put(NAME, "1.0", json.dumps(index).encode(), INDEX_TYPE)

    make(sleep=write).yank(published.project, published.version, REASON)
    assert annotations(fake_registry)[YANKED] == REASON


def test_a_yank_that_is_always_undone_is_an_error(make, published, fake_registry):
    before = json.dumps(fake_registry.index(NAME, "1.0")).encode()
    repository = make(sleep=lambda _: fake_registry.put(NAME, "1.0", before, INDEX_TYPE))
    with pytest.raises(RepositoryError, match="again and again") as caught:
        repository.yank(published.project, published.version, REASON)
    assert caught.value.findings[0].code == "PA623"


def test_a_file_that_is_listed_between_reading_and_writing_is_kept(make, release, release_of, fake_registry):
    """Our write loses to the other one, which is found by reading again."""
    wheel, sdist = release.distributions
    publish(make(), release_of(wheel))
    others = []

    def list_sdist(asked: Asked) -> Reply | None:
        if asked.method == "PUT" and asked.path.endswith("/1.0") and not others:
            others.append(asked)
            fake_registry.answer(asked)
            publish(make(), release_of(sdist))
            stale = json.loads(others[0].body)
            assert len(stale["manifests"]) == 1
            return Reply(201)
        return None

    fake_registry.hooks.append(list_sdist)
    make().yank(release.project, release.version, REASON)
    assert yanks(make(), release) == {wheel.filename: REASON, sdist.filename: REASON}


def test_two_spellings_of_a_version_are_one(repository, published):
    repository.yank(published.project, Version("1.0.0"), REASON)
    assert set(yanks(repository, published).values()) == {REASON}


@pytest.mark.parametrize("ask", [lambda each, *of: each.yank(*of, REASON), OciRepository.deletion])
def test_what_is_not_there_is_named_with_what_is(repository, published, ask):
    with pytest.raises(RepositoryError, match=r"box has no files of kindling 2\.0") as caught:
        ask(repository, published.project, Version("2.0"))
    assert caught.value.hint == "It has: 1.0."
    assert caught.value.findings[0].code == "PA453"


def test_an_index_that_others_keep_writing_over_is_an_error(make, published, fake_registry):
    fake_registry.hooks.append(
        lambda asked: Reply(201) if asked.method == "PUT" and asked.path.endswith("/1.0") else None
    )
    with pytest.raises(RepositoryError, match="Other jobs changed"):
        make().yank(published.project, published.version, REASON)


# --- delete


def test_the_index_goes_first_and_then_the_files(repository, published, fake_registry):
    steps = repository.deletion(published.project, published.version)
    assert not fake_registry.of("DELETE")
    assert names(steps)[0] == "the tag 1.0"
    assert sorted(names(steps)[1:]) == sorted(each.filename for each in published.distributions)
    index = fake_registry.tags[NAME]["1.0"]
    blobs = dict(fake_registry.blobs)

    carry_out(steps)
    asked = [each.path.rpartition("/")[2] for each in fake_registry.of("DELETE", "manifests")]
    assert asked[:2] == ["1.0", index]
    assert not fake_registry.manifests
    assert not fake_registry.tags[NAME]
    assert fake_registry.blobs == blobs
    assert not repository.package(published.project).versions()


def test_other_versions_stay(repository, published, make_distribution, release_of):
    other = release_of(make_distribution(version="1.1"))
    publish(repository, other)
    carry_out(repository.deletion(published.project, published.version))
    assert list(yanks(repository, published)) == [other.distributions[0].filename]


def test_signatures_go_before_what_they_are_for(repository, published, fake_registry):
    index = fake_registry.tags[NAME]["1.0"]
    wheel = fake_registry.index(NAME, "1.0")["manifests"][0]["digest"]
    tags = [f"{index.replace(':', '-')}.sig", wheel.replace(":", "-")]
    for each in (*tags, "sha256-" + "0" * 64):
        fake_registry.put(NAME, each, json.dumps({"mediaType": INDEX_TYPE, "of": each}).encode())
    steps = repository.deletion(published.project, published.version)
    assert names(steps)[:3] == [*(f"the tag {each}" for each in tags), "the tag 1.0"]
    carry_out(steps)
    assert list(fake_registry.tags[NAME]) == ["sha256-" + "0" * 64]


def test_a_registry_that_wants_the_tag_first(repository, published, fake_registry):
    """As Google's: a manifest with a tag is not deleted."""

    def refuse(asked: Asked) -> Reply | None:
        reference = asked.path.rpartition("/")[2]
        if asked.method != "DELETE" or "manifests" not in asked.path:
            return None
        if fake_registry.tags[NAME].pop(reference, None):
            return Reply(202)
        dangling = reference in fake_registry.tags[NAME].values()
        return error(400, "GOOGLE_MANIFEST_DANGLING_TAG") if dangling else None

    fake_registry.hooks.append(refuse)
    carry_out(repository.deletion(published.project, published.version))
    assert not fake_registry.manifests


def test_switched_off_deletes_are_told_and_nothing_is_lost(repository, published, fake_registry):
    fake_registry.deletes = False
    steps = repository.deletion(published.project, published.version)
    with pytest.raises(HttpError, match="405") as caught:
        steps[0].remove()
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in (caught.value.hint or "")
    assert caught.value.findings[0].code == "PA611"
    assert not caught.value.retryable
    assert set(yanks(repository, published)) == {each.filename for each in published.distributions}


def test_files_are_not_needed_to_go_once_the_tag_is_gone(repository, published):
    steps = repository.deletion(published.project, published.version)
    assert [each.needed for each in steps] == [True, False, False]


def test_what_another_process_has_deleted_meanwhile_is_no_error(repository, published):
    first, second = (repository.deletion(published.project, published.version) for _ in range(2))
    carry_out(first)
    carry_out(second)


def test_a_token_is_asked_for_that_may_delete(make, published, fake_registry):
    fake_registry.users = {"ada": "ghp_secret"}
    package = make("https://ghcr.io/sep").package(published.project)
    package.delete_manifest(fake_registry.tags[NAME]["1.0"])
    assert not fake_registry.tags[NAME]


# --- GitHub


class PackagesApi:
    """GitHub's API of packages: a version is a manifest of the registry."""

    def __init__(self, registry: FakeRegistry, *, owners: str = "orgs") -> None:
        self.registry = registry
        self.owners = owners
        self.refusal: Reply | None = None
        self.page = 2
        self.asked: list[Asked] = []
        registry.hooks.append(self.answer)

    def numbers(self) -> dict[int, str]:
        return {int(digest[7:15], 16): digest for name, digest in self.registry.manifests if name == NAME}

    def answer(self, asked: Asked) -> Reply | None:
        if not asked.url.startswith("https://api.github.com/"):
            return None
        assert asked.headers["Authorization"] == "Bearer ghp_secret"
        self.asked.append(asked)
        path = f"/{self.owners}/sep/packages/container/kindling"
        if not unquote(asked.path).startswith(path):
            return said(404, "Not Found")
        rest = asked.path.removeprefix(path)
        if asked.method == "DELETE":
            return self.refusal or self.delete(rest)
        if rest == "/versions":
            return self.versions(asked)
        return Reply(200, json.dumps({"name": "kindling"}).encode()) if rest == "" else said(404, "Not Found")

    def versions(self, asked: Asked) -> Reply:
        number = int(dict(each.split("=") for each in urlsplit(asked.url).query.split("&")).get("page", "1"))
        every = [{"id": key, "name": digest} for key, digest in self.numbers().items()]
        shown = every[self.page * (number - 1) : self.page * number]
        more = len(every) > self.page * number
        link = f'<https://api.github.com{asked.path}?per_page=100&page={number + 1}>; rel="next"'
        return Reply(200, json.dumps(shown).encode(), {"Link": link} if more else {})

    def delete(self, rest: str) -> Reply:
        if rest == "":
            self.registry.manifests.clear()
            self.registry.tags.pop(NAME)
            return Reply(204)
        digest = self.numbers()[int(rest.removeprefix("/versions/"))]
        tags = self.registry.tags[NAME]
        if set(tags.values()) == {digest}:
            return said(400, "You cannot delete the last tagged version of a package.")
        del self.registry.manifests[NAME, digest]
        self.registry.tags[NAME] = {tag: each for tag, each in tags.items() if each != digest}
        return Reply(204)


def said(status: int, message: str) -> Reply:
    return Reply(status, json.dumps({"message": message}).encode())


@pytest.fixture
def at_github(make: Make) -> OciRepository:
    return make("https://ghcr.io/sep")


@pytest.mark.parametrize("owners", ["orgs", "users"])
def test_github_deletes_by_its_api_in_the_same_order(
    at_github, release, fake_registry, make_distribution, release_of, owners
):
    api = PackagesApi(fake_registry, owners=owners)
    publish(at_github, release)
    publish(at_github, release_of(make_distribution(version="1.1")))
    index = fake_registry.tags[NAME]["1.0"]
    number = int(index[7:15], 16)

    steps = at_github.deletion(release.project, release.version)
    assert names(steps)[0] == f"1.0 (GitHub's version {number})"
    assert len(steps) == 3
    carry_out(steps)
    assert list(fake_registry.tags[NAME]) == ["1.1"]
    assert len(fake_registry.manifests) == 2
    assert not fake_registry.of("DELETE", "/v2/sep/kindling/manifests")
    deleted = [each.path.rpartition("/")[2] for each in api.asked if each.method == "DELETE"]
    assert deleted[0] == str(number)


def test_the_last_version_at_github_goes_with_its_package(at_github, release, fake_registry):
    PackagesApi(fake_registry)
    publish(at_github, release)
    (step,) = at_github.deletion(release.project, release.version)
    assert "the whole package sep/kindling" in step.parts[0]
    assert set(step.parts[1:]) == {each.filename for each in release.distributions}
    step.remove()
    assert not fake_registry.manifests


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (
            400,
            "Publicly visible package versions with more than 5000 downloads cannot be deleted.",
            HttpError,
        ),
        (403, "You need at least delete:packages scope to delete a package.", CredentialError),
        (404, "Not Found", HttpError),  # as GitHub answers where it does not want to say that it is forbidden
    ],
)
def test_what_github_refuses_is_told_with_what_it_needs(
    at_github, release, fake_registry, status, message, kind
):
    api = PackagesApi(fake_registry)
    publish(at_github, release)
    steps = at_github.deletion(release.project, release.version)
    api.refusal = said(status, message)
    with pytest.raises(kind, match=message.rstrip(".")) as caught:
        steps[0].remove()
    for each in ("delete:packages", "Admin", "5,000 downloads", "yank"):
        assert each in str(caught.value.hint)
    assert "ghp_secret" not in f"{caught.value} {caught.value.hint}"
    assert fake_registry.tags[NAME]


def test_a_package_that_the_api_does_not_show(
    at_github, release, fake_registry, make_distribution, release_of
):
    publish(at_github, release)
    publish(at_github, release_of(make_distribution(version="1.1")))
    PackagesApi(fake_registry, owners="nowhere")
    with pytest.raises(HttpError, match="404") as caught:
        at_github.deletion(release.project, release.version)
    assert "delete:packages" in str(caught.value.hint)


def test_an_answer_that_is_not_of_the_api(at_github, release, fake_registry, make_distribution, release_of):
    publish(at_github, release)
    publish(at_github, release_of(make_distribution(version="1.1")))
    fake_registry.hooks.append(
        lambda asked: Reply(200, b'[{"id": "x"}]') if "api.github.com" in asked.url else None
    )
    with pytest.raises(HttpError, match="not from GitHub's API"):
        at_github.deletion(release.project, release.version)


@pytest.mark.parametrize("host", ["containers.github.corp.example", "containers.sep.ghe.com"])
def test_no_other_host_is_shown_the_credential(make, release, fake_registry, host):
    repository = make(f"https://{host}/sep")
    publish(repository, release)
    carry_out(repository.deletion(release.project, release.version))
    assert {urlsplit(each.url).hostname for each in fake_registry.asked} == {host}
