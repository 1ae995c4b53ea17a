from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from publish_all._http_errors import Failure, HttpError
from publish_all.credentials.credential_source import Purpose
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import ConfigurationError, CredentialError
from publish_all.repositories.legacy import LegacyRepository
from publish_all.repositories.simple_pages import JSON_TYPE
from publish_all.results import FileState

URL = "https://corp.example/legacy/"
INDEX = "https://corp.example/simple/"
PAGE = "https://corp.example/simple/kindling/"
FILES = "https://corp.example/files/"

MakeLegacy = Callable[..., LegacyRepository]
MakeDistribution = Callable[..., Distribution]
MakeRelease = Callable[..., Release]


@pytest.fixture
def wheel(make_distribution: MakeDistribution) -> Distribution:
    return make_distribution()


def form(sent: Any) -> dict[str, list[Any]]:
    """The form as a server parses it."""
    head = f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + sent.body, policy=email.policy.HTTP)
    fields: dict[str, list[Any]] = {}
    for part in message.iter_parts():  # type: ignore[attr-defined]  # the policy makes it an EmailMessage
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        fields.setdefault(name, []).append(value if part.get_filename() else value.decode())
    return fields


def project_page(*files: Distribution, **changed: Any) -> bytes:
    listed = [
        {
            "filename": each.filename,
            "url": f"../../files/{each.filename}",
            "hashes": {"sha256": each.digests.sha256},
        }
        | changed
        for each in files
    ]
    return json.dumps(
        {"meta": {"api-version": "1.1"}, "name": "kindling", "versions": [], "files": listed}
    ).encode()


JSON = {"Content-Type": JSON_TYPE}


