from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._secret import Secret
from publish_all._server_text import message_of, plain, spellings, without


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\n\tb", "a b"),
        ("red\x1b[31m alert\x07", "red [31m alert"),
        ("rev\u202eersed\u2066", "rev ersed"),
        ("zero\u200bwidth", "zero width"),
        ("Größe – ok", "Größe – ok"),
        ("c1\x9b31m", "c1 31m"),
        ("", ""),
    ],
)
def test_only_what_can_be_seen_is_shown(text: str, shown: str):
    assert plain(text) == shown


def test_long_text_is_cut():
    assert plain("word " * 100, limit=20) == "word word word word…"


def test_a_secret_in_the_text_is_hidden():
    assert plain("bad token pypi-abc!", secrets=[Secret("pypi-abc"), Secret("bad")]) == "bad token ***!"


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ('{"message": "No", "code": "400 No"}', "application/json", "No"),
        ('{"message": "", "title": "taken"}', "application/json", "taken"),
        ('{"errors": [{"status": 403, "message": "a"}, {"message": "b"}]}', "application/json", "a; b"),
        ('{"error": {"code": 7, "message": "denied"}}', "text/plain", "denied"),
        ('{"detail": "x"}', "application/problem+json", "x"),
        ('{"other": 1}', "application/json", ""),
        ('{"half": ', "application/json", '{"half":'),
        ("[]", "application/json", ""),
        ("<title>403 No</title><h1>403 No</h1>Go away<script>x()</script>", "text/html", "403 No Go away"),
        ("<title>Error: 409</title><p>Sorry</p><pre>It &#039;exists&#039;\n  here</pre>", "text/html", "It 'exists' here"),
        ("<title>Error: 403</title><p>Sorry</p><pre>None</pre>", "text/html", "Error: 403"),
        ("<p>no type", "", "no type"),
        ("plain words\n", "text/plain", "plain words"),
        ("", "text/html", ""),
    ],
)  # fmt: skip
def test_finds_the_message(body: str, content_type: str, message: str):
    assert message_of(body.encode(), content_type) == message


def test_bytes_that_are_no_text_do_not_break_it():
    assert message_of(b"\xff\xfe", "text/plain")


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"message":' * 100_000, b"<p>" * 100_000, b"<!-" * 100_000]
)
def test_hostile_bodies_do_not_break_it(body: bytes):
    assert len(plain(message_of(body, "application/json"))) <= 400


@given(st.binary(), st.sampled_from(["application/json", "text/html", "text/plain", ""]))
def test_whatever_a_server_says_can_be_shown(body: bytes, content_type: str):
    shown = plain(message_of(body, content_type))
    assert "\x1b" not in shown
    assert "\n" not in shown


def test_secrets_are_hidden_however_they_are_written():
    secret = Secret('pass/"word')
    for said in ('pass/"word', "pass%2F%22word", "pass/%22word", "pass/&quot;word", 'pass/\\"word'):
        assert plain(f"no {said} here", secrets=(secret,)) == "no *** here"
    pair = base64.b64encode(b'ada:pass/"word').decode()
    assert without(f"Basic {pair}", spellings(secret, username="ada")).rstrip("=") == "Basic ***"


def test_letters_of_a_short_secret_stand_in_other_words():
    assert plain("a server", secrets=(Secret("a"),)) == "a server"
