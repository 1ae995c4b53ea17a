from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from packaging.utils import NormalizedName

from publish_all._http_errors import HttpError
from publish_all.config.kinds import LEGACY
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.credential_source import Purpose
from publish_all.distributions.distribution import Distribution
from publish_all.repositories.simple_index import COMPARE_LIMIT, SimpleIndex
from publish_all.repositories.simple_pages import IndexFile
from publish_all.results import FileState

KINDLING = NormalizedName("kindling")
HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = '<!DOCTYPE html><html><body><a href="../../f/kindling-1.0.tar.gz#sha256=aa">x</a></body></html>'
ONE = "https://corp.example/one/"
TWO = "https://corp.example/two/"
LEGACY_URL = "https://corp.example/legacy/"

MakeIndex = Callable[..., SimpleIndex]


@pytest.fixture
def make_index(session, credentials) -> MakeIndex:
    def make(*candidates: str, stated: bool = False) -> SimpleIndex:
        return SimpleIndex(
            root=candidates[0] if stated else None,
            candidates=candidates,
            config=RepositoryConfig(name="corp", kind=LEGACY, url=LEGACY_URL),
            upload_url=LEGACY_URL,
            session=session,
            credentials=credentials,
        )

    return make


class TestFinding:
    def test_takes_the_first_that_has_the_project_and_remembers_it(self, make_index, network, answer):
        network.on("GET", TWO + "kindling/", answer(200, PAGE, HTML))
        index = make_index(ONE, TWO)
        assert index.listing(KINDLING).page.files[0].filename == "kindling-1.0.tar.gz"
        assert index.root == TWO
        before = len(network.sent)
        index.listing(KINDLING)
        assert len(network.sent) == before + 1

    def test_a_guess_stays_a_guess_when_another_thread_finds_the_index_meanwhile(
        self, make_index, network, answer
    ):
        index = make_index(ONE, TWO, LEGACY_URL)
        network.on("GET", LEGACY_URL + "kindling/", answer(200, PAGE, HTML))

        def found_by_another_thread(_):
            index.root = LEGACY_URL
            return answer(404, "not found")

        network.on("GET", ONE + "kindling/", found_by_another_thread)
        assert index.listing(KINDLING).page is not None
        assert index.root == LEGACY_URL

    def test_a_missing_project_in_an_index_is_known_to_be_missing(self, make_index, network, answer):
        network.on("GET", TWO, answer(200, "<html>Simple index</html>", HTML))
        index = make_index(ONE, TWO)
        listing = index.listing(KINDLING)
        assert (listing.page, listing.known, index.root) == (None, True, TWO)

    def test_devpi_is_known_by_its_header_and_its_long_root_page_not_read(self, make_index, network, answer):
        missing = answer(404, "{}", {"X-DEVPI-SERVER-VERSION": "6.20"})
        devpi = "https://corp.example/root/dev/+simple/"
        other = "https://corp.example/root/dev/simple/"
        network.on("GET", other + "kindling/", missing)
        network.on("GET", devpi + "kindling/", missing)
        index = make_index(other, devpi)
        assert index.listing(KINDLING).known
        assert index.root == devpi
        assert [each.url for each in network.sent] == [other + "kindling/", devpi + "kindling/"]

    def test_nothing_that_looks_like_an_index_leaves_it_unknown(self, make_index, network, answer):
        network.on("GET", ONE, answer(200, "\x89PNG", {"Content-Type": "image/png"}))
        network.on("GET", TWO + "kindling/", answer(200, "[]", {"Content-Type": "application/json"}))
        listing = make_index(ONE, TWO).listing(KINDLING)
        assert not listing.known
        (finding,) = listing.findings
        assert finding.code == "PA450"
        assert ONE in finding.message
        assert "index-url" in finding.hint

    def test_a_server_in_trouble_does_not_make_it_unknown(self, make_index, network, answer):
        network.on("GET", TWO + "kindling/", answer(503))
        index = make_index(ONE, TWO)
        with pytest.raises(HttpError, match="503"):
            index.listing(KINDLING)
        assert index.root is None

    def test_a_busy_server_is_given_the_time_that_it_asks_for(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(429, headers={"Retry-After": "7"}))
        for index in (make_index(ONE), make_index(ONE, stated=True)):
            with pytest.raises(HttpError, match="429") as caught:
                index.listing(KINDLING)
            assert (caught.value.retryable, caught.value.retry_after) == (True, 7)

    def test_trouble_at_one_place_does_not_hide_another(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(error=requests.ReadTimeout("x")))
        network.on("GET", TWO + "kindling/", answer(200, PAGE, HTML))
        assert make_index(ONE, TWO).listing(KINDLING).page is not None