class TestUpload:
    def test_sends_every_field_and_the_file(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(200))
        assert make_legacy().upload(wheel).status is FileState.UPLOADED
        (sent,) = network.posts
        fields = form(sent)
        assert fields[":action"] == ["file_upload"]
        assert fields["protocol_version"] == ["1"]
        assert (fields["name"], fields["version"], fields["metadata_version"]) == (
            ["kindling"],
            ["1.0"],
            ["2.4"],
        )
        assert (fields["filetype"], fields["pyversion"]) == (["bdist_wheel"], ["py3"])
        assert fields["md5_digest"] == [wheel.digests.md5]
        assert fields["sha256_digest"] == [wheel.digests.sha256]
        assert fields["blake2_256_digest"] == [wheel.digests.blake2_256]
        assert fields["requires_python"] == [">=3.10"]
        assert fields["description"] == ["Read me\n"]
        assert fields["content"] == [wheel.path.read_bytes()]
        assert sent.headers["Content-Length"] == str(len(sent.body))
        assert sent.headers["Accept"] == "application/json"

    def test_says_that_an_sdist_is_one(self, make_legacy, network, answer, make_distribution):
        network.on("POST", URL, answer(200))
        make_legacy().upload(make_distribution(kind="sdist"))
        fields = form(network.posts[0])
        assert (fields["filetype"], fields["pyversion"]) == (["sdist"], ["source"])

    def test_takes_the_python_tag_of_a_wheel_with_build_number(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(200))
        make_legacy().upload(replace(wheel, tag="7-cp311-cp311-macosx_11_0_arm64"))
        assert form(network.posts[0])["pyversion"] == ["cp311"]

    def test_asks_for_the_credential_of_the_project(self, make_legacy, network, answer, wheel, credentials):
        network.on("POST", URL, answer(200))
        make_legacy(username="ada").upload(wheel)
        (request,) = dict.fromkeys(credentials.requests)
        assert (request.repository, request.url, request.project) == ("corp", URL, "kindling")
        assert (request.purpose, request.config.username) == (Purpose.UPLOAD, "ada")
        assert network.posts[0].headers["Authorization"].startswith("Basic ")

    def test_goes_without_a_credential_where_there_is_none(
        self, make_legacy, network, answer, wheel, credentials
    ):
        credentials.found.clear()
        network.on("POST", URL, answer(200))
        assert make_legacy().upload(wheel).status is FileState.UPLOADED
        assert "Authorization" not in network.posts[0].headers

    def test_keeps_a_credential_from_a_host_that_it_is_not_for(
        self, make_legacy, network, wheel, credentials, make_credential
    ):
        credentials.found[Purpose.UPLOAD] = make_credential(host="other.example")
        outcome = make_legacy().upload(wheel)
        assert outcome.status is FileState.UNAUTHORIZED
        assert outcome.findings[0].code == "PA408"
        assert network.sent == []

    def test_a_broken_credential_is_an_outcome(self, make_legacy, wheel, credentials):
        def broken(_: object) -> None:
            raise CredentialError("The keyring is locked.", hint="Unlock it.")

        credentials.get = broken
        outcome = make_legacy().upload(wheel)
        assert outcome.status is FileState.UNAUTHORIZED
        assert (outcome.findings[0].message, outcome.findings[0].hint) == (
            "The keyring is locked.",
            "Unlock it.",
        )

    def test_a_mint_that_the_network_lost_may_be_tried_again(self, make_legacy, wheel, credentials):
        def lost(_: object) -> None:
            raise HttpError("gone", failure=Failure.DROPPED, url=URL, retryable=True)

        credentials.get = lost
        assert make_legacy().upload(wheel).status is FileState.FAILED

    def test_renews_a_token_that_is_about_to_expire(
        self, make_legacy, network, answer, wheel, credentials, make_credential
    ):
        credentials.found[Purpose.UPLOAD] = make_credential(secret="old-token", expires=1030.0)
        credentials.renewed = make_credential(secret="new-token", expires=1900.0)
        network.on("POST", URL, answer(200))
        make_legacy(clock=1000.0).upload(wheel)
        assert len(network.posts) == 1
        assert network.posts[0].headers["Authorization"] == "Basic YWRhOm5ldy10b2tlbg=="

    def test_renews_a_token_once_that_was_refused(
        self, make_legacy, network, answer, wheel, credentials, make_credential
    ):
        credentials.found[Purpose.UPLOAD] = make_credential(secret="old-token", expires=9000.0)
        credentials.renewed = make_credential(secret="new-token", expires=9900.0)
        network.on("POST", URL, answer(403, "Invalid API Token: token is expired"), answer(200))
        assert make_legacy(clock=1000.0).upload(wheel).status is FileState.UPLOADED
        assert len(network.posts) == 2

    def test_does_not_renew_a_password(
        self, make_legacy, network, answer, wheel, credentials, make_credential
    ):
        credentials.renewed = make_credential(secret="other-one")
        network.on("POST", URL, answer(401))
        assert make_legacy().upload(wheel).status is FileState.UNAUTHORIZED
        assert len(network.posts) == 1

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_no_redirect(self, make_legacy, network, answer, wheel, status):
        network.on("POST", "https://corp.example/legacy", answer(status, headers={"Location": URL}))
        outcome = make_legacy("https://corp.example/legacy").upload(wheel)
        assert outcome.status is FileState.REFUSED
        assert URL in outcome.findings[0].hint
        assert len(network.sent) == 1

    def test_reports_progress_from_nothing_to_the_whole_file(
        self, make_legacy, network, answer, make_distribution
    ):
        network.on("POST", URL, answer(200))
        wheel = make_distribution(content="x" * 1_000_000)
        seen: list[int] = []
        make_legacy().upload(wheel, progress=seen.append)
        assert seen == sorted(seen)
        assert (seen[0], seen[-1]) == (0, wheel.size)
        assert len(seen) > 4

    def test_starts_anew_with_each_attempt(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(503), answer(200))
        repository = make_legacy()
        seen: list[int] = []
        assert repository.upload(wheel).status is FileState.FAILED
        assert repository.upload(wheel, progress=seen.append).status is FileState.UPLOADED
        first, second = (form(each)["content"] for each in network.posts)
        assert first == second == [wheel.path.read_bytes()]
        assert seen[0] < len(network.posts[1].body)

    def test_passes_on_how_long_to_wait(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(429, headers={"Retry-After": "17"}))
        assert make_legacy().upload(wheel).retry_after == 17

    @pytest.mark.parametrize(("takes_body", "status"), [(True, FileState.UNCLEAR), (False, FileState.FAILED)])
    def test_a_lost_connection_is_ambiguous_once_the_body_was_sent(
        self, make_legacy, network, answer, wheel, takes_body, status
    ):
        error = requests.ConnectionError("Connection aborted.")
        network.on("POST", URL, answer(error=error, takes_body=takes_body))
        assert make_legacy().upload(wheel).status is status

    def test_a_reply_cut_short_is_ambiguous(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(200, b"abc", {"Content-Length": "100"}))
        assert make_legacy().upload(wheel).status is FileState.UNCLEAR

    def test_success_before_all_was_sent_is_not_believed(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(200, takes_body=False))
        assert make_legacy().upload(wheel).status is FileState.UNCLEAR

    @pytest.mark.parametrize("content", [b"", b"longer than it was" * 1000])
    def test_a_file_that_changed_is_not_sent_whole(self, make_legacy, network, answer, wheel, content):
        network.on("POST", URL, answer(200))
        wheel.path.write_bytes(content)
        outcome = make_legacy().upload(wheel)
        assert outcome.status is FileState.REFUSED
        assert outcome.findings[0].code == "PA462"

    def test_a_file_that_is_gone_is_refused(self, make_legacy, network, answer, wheel):
        network.on("POST", URL, answer(200))
        wheel.path.unlink()
        assert make_legacy().upload(wheel).findings[0].code == "PA462"

    def test_an_address_without_encryption_is_refused(self, make_legacy, network, wheel, credentials):
        credentials.found.clear()
        outcome = make_legacy("http://corp.example/legacy/").upload(wheel)
        assert (outcome.status, outcome.findings[0].code) == (FileState.REFUSED, "PA507")
        assert network.sent == []


