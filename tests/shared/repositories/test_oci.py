from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import unquote

import pytest
import requests
from oci_fakes.registry import FakeRegistry, error
from packaging.version import Version

from publish_all._http import make_session
from publish_all._http_errors import HttpError
from publish_all._secret import Secret
from publish_all.config.kinds import OCI
from publish_all.config.model import RepositoryConfig, Scope
from publish_all.credentials.credential_source import Purpose
from publish_all.errors import ConfigurationError, CredentialError, RepositoryError
from publish_all.repositories.oci import ROUNDS, OciRepository
from publish_all.repositories.oci_layout import (
    ARTIFACT_TYPE,
    INDEX_TYPE,
    ReceiptFile,
    digest_of,
    read_receipt,
)
from publish_all.results import FileState

NAME = "sep/kindling"
Make = Callable[..., OciRepository]


@pytest.fixture
def make(fake_registry: FakeRegistry, credentials) -> Make:
    def make(*, receipt: ReceiptFile | None = None, **keys) -> OciRepository:
        stated = {"url": "ghcr.io/{owner}", "owner": "Sep", "link": "Sep/spark"} | keys
        config = RepositoryConfig(name="github", kind=OCI, **stated)
        return OciRepository(
            config,
            credentials=credentials,
            session=make_session(transport=fake_registry),
            receipt=receipt,
            clock=lambda: 1_795_186_833.0,
            sleep=lambda seconds: None,
        )

    return make


@pytest.fixture(autouse=True)
def _ours(credentials, make_credential):
    credentials.found = dict.fromkeys(Purpose, make_credential(secret="ghp_secret", host="ghcr.io"))


@pytest.fixture
def closed(fake_registry: FakeRegistry) -> None:
    """The registry wants to know who we are, as GitHub's does."""
    fake_registry.users = {"ada": "ghp_secret"}


@pytest.fixture
def repository(make) -> OciRepository:
    return make()


@pytest.fixture
def release(make_distribution, release_of):
    return release_of(make_distribution(), make_distribution(kind="sdist"))


def push(repository: OciRepository, release) -> None:
    for each in release.distributions:
        outcome = repository.upload(each)
        assert outcome.status is FileState.UPLOADED, outcome


def listed(fake: FakeRegistry, tag: str = "1.0") -> set[str]:
    if tag not in fake.tags.get(NAME, {}):
        return set()
    return {each["platform"]["architecture"] for each in fake.index(NAME, tag)["manifests"]}


def test_a_release_is_listed_when_it_is_committed(repository, release, fake_registry):
    assert set(repository.states(release).states.values()) == {FileState.ABSENT}
    push(repository, release)
    assert fake_registry.tags == {}

    assert repository.commit(release).complete

    assert listed(fake_registry) == {"py3-none-any.whl", ".tar.gz"}
    assert len([each for each in fake_registry.of("PUT", "/manifests/") if each.path.endswith("/1.0")]) == 1
    assert set(repository.states(release).states.values()) == {FileState.PRESENT}
    seen = repository.verify(release)
    assert seen.states == {each.filename: FileState.PRESENT for each in release.distributions}
    about = fake_registry.index(NAME, "1.0")["annotations"]
    assert about["org.opencontainers.image.source"] == "https://github.com/Sep/spark"


def test_committing_again_writes_nothing(repository, release, fake_registry):
    push(repository, release)
    repository.commit(release)
    before = len(fake_registry.of("PUT"))
    assert repository.commit(release).complete
    assert len(fake_registry.of("PUT")) == before


def test_a_later_run_lists_what_an_earlier_one_has_pushed(make, release, fake_registry):
    push(make(), release)
    assert make().commit(release).complete
    assert len(listed(fake_registry)) == 2


def test_metadata_is_the_config_so_that_its_digest_is_that_of_pep_658(repository, release, fake_registry):
    push(repository, release)
    repository.commit(release)
    wheel = release.distributions[0]
    stated = fake_registry.index(NAME, "1.0")["manifests"][1]["annotations"]["dev.publish-all.core-metadata"]
    assert fake_registry.blobs[NAME, stated] == wheel.core_metadata