class TestStated:
    def test_is_taken_at_its_word_when_it_has_not_got_the_project(self, make_index):
        listing = make_index(ONE, stated=True).listing(KINDLING)
        assert (listing.page, listing.known) == (None, True)

    def test_a_page_that_is_none_is_an_error(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(200, "x", {"Content-Type": "image/png"}))
        with pytest.raises(HttpError, match="not a page of a simple index"):
            make_index(ONE, stated=True).listing(KINDLING)

    def test_a_page_cut_short_is_an_error_that_may_pass(self, make_index, network, answer):
        json_type = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        network.on("GET", ONE + "kindling/", answer(200, '{"meta": {"api-ver', json_type))
        with pytest.raises(HttpError) as caught:
            make_index(ONE, stated=True).listing(KINDLING)
        assert caught.value.retryable

    def test_asks_for_json_before_html_and_past_caches(self, make_index, network):
        make_index(ONE, stated=True).listing(KINDLING)
        headers = network.sent[0].headers
        assert headers["Accept"].startswith("application/vnd.pypi.simple.v1+json, ")
        assert headers["Cache-Control"] == "max-age=0"


class TestRedirects:
    def test_within_the_host_are_followed(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(301, headers={"Location": "/three/kindling/"}))
        network.on("GET", "https://corp.example/three/kindling/", answer(200, PAGE, HTML))
        page = make_index(ONE, stated=True).listing(KINDLING).page
        assert page.files[0].url == "https://corp.example/f/kindling-1.0.tar.gz"

    def test_of_a_project_to_another_index_mean_that_it_is_not_here(self, make_index, network, answer):
        network.on(
            "GET", ONE + "kindling/", answer(302, headers={"Location": "https://pypi.org/simple/kindling/"})
        )
        listing = make_index(ONE).listing(KINDLING)
        assert (listing.page, listing.known) == (None, True)
        assert len(network.sent) == 1

    def test_to_log_in_elsewhere_are_not_an_index(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(302, headers={"Location": "https://sso.example/login"}))
        assert not make_index(ONE).listing(KINDLING).known
        listing = make_index(ONE, stated=True).listing(KINDLING)
        assert (listing.known, listing.findings[0].code) == (False, "PA452")

    def test_to_nowhere_are_not_an_index(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(302, headers={"Location": "http://[::1"}))
        assert not make_index(ONE).listing(KINDLING).known

    def test_without_end_are_an_error(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(302, headers={"Location": "."}))
        with pytest.raises(HttpError, match="in a circle"):
            make_index(ONE, stated=True).listing(KINDLING)