class TestAlreadyThere:
    """The server says that there is a file of this name, and not whether it is ours."""

    @pytest.fixture(autouse=True)
    def conflict(self, network, answer):
        network.on("POST", URL, answer(409, "Package already exists!"))

    def test_our_bytes_in_the_index_mean_present(self, make_legacy, network, answer, wheel):
        network.on("GET", PAGE, answer(200, project_page(wheel), JSON))
        network.on("HEAD", FILES + wheel.filename, answer(200))
        assert make_legacy().upload(wheel).status is FileState.PRESENT

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (400, "Asset existiert bereits"),
            (403, "Package protected."),
            (409, ""),
            (422, "d\u00e9j\u00e0 l\u00e0"),
        ],
    )
    def test_the_index_is_asked_whatever_the_words_are(
        self, make_legacy, network, answer, wheel, status, words
    ):
        network.on("POST", URL, answer(status, words))
        network.on("GET", PAGE, answer(200, project_page(wheel), JSON))
        network.on("HEAD", FILES + wheel.filename, answer(200))
        assert make_legacy().upload(wheel).status is FileState.PRESENT
        network.on("GET", PAGE, answer(200, project_page(wheel, hashes={"sha256": "0" * 64}), JSON))
        assert make_legacy().upload(wheel).status is FileState.CONFLICT
        network.on("GET", PAGE, answer(404))
        assert make_legacy().upload(wheel).status is not FileState.PRESENT

    def test_other_bytes_mean_conflict(self, make_legacy, network, answer, wheel):
        network.on("GET", PAGE, answer(200, project_page(wheel, hashes={"sha256": "0" * 64}), JSON))
        outcome = make_legacy().upload(wheel)
        assert (outcome.status, outcome.findings[0].code) == (FileState.CONFLICT, "PA410")

    def test_no_index_leaves_it_open(self, make_legacy, wheel):
        outcome = make_legacy().upload(wheel)
        assert (outcome.status, outcome.findings[0].code) == (FileState.CONFLICT, "PA411")

    def test_an_index_that_fails_leaves_it_to_be_asked_again(self, make_legacy, network, answer, wheel):
        network.on("GET", PAGE, answer(503))
        assert make_legacy(index_url=INDEX).upload(wheel).status is FileState.UNCLEAR