def test_a_registry_that_takes_no_other_config_gets_the_empty_one(repository, release, fake_registry):
    fake_registry.refuses_config_types = True
    push(repository, release)
    assert repository.commit(release).complete
    assert fake_registry.blobs[NAME, digest_of(b"{}")] == b"{}"
    for each in fake_registry.index(NAME, "1.0")["manifests"]:
        assert "dev.publish-all.core-metadata" not in each["annotations"]


def test_metadata_of_two_files_is_sent_once_and_no_manifest_goes_before_it_is_there(
    repository, release, fake_registry
):
    metadata = digest_of(release.distributions[0].core_metadata)

    def hold(asked) -> None:
        """So slow an answer that the other thread would ask as well before this one has sent it."""
        if asked.method == "HEAD" and metadata in unquote(asked.url):
            time.sleep(0.1)

    fake_registry.hooks.append(hold)
    with ThreadPoolExecutor() as pool:
        list(pool.map(repository.upload, release.distributions))
    assert len([each for each in fake_registry.of("PUT") if metadata in unquote(each.url)]) == 1


def test_few_requests_a_file(repository, release, fake_registry):
    repository.states(release)
    push(repository, release)
    repository.commit(release)
    # GET /v2/, and one to see whether it is private below; HEAD, POST, PUT for each of two files and their
    # shared metadata; a manifest each; the index: GET, PUT, GET
    assert len(fake_registry.asked) <= 1 + 2 + 3 * 3 + 2 + 3


def test_other_bytes_are_a_conflict_and_nothing_is_overwritten(
    make, make_distribution, release_of, fake_registry
):
    first = release_of(make_distribution())
    push(make(), first)
    make().commit(first)
    before = fake_registry.index(NAME, "1.0")

    other = release_of(make_distribution(content="other", folder="other"), make_distribution(kind="sdist"))
    assert list(make().states(other).states.values()) == [FileState.DIFFERENT, FileState.ABSENT]
    late = make()
    push(late, other)
    outcome = late.commit(other)

    assert not outcome.complete
    assert not outcome.retryable
    assert [each.code for each in outcome.findings] == ["PA410"]
    assert fake_registry.index(NAME, "1.0") == before
    assert make().verify(other).states[other.distributions[0].filename] is FileState.DIFFERENT


def test_versions_that_tags_cannot_hold(repository, make_distribution, release_of, fake_registry):
    local = release_of(make_distribution(version="1!2.0+cu126.1"))
    push(repository, local)
    assert repository.commit(local).complete
    assert list(fake_registry.tags[NAME]) == ["1_2.0-cu126.1"]
    assert FileState.PRESENT in repository.verify(local).states.values()


def test_a_foreign_write_in_between_is_merged(repository, release, make_distribution, fake_registry):
    """Another writer, who has read the index before us, writes right after us, for some rounds."""
    push(repository, release)
    theirs = fake_registry.put(
        NAME, "0.9", b'{"mediaType":"%s","artifactType":"%s","manifests":[]}' % (INDEX_TYPE.encode(), ARTIFACT_TYPE.encode()), INDEX_TYPE
    )  # fmt: skip
    rounds = 0

    def overwrite(asked):
        nonlocal rounds
        if asked.method == "PUT" and asked.path.endswith("/1.0") and rounds < 3:
            rounds += 1
            reply = fake_registry.answer(asked)
            fake_registry.tags[NAME]["1.0"] = theirs
            return reply
        return None

    fake_registry.hooks.append(overwrite)
    assert repository.commit(release).complete
    assert rounds == 3
    assert len(listed(fake_registry)) == 2


def test_endless_foreign_writes_are_told(repository, release, fake_registry):
    push(repository, release)

    def lose(asked):
        if asked.method == "PUT" and asked.path.endswith("/1.0"):
            reply = fake_registry.answer(asked)
            del fake_registry.tags[NAME]["1.0"]
            return reply
        return None

    fake_registry.hooks.append(lose)
    outcome = repository.commit(release)
    assert (outcome.complete, outcome.retryable) == (False, True)
    assert outcome.findings[0].code == "PA623"
    assert len([each for each in fake_registry.of("PUT") if each.path.endswith("/1.0")]) == ROUNDS


def test_a_registry_that_shows_the_old_index_for_a_while_is_waited_for(repository, release, fake_registry):
    push(repository, release)
    stale = 3

    def lag(asked):
        nonlocal stale
        if asked.method == "GET" and asked.path.endswith("/1.0") and fake_registry.tags and stale:
            stale -= 1
            return error(404, "MANIFEST_UNKNOWN")
        return None

    fake_registry.hooks.append(lag)
    assert repository.commit(release).complete
    assert stale == 0
    assert len([each for each in fake_registry.of("PUT") if each.path.endswith("/1.0")]) == 1