class TestCredentials:
    def test_are_sent_only_when_asked_for(self, make_index, network, answer):
        network.on("GET", ONE + "kindling/", answer(401), answer(200, PAGE, HTML))
        assert make_index(ONE, stated=True).listing(KINDLING).page is not None
        assert ["Authorization" in each.headers for each in network.sent] == [False, True]

    def test_for_reading_go_before_those_for_uploads(
        self, make_index, network, answer, credentials, make_credential
    ):
        credentials.found[Purpose.READ] = make_credential(secret="for-reading")
        network.on("GET", ONE + "kindling/", answer(401), answer(200, PAGE, HTML))
        make_index(ONE, stated=True).listing(KINDLING)
        sent = network.sent[1].headers["Authorization"].partition(" ")[2]
        assert base64.b64decode(sent) == b"ada:for-reading"

    def test_of_the_upload_host_do_not_go_to_another(self, make_index, network, answer):
        elsewhere = "https://index.example/simple/"
        network.on("GET", elsewhere + "kindling/", answer(401))
        listing = make_index(elsewhere, stated=True).listing(KINDLING)
        assert (listing.known, listing.findings[0].code) == (False, "PA452")
        assert all("Authorization" not in each.headers for each in network.sent)

    def test_are_those_of_the_project_that_is_read(self, make_index, network, answer, credentials):
        network.on("GET", ONE + "kindling/", answer(401), answer(200, PAGE, HTML))
        make_index(ONE, stated=True).listing(KINDLING)
        assert {each.project for each in credentials.requests} == {KINDLING}

    def test_are_never_minted(self, make_index, network, answer, credentials):
        network.on("GET", ONE + "kindling/", answer(403))
        make_index(ONE, stated=True).listing(KINDLING)
        assert credentials.minted == 0


class TestComparing:
    """How a listed file compares with ours."""

    @pytest.fixture
    def wheel(self, make_distribution) -> Distribution:
        return make_distribution()

    @pytest.fixture
    def state_of(self, make_index, wheel) -> Callable[..., FileState]:
        def state(**keys: Any) -> FileState:
            file = IndexFile(filename=wheel.filename, url="https://corp.example/f/x.whl", **keys)
            return make_index(ONE, stated=True).state(file, wheel)

        return state

    def test_by_sha256(self, state_of, wheel, network, answer):
        network.on("HEAD", "https://corp.example/f/x.whl", answer(200))
        assert state_of(hashes={"sha256": wheel.digests.sha256}) is FileState.PRESENT
        assert state_of(hashes={"sha256": "0" * 64, "md5": wheel.digests.md5}) is FileState.DIFFERENT

    def test_by_md5_where_there_is_nothing_better(self, state_of, wheel, network, answer):
        network.on("HEAD", "https://corp.example/f/x.whl", answer(200))
        assert state_of(hashes={"md5": wheel.digests.md5}) is FileState.PRESENT
        assert state_of(hashes={"md5": "0" * 32}) is FileState.DIFFERENT

    def test_by_size_without_hashes(self, state_of, wheel, network):
        assert state_of(size=wheel.size + 1) is FileState.DIFFERENT
        assert network.sent == []

    def test_by_fetching_a_file_without_hashes(self, state_of, wheel, network, answer):
        ours = wheel.path.read_bytes()
        other = bytes(len(ours))
        url = "https://corp.example/f/x.whl"
        network.on("GET", url, answer(200, ours), answer(200, other), answer(200, ours + b"x"), answer(404))
        assert [state_of() for _ in range(4)] == [
            FileState.PRESENT,
            FileState.DIFFERENT,
            FileState.DIFFERENT,
            FileState.UNKNOWN,
        ]

    def test_by_the_announced_size_of_a_large_file(self, make_index, wheel, network, answer):
        large = replace(wheel, size=COMPARE_LIMIT + 1)
        file = IndexFile(filename=large.filename, url="https://corp.example/f/x.whl")
        size = {"Content-Length": str(large.size)}
        network.on("GET", file.url, answer(200, b"", size), answer(200, b"abc", {"Content-Length": "3"}))
        index = make_index(ONE, stated=True)
        assert index.state(file, large) is FileState.UNKNOWN
        assert index.state(file, large) is FileState.DIFFERENT

    def test_digests_of_the_fixture_are_those_of_the_file(self, wheel):
        assert wheel.digests.sha256 == hashlib.sha256(wheel.path.read_bytes()).hexdigest()
