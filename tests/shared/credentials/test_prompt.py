from __future__ import annotations

import pytest

from publish_all.credentials.credential_source import Purpose
from publish_all.credentials.prompt import PromptSource
from publish_all.errors import CredentialError


@pytest.fixture
def source_of(recorder):
    def build(*answers, store=None):
        left = list(answers)
        asked = []

        def ask(question, *, hidden):
            asked.append((question, hidden))
            if not left:
                raise EOFError
            return left.pop(0)

        source = PromptSource(ask=ask, store=store, listener=recorder)
        return source, asked

    return build


def test_pypi_is_asked_for_a_token_only(source_of, make_request, make_token):
    source, asked = source_of(make_token("pypi.org"))
    found = source.find(make_request("pypi"))
    assert found.username == "__token__"
    assert asked == [("API token for pypi (https://upload.pypi.org/legacy/)", True)]


def test_the_configured_user_is_not_asked_for(source_of, make_request):
    source, asked = source_of("canary")
    assert source.find(make_request("corp", username="bob")).username == "bob"
    assert [hidden for _, hidden in asked] == [True]


@pytest.mark.parametrize("answers", [(), ("bob",), ("bob", ""), ("bob", "  ")])
def test_no_answer_is_not_here_and_is_remembered(answers, source_of, make_request):
    source, asked = source_of(*answers)
    assert source.find(make_request("corp")) is None
    before = len(asked)
    assert source.find(make_request("corp", project="other")) is None
    assert len(asked) == before


def test_reading_and_plain_http_are_not_asked_for(source_of, make_request):
    source, asked = source_of("bob", "canary")
    assert source.find(make_request("corp", purpose=Purpose.READ)) is None
    assert source.find(make_request("corp", "http://pypi.corp.example/")) is None
    assert asked == []


def test_the_answer_is_kept_only_if_wanted(source_of, make_request, recorder):
    kept = []

    def store(url, username, secret):
        kept.append((url, username, secret.reveal()))
        return "the ring"

    for answer, expected in (("y", 1), ("", 1), ("no", 1)):
        source, _ = source_of("bob", "canary", answer, store=store)
        source.find(make_request("corp"))
        assert len(kept) == expected
    assert kept == [("https://pypi.corp.example/legacy/", "bob", "canary")]
    assert "the ring" in recorder.text
    assert "canary" not in recorder.text


def test_a_keyring_that_cannot_keep_it_is_a_note(source_of, make_request, recorder):
    def store(url, username, secret):
        msg = "there is none"
        raise CredentialError(msg)

    source, _ = source_of("bob", "canary", "yes", store=store)
    assert source.find(make_request("corp")).secret.reveal() == "canary"
    assert "there is none" in recorder.text


def test_a_token_that_will_be_refused_is_not_offered_to_be_kept(source_of, make_request, make_token):
    source, asked = source_of(make_token("test.pypi.org"), store=lambda *args: "ring")
    assert source.find(make_request("pypi")) is not None
    assert len(asked) == 1