def test_parts_that_are_gone_are_named(repository, release, fake_registry):
    push(repository, release)
    fake_registry.manifests.clear()
    outcome = repository.commit(release)
    assert (outcome.complete, outcome.retryable) == (False, False)
    assert [each.code for each in outcome.findings] == ["PA622"]


def clean_up(fake: FakeRegistry, *, collected: bool) -> None:
    """What a job that deletes untagged versions does, and the garbage collection after it."""
    tagged = set(fake.tags[NAME].values())
    fake.manifests = {key: each for key, each in fake.manifests.items() if key[1] in tagged}
    if collected:
        fake.blobs.clear()


@pytest.mark.parametrize("collected", [False, True])
def test_a_cleaned_up_release_is_incomplete_and_one_publish_repairs_it(
    make, release, fake_registry, collected
):
    before = make()
    push(before, release)
    before.commit(release)
    index = fake_registry.tags[NAME]["1.0"]
    clean_up(fake_registry, collected=collected)

    assert set(make().states(release).states.values()) == {FileState.INCOMPLETE}
    seen = make().verify(release)
    assert seen.states == {each.filename: FileState.ABSENT for each in release.distributions}
    assert {each.code for each in seen.findings} == {"PA622"}
    assert all("the manifest sha256:" in each.message for each in seen.findings)

    again = make()
    push(again, release)
    assert again.commit(release).complete
    assert fake_registry.tags[NAME]["1.0"] == index
    assert set(make().states(release).states.values()) == {FileState.PRESENT}
    assert set(make().verify(release).states.values()) == {FileState.PRESENT}


@pytest.mark.parametrize(("lost", "told"), [(0, "the file sha256:"), (1, "its metadata sha256:")])
def test_a_release_that_lacks_a_blob_is_incomplete(make, release, fake_registry, lost, told):
    before = make()
    push(before, release)
    before.commit(release)
    wheel = release.distributions[0]
    digest = [f"sha256:{wheel.digests.sha256}", digest_of(wheel.core_metadata)][lost]
    del fake_registry.blobs[NAME, digest]
    assert make().states(release).states[wheel.filename] is FileState.INCOMPLETE
    assert told in make().verify(release).findings[0].message


def test_an_entry_whose_manifest_is_gone_is_replaced_and_stays_yanked(make, release, fake_registry):
    before = make()
    push(before, release)
    before.commit(release)
    index = fake_registry.index(NAME, "1.0")
    before.yank(release.project, release.version, "broken")
    clean_up(fake_registry, collected=True)

    moved = make(link="Sep/elsewhere")  # which stands in the manifests, so that they have other digests
    assert set(moved.states(release).states.values()) == {FileState.INCOMPLETE}
    push(moved, release)
    assert moved.commit(release).complete

    now = fake_registry.index(NAME, "1.0")
    assert len(now["manifests"]) == 2
    assert not {each["digest"] for each in now["manifests"]} & {each["digest"] for each in index["manifests"]}
    assert now["annotations"]["dev.publish-all.yanked"] == "broken"
    assert set(make().states(release).states.values()) == {FileState.PRESENT}


def test_the_manifest_is_believed_and_not_the_annotation(repository, release, fake_registry):
    push(repository, release)
    repository.commit(release)
    wheel, sdist = release.distributions
    index = fake_registry.index(NAME, "1.0")
    first, second = index["manifests"]
    first["digest"], second["digest"] = second["digest"], first["digest"]
    fake_registry.put(NAME, "1.0", json.dumps(index).encode(), INDEX_TYPE)
    assert repository.states(release).states == {
        wheel.filename: FileState.DIFFERENT,
        sdist.filename: FileState.DIFFERENT,
    }


def test_a_part_that_is_gone_is_told_when_it_is_fetched(repository, release, fake_registry, tmp_path):
    push(repository, release)
    repository.commit(release)
    clean_up(fake_registry, collected=True)
    with pytest.raises(RepositoryError, match="lists a file, but its part sha256:") as caught:
        repository.fetch(release.project, release.version, tmp_path)
    assert caught.value.findings[0].code == "PA622"
    assert "Publish the same files again" in caught.value.findings[0].hint