class TestIndex:
    def test_tells_the_state_of_each_file(
        self, make_legacy, network, answer, make_distribution, release_of: MakeRelease
    ):
        same, other = make_distribution(), make_distribution(kind="sdist")
        absent = replace(same, path=Path("kindling-1.0-py2-none-any.whl"))
        listed = [json.loads(project_page(same))["files"][0]]
        listed += json.loads(project_page(other, hashes={"sha256": "0" * 64}))["files"]
        body = {"meta": {"api-version": "1.0"}, "name": "kindling", "files": listed}
        network.on("GET", PAGE, answer(200, json.dumps(body), JSON))
        network.on("HEAD", FILES + same.filename, answer(200), answer(404))
        repository = make_legacy(index_url=INDEX)
        assert repository.states(release_of(same, other, absent)).states == {
            same.filename: FileState.PRESENT,
            other.filename: FileState.DIFFERENT,
            absent.filename: FileState.ABSENT,
        }
        assert repository.states(release_of(same)).states == {same.filename: FileState.INCOMPLETE}

    def test_a_listed_file_that_is_not_handed_out_is_not_verified(
        self, make_legacy, network, answer, wheel, release_of
    ):
        network.on("GET", PAGE, answer(200, project_page(wheel), JSON))
        found = make_legacy(index_url=INDEX).verify(release_of(wheel))
        assert found.states == {wheel.filename: FileState.INCOMPLETE}
        assert [each.code for each in found.findings] == ["PA455"]
        network.on("GET", FILES + wheel.filename, answer(206))  # a server that does not know HEAD
        assert make_legacy(index_url=INDEX).verify(release_of(wheel)).states == {
            wheel.filename: FileState.PRESENT
        }

    def test_verifies_what_is_listed(
        self, make_legacy, network, answer, wheel, make_distribution, release_of
    ):
        sdist = make_distribution(kind="sdist")
        network.on("GET", PAGE, answer(200, project_page(wheel), JSON))
        network.on("HEAD", FILES + wheel.filename, answer(200))
        found = make_legacy(index_url=INDEX).verify(release_of(wheel, sdist))
        assert found.states == {wheel.filename: FileState.PRESENT, sdist.filename: FileState.ABSENT}
        assert found.possible

    def test_verification_never_raises(self, make_legacy, network, answer, wheel, release_of):
        network.on("GET", PAGE, answer(error=requests.ReadTimeout("x")))
        found = make_legacy(index_url=INDEX).verify(release_of(wheel))
        assert (found.states, found.possible) == ({}, True)
        assert found.findings[0].code == "PA502"

    def test_states_raise_when_the_index_fails(self, make_legacy, network, answer, wheel, release_of):
        network.on("GET", PAGE, answer(502))
        with pytest.raises(HttpError, match="502") as caught:
            make_legacy(index_url=INDEX).states(release_of(wheel))
        assert caught.value.retryable

    def test_an_unknown_index_is_no_error(self, make_legacy, wheel, release_of):
        repository, release = make_legacy(), release_of(wheel)
        assert repository.states(release).states == {wheel.filename: FileState.UNKNOWN}
        found = repository.verify(release)
        assert (found.possible, found.findings[0].code) == (False, "PA450")
        assert (repository.page(release), repository.install_command(release, ())) == (None, None)

    def test_commit_has_nothing_to_do(self, make_legacy, wheel, release_of):
        assert make_legacy().commit(release_of(wheel)).complete

    def test_names_the_page_and_the_install_command(self, make_legacy, wheel, release_of):
        release = release_of(wheel)
        corp = make_legacy(index_url=INDEX)
        assert corp.page(release) == PAGE
        assert corp.install_command(release, ()) == f"pip install --index-url {INDEX} kindling==1.0"

    def test_knows_the_pages_of_pypi(self, make_legacy, wheel, release_of):
        release = release_of(wheel)
        pypi = make_legacy(
            "https://upload.pypi.org/legacy/", name="pypi", index_url="https://pypi.org/simple/"
        )
        assert pypi.page(release) == "https://pypi.org/project/kindling/1.0/"
        assert pypi.install_command(release, ()) == "pip install kindling==1.0"
        test = make_legacy(
            "https://test.pypi.org/legacy/", name="testpypi", index_url="https://test.pypi.org/simple/"
        )
        assert test.page(release) == "https://test.pypi.org/project/kindling/1.0/"


class TestPreflight:
    def test_a_server_that_refuses_an_empty_upload_is_fine(
        self, make_legacy, network, answer, wheel, release_of
    ):
        network.on("POST", URL, answer(400, "Missing 'content' file-field!"))
        assert make_legacy().preflight((release_of(wheel),)) == ()
        (sent,) = network.posts
        assert form(sent) == {":action": ["file_upload"], "protocol_version": ["1"]}
        assert sent.headers["Authorization"].startswith("Basic ")

    def test_asks_once_for_each_credential(
        self, make_legacy, network, answer, make_distribution, release_of, credentials
    ):
        network.on("POST", URL, answer(400))
        releases = tuple(release_of(make_distribution(project=f"kindling-{each}")) for each in "abc")
        make_legacy().preflight(releases)
        assert len(network.posts) == 1
        assert list(dict.fromkeys(each.project for each in credentials.requests)) == [
            "kindling-a",
            "kindling-b",
            "kindling-c",
        ]

    def test_in_brief_asks_nothing_that_the_first_upload_tells(self, make_legacy, network, wheel, release_of):
        assert make_legacy().preflight((release_of(wheel),), brief=True) == ()
        assert network.posts == []

    def test_in_brief_still_looks_for_a_missing_credential(
        self, make_legacy, network, answer, wheel, release_of, credentials
    ):
        credentials.found.clear()
        network.on("POST", URL, answer(401))
        with pytest.raises(CredentialError):
            make_legacy().preflight((release_of(wheel),), brief=True)

    def test_in_brief_still_asks_a_server_that_has_its_index_elsewhere(
        self, make_legacy, network, answer, wheel, release_of
    ):
        network.on("POST", URL, answer(404))
        legacy = make_legacy(index_url="https://index.corp.example/simple/")
        (finding,) = legacy.preflight((release_of(wheel),), brief=True)
        assert finding.code == "PA442"

    def test_never_mints(self, make_legacy, network, answer, wheel, release_of, credentials):
        network.on("POST", URL, answer(403, "Invalid or non-existent authentication information."))
        credentials.found[Purpose.UPLOAD] = replace(
            credentials.found[Purpose.UPLOAD], secret=type(credentials.found[Purpose.UPLOAD].secret)("")
        )
        assert make_legacy().preflight((release_of(wheel),)) == ()
        assert credentials.minted == 0
        assert "Authorization" not in network.posts[0].headers

    def test_a_wrong_password_names_all_there_is_to_know(
        self, make_legacy, network, answer, wheel, release_of
    ):
        network.on("POST", URL, answer(401, "Unauthorized"))
        with pytest.raises(CredentialError) as caught:
            make_legacy().preflight((release_of(wheel),))
        for each in ("corp", URL, "ada", "environment variable PUBLISH_ALL_CORP_TOKEN"):
            assert each in caught.value.message
        assert caught.value.hint
        assert caught.value.findings[0].code == "PA401"
        assert caught.value.exit_code == 3

    def test_a_missing_credential_says_where_it_was_looked_for(
        self, make_legacy, network, answer, wheel, release_of, credentials
    ):
        credentials.found.clear()
        network.on("POST", URL, answer(401))
        with pytest.raises(CredentialError) as caught:
            make_legacy().preflight((release_of(wheel),))
        assert caught.value.findings[0].code == "PA307"
        assert "environment" in (caught.value.hint or "")

    def test_no_credential_is_fine_where_none_is_wanted(
        self, make_legacy, network, answer, wheel, release_of, credentials
    ):
        credentials.found.clear()
        network.on("POST", URL, answer(400))
        assert make_legacy().preflight((release_of(wheel),)) == ()

    @pytest.mark.parametrize(
        ("status", "code"),
        [(404, "PA442"), (405, "PA442"), (501, "PA442"), (308, "PA440"), (200, "PA445"), (500, "PA445")],
    )
    def test_finds_what_is_no_upload_url(self, make_legacy, network, answer, wheel, release_of, status, code):
        network.on("POST", URL, answer(status, headers={"Location": "/elsewhere/"}))
        (finding,) = make_legacy().preflight((release_of(wheel),))
        assert finding.code == code
        assert finding.where == URL
        assert finding.hint

    def test_a_missing_slash_is_found_with_the_right_url(
        self, make_legacy, network, answer, wheel, release_of
    ):
        bare = "https://corp.example/legacy"
        network.on("POST", bare, answer(308, headers={"Location": URL}))
        (finding,) = make_legacy(bare).preflight((release_of(wheel),))
        assert f"Set the URL {URL}" in finding.hint

    def test_an_index_url_is_found_without_asking(self, make_legacy, network, wheel, release_of):
        (finding,) = make_legacy(INDEX).preflight((release_of(wheel),))
        assert finding.code == "PA441"
        assert network.sent == []

    @pytest.mark.parametrize("status", [429, 502, 503])
    def test_a_server_in_trouble_is_an_error_that_may_pass(
        self, make_legacy, network, answer, wheel, release_of, status
    ):
        network.on("POST", URL, answer(status, headers={"Retry-After": "5"}))
        with pytest.raises(HttpError) as caught:
            make_legacy().preflight((release_of(wheel),))
        assert (caught.value.retryable, caught.value.retry_after) == (True, 5)

    def test_a_server_that_is_down_is_an_error_naming_the_url(
        self, make_legacy, network, answer, wheel, release_of
    ):
        network.on("POST", URL, answer(error=requests.ConnectTimeout("x")))
        with pytest.raises(HttpError, match=URL):
            make_legacy().preflight((release_of(wheel),))