def test_other_files_of_the_release_whose_parts_are_gone_are_named(make, release, release_of, fake_registry):
    before = make()
    push(before, release)
    before.commit(release)
    clean_up(fake_registry, collected=True)
    wheel = release_of(release.distributions[0])
    moved = make(link="Sep/elsewhere")
    push(moved, wheel)
    outcome = moved.commit(wheel)
    assert not outcome.complete
    assert [".tar.gz" in each.message for each in outcome.findings] == [True]
    assert "all files of the release" in outcome.findings[0].hint


def test_a_package_of_pyoci_is_known_by_its_bytes(repository, release, fake_registry):
    push(repository, release)
    repository.commit(release)
    index = fake_registry.index(NAME, "1.0")
    for each in index["manifests"]:
        del each["annotations"]
    fake_registry.put(NAME, "1.0", json.dumps(index).encode(), INDEX_TYPE)
    assert set(repository.states(release).states.values()) == {FileState.PRESENT}
    assert repository.commit(release).complete


def test_an_entry_that_tells_nothing_counts_as_other_bytes(repository, release, fake_registry):
    child = fake_registry.put(
        NAME, "sha256:", b'{"layers": []}', "application/vnd.oci.image.manifest.v1+json"
    )
    entry = {"digest": child, "platform": {"architecture": "py3-none-any.whl", "os": "any"}}
    index = {"mediaType": INDEX_TYPE, "artifactType": ARTIFACT_TYPE, "manifests": [entry]}
    fake_registry.put(NAME, "1.0", json.dumps(index).encode())
    assert list(repository.states(release).states.values()) == [FileState.DIFFERENT, FileState.ABSENT]


def test_the_state_of_an_image_is_an_error_and_it_is_kept(repository, release, fake_registry):
    fake_registry.put(NAME, "1.0", b'{"mediaType":"application/vnd.oci.image.manifest.v1+json"}')
    with pytest.raises(HttpError, match="not a Python package"):
        repository.states(release)
    push(repository, release)
    outcome = repository.commit(release)
    assert (outcome.complete, outcome.retryable, outcome.findings[0].code) == (False, False, "PA621")


# --- uploads that fail


def upload(repository, release):
    return repository.upload(release.distributions[0])


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(503, "UNAVAILABLE"), (FileState.FAILED, "PA510")),
        (error(429, "TOOMANYREQUESTS"), (FileState.FAILED, "PA511")),
        (error(403, "DENIED", "permission_denied: write_package"), (FileState.UNAUTHORIZED, "PA604")),
        (error(405, "UNSUPPORTED"), (FileState.REFUSED, "PA610")),
        (error(413, "SIZE_INVALID"), (FileState.REFUSED, "PA430")),
    ],
)
def test_an_upload_that_fails_is_an_outcome(repository, release, fake_registry, answer, expected):
    fake_registry.hooks.append(lambda asked: answer if asked.method == "POST" else None)
    outcome = upload(repository, release)
    assert (outcome.status, outcome.findings[0].code) == expected


def test_a_blob_that_the_registry_does_not_see_yet_is_sent_again(repository, release, fake_registry):
    answers = [error(404, "BLOB_UNKNOWN"), error(404, "BLOB_UNKNOWN")]
    fake_registry.hooks.append(
        lambda asked: (
            answers.pop() if asked.method == "PUT" and "/manifests/" in asked.path and answers else None
        )
    )
    assert upload(repository, release).status is FileState.FAILED
    assert upload(repository, release).status is FileState.FAILED
    assert upload(repository, release).status is FileState.UPLOADED


def test_a_broken_connection_is_tried_again_without_the_blob_that_arrived(repository, release, fake_registry):
    broken = [True]

    def break_off(asked):
        if asked.method == "PUT" and broken:
            broken.pop()
            fake_registry.answer(asked)
            raise requests.ConnectionError

    fake_registry.hooks.append(break_off)
    assert upload(repository, release).status is FileState.FAILED
    assert upload(repository, release).status is FileState.UPLOADED
    sha256 = release.distributions[0].digests.sha256
    assert len([each for each in fake_registry.of("PUT") if sha256 in each.url]) == 1


def test_a_changed_file_is_refused(repository, release):
    path = release.distributions[0].path
    path.write_bytes(path.read_bytes() + b"more")
    outcome = upload(repository, release)
    assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA462")


def test_progress_comes_to_the_size_of_the_file(repository, release):
    seen: list[int] = []
    wheel = release.distributions[0]
    repository.upload(wheel, progress=seen.append)
    assert seen[-1] == wheel.size
    assert seen == sorted(seen)


def test_eight_threads_push_side_by_side(repository, make_distribution, release_of, fake_registry):
    base = make_distribution()
    files = []
    for each in range(24):
        path = base.path.with_name(f"kindling-1.0-cp3{each}-none-any.whl")
        path.write_bytes(str(each).encode())
        digests = replace(base.digests, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        files.append(replace(base, path=path, size=path.stat().st_size, digests=digests))
    threads = [threading.Thread(target=repository.upload, args=(each,)) for each in files]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert repository.commit(release_of(*files)).complete
    assert len(listed(fake_registry)) == 24
    # a blob for each file, and one for the metadata that they have in common
    assert len(fake_registry.of("PUT", "blobs")) == 24 + 1


# --- preflight and credentials


def test_preflight_begins_an_upload_for_each_project(
    repository, release, make_distribution, release_of, fake_registry
):
    other = release_of(make_distribution(project="kindling-fabric"))
    assert repository.preflight((release, release, other)) == ()
    assert [each.path for each in fake_registry.of("POST")] == [
        "/v2/sep/kindling/blobs/uploads/",
        "/v2/sep/kindling_fabric/blobs/uploads/",
    ]
    assert fake_registry.of("PUT") == []


def test_an_open_registry_is_no_reason_to_look_for_credentials(repository, release, credentials):
    repository.preflight((release,))
    push(repository, release)
    assert repository.commit(release).complete
    assert credentials.requests == []


def test_a_registry_that_only_writers_must_log_in_to(repository, release, fake_registry):
    def basic(asked):
        if asked.method in {"GET", "HEAD"} or "Authorization" in asked.headers:
            return None
        return error(401, "UNAUTHORIZED", **{"WWW-Authenticate": 'Basic realm="x"'})

    fake_registry.hooks.append(basic)
    assert repository.preflight((release,)) == ()
    push(repository, release)
    assert repository.commit(release).complete


@pytest.mark.usefixtures("closed")
def test_preflight_explains_a_refusal(repository, release, fake_registry):
    fake_registry.hooks.append(
        lambda asked: (
            error(403, "DENIED", "permission_denied: write_package") if asked.method == "POST" else None
        )
    )
    with pytest.raises(CredentialError, match="write_package") as caught:
        repository.preflight((release,))
    assert caught.value.findings[0].code == "PA604"


@pytest.mark.usefixtures("closed")
def test_a_fine_grained_token_is_never_sent(repository, release, credentials, make_credential, fake_registry):
    credentials.found = {Purpose.UPLOAD: make_credential(secret="github_pat_11A", host="ghcr.io")}
    with pytest.raises(CredentialError, match="fine-grained"):
        repository.preflight((release,))
    assert not any("Authorization" in each.headers for each in fake_registry.asked)


@pytest.mark.usefixtures("closed")
def test_a_credential_of_another_host_is_not_sent(
    repository, release, credentials, make_credential, fake_registry
):
    credentials.found = {Purpose.UPLOAD: make_credential(host="corp.example")}
    with pytest.raises(CredentialError, match="not for ghcr"):
        repository.preflight((release,))
    assert upload(repository, release).status is FileState.UNAUTHORIZED
    assert not any("Authorization" in each.headers for each in fake_registry.asked)


def test_without_a_credential_a_registry_with_users_says_what_to_do(
    repository, release, credentials, fake_registry
):
    credentials.found = {}
    fake_registry.users = {}
    fake_registry.private = True
    with pytest.raises(CredentialError) as caught:
        repository.preflight((release,))
    assert caught.value.findings[0].code == "PA307"
    assert "packages: write" in str(caught.value.hint)
    with pytest.raises(CredentialError):
        repository.states(release)
    assert repository.verify(release).findings[0].code == "PA307"


def test_a_token_is_used_for_all_and_never_shown(make, release, credentials, make_credential, fake_registry):
    fake_registry.users = {"ada": "ghp_secret"}
    repository = make()
    repository.preflight((release,))
    push(repository, release)
    assert repository.commit(release).complete
    assert len(fake_registry.of("GET", "/token")) == 1
    assert "ghp_secret" not in repr(vars(repository)) + repr(vars(repository.registry))


# --- receipts


def test_with_a_receipt_nothing_is_listed(make, release, fake_registry, tmp_path):
    path = tmp_path / "receipt.json"
    repository = make(receipt=ReceiptFile(path))
    push(repository, release)
    outcome = repository.commit(release)
    assert outcome.complete
    assert outcome.findings[0].code == "PA630"
    assert outcome.findings[0].message.endswith("is pushed to github, but not listed yet")
    assert fake_registry.tags == {}
    assert repository.verify(release).possible is False
    assert repository.install_command(release, ()) is None

    (pushed,) = read_receipt(path)
    assert make().list_files(pushed).complete
    assert len(listed(fake_registry)) == 2


# --- for people, and back again


def test_links_for_people(repository, release):
    assert repository.url == "https://ghcr.io/sep"
    assert repository.page(release) == "https://github.com/Sep/spark/pkgs/container/kindling"


def test_the_line_that_installs_works_without_the_project_and_without_us(make, release):
    start, end = 'uvx --from "publish-all[cli,serve]" publish-all exec -r ', " -- pip install kindling==1.0"
    line = make(scope=Scope.BUILT_IN).install_command(release, ["kindling", "other"])
    assert line == f"{start}github:Sep --private kindling{end}"
    line = make(url="registry.corp.example/team").install_command(release, [])
    assert line == f"{start}github --repository-url oci://registry.corp.example/team --private kindling{end}"
    # Shells read the `!` of an epoch.
    line = make(scope=Scope.BUILT_IN).install_command(replace(release, version=Version("1!1.0")), [])
    assert line.endswith(" -- pip install 'kindling==1!1.0'")


def test_the_line_that_installs_keeps_what_it_needs_of_the_same_publish_private(make, release):
    (one, *rest) = release.distributions
    one = replace(
        one, metadata={**one.metadata, "Requires-Dist": ("Kindling_Core[x]>=1; extra == 'a'", "numpy")}
    )
    needing = replace(release, distributions=(one, *rest))
    line = make(scope=Scope.BUILT_IN).install_command(needing, ["kindling", "kindling-core", "kindling-docs"])
    assert " --private kindling --private kindling-core -- " in line


def test_a_server_of_its_own_is_linked_to_itself(make, release):
    repository = make(url="containers.ghe.example/{owner}")
    assert repository.source == "https://ghe.example/Sep/spark"
    assert repository.page(release) is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"owner": None}, "for github is unknown"),
        ({"url": "ghcr.io/{owner}/{repository}", "link": None}, "for github is unknown"),
        ({"url": "ghcr.io/a b"}, "contains 'a b'"),
    ],
)
def test_a_place_that_is_none_is_a_configuration_error(make, keys, message):
    with pytest.raises(ConfigurationError, match=message):
        make(**keys)


def test_what_was_published_is_fetched_back(repository, release, tmp_path):
    push(repository, release)
    repository.commit(release)
    (tmp_path / "back").mkdir()
    paths = repository.fetch(release.project, release.version, tmp_path / "back")
    assert {each.name: each.read_bytes() for each in paths} == {
        each.filename: each.path.read_bytes() for each in release.distributions
    }
    with pytest.raises(RepositoryError, match=r"no files of kindling 2\.0") as caught:
        repository.fetch(release.project, Version("2.0"), tmp_path)
    assert "1.0" in str(caught.value.hint)


def test_a_file_with_other_bytes_is_not_kept(repository, release, fake_registry, tmp_path):
    push(repository, release)
    repository.commit(release)
    for key in fake_registry.blobs:
        fake_registry.blobs[key] = b"evil"
    with pytest.raises(RepositoryError, match="other bytes"):
        repository.fetch(release.project, release.version, tmp_path)
    assert not list(tmp_path.glob("*.whl"))


@pytest.mark.usefixtures("closed")
def test_the_secret_is_bound_to_its_login(repository, release):
    login = repository.login(release.project, Purpose.UPLOAD)
    assert login is not None
    assert login.secret == Secret("ghp_secret")
    assert "ghp_secret" not in repr(login)