class TestUrl:
    def test_is_shown_without_what_may_be_secret(self, make_legacy):
        assert make_legacy("https://ada:pw@corp.example/legacy/?token=x").url == URL

    def test_may_hold_the_name_of_the_distribution(self, make_legacy, network, answer, wheel):
        network.on("POST", "https://corp.example/kindling/legacy/", answer(200))
        repository = make_legacy("https://corp.example/{name}/legacy/")
        assert repository.upload(wheel).status is FileState.UPLOADED
        assert repository.url == "https://corp.example/{name}/legacy/"

    def test_may_hold_owner_and_repository(self, make_legacy):
        repository = make_legacy("https://corp.example/{owner}/{repository}/", owner="sep", link="sep/spark")
        assert repository.url == "https://corp.example/sep/spark/"

    @pytest.mark.parametrize("key", ["owner", "repository"])
    def test_says_which_value_is_missing(self, make_legacy, key):
        with pytest.raises(ConfigurationError, match=r"repositories\.corp\.url"):
            make_legacy(f"https://corp.example/{{{key}}}/")

    def test_must_be_stated(self, make_legacy):
        with pytest.raises(ConfigurationError, match=r"repositories\.corp\.url"):
            make_legacy(None)


def test_uploads_may_run_in_parallel(make_legacy, network, answer, make_distribution):
    network.on("POST", URL, answer(200))
    repository = make_legacy()
    files = [make_distribution(project=f"kindling-{each}") for each in range(8)]
    outcomes: list[FileState] = []
    threads = [
        threading.Thread(target=lambda each=each: outcomes.append(repository.upload(each).status))
        for each in files
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == [FileState.UPLOADED] * 8
    names = {form(each)["name"][0] for each in network.posts}
    assert names == {each.name for each in files}
