from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._secret import Secret
from publish_all._server_text import is_page, message_of, plain, spellings, without


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
        ("<title>Error: 409</title><p>Sorry</p><pre>It &#039;exists&#039;\n  here</pre>", "text/html", "Error: 409 Sorry It 'exists' here"),
        ("<p>no type", "", "no type"),
        ("plain words\n", "text/plain", "plain words"),
        ("", "text/html", ""),
        ('{"non_field_errors": ["used up"]}', "application/json", "non_field_errors: used up"),
        ('{"content": ["too big"], "sha256": ["is wrong"]}', "application/json", "content: too big; sha256: is wrong"),
        ('{"detail": "Bad.", "fields": {"file": ["is too big"]}}', "application/json", "Bad.; file: is too big"),
        ('{"detail": [{"loc": ["body"], "msg": "field required", "type": "x"}]}', "application/json", "field required"),
        ('{"errors": {"base": ["no room"]}}', "application/json", "base: no room"),
        ('{"message": {"name": ["taken"]}}', "application/json", "name: taken"),
        ('{"error": {"message": "x", "details": [{"reason": "no room"}]}}', "application/json", "x; no room"),
        ('["no room"]', "application/json", "no room"),
        ('"no room"', "application/json", "no room"),
        ('{"reason": "r"}', "application/json", "r"),
        ("<?xml version='1.0'?><Error><Message>no room</Message></Error>", "application/xml", "no room"),
    ],
)  # fmt: skip
def test_finds_the_message(body: str, content_type: str, message: str):
    assert message_of(body.encode(), content_type) == message


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("d\xe9j\xe0".encode("latin-1"), "text/plain; charset=iso-8859-1", "d\xe9j\xe0"),
        ("d\xe9j\xe0".encode("latin-1"), "text/plain", "d\xe9j\xe0"),
        ("\u0444\u0430".encode("cp1251"), 'text/html; Charset="windows-1251"', "\u0444\u0430"),
        ("<meta charset=cp1251><p>\u0444</p>".encode("cp1251"), "text/html", "\u0444"),
        ("no \xfc".encode("utf-16"), "text/plain", "no \xfc"),
        ("no \xfc".encode("utf-16-le"), "text/plain; charset=utf-16-le", "no \xfc"),
        ("\ufeffno".encode(), "text/plain", "no"),
        ("no \xfc".encode(), "text/plain; charset=nonsense", "no \xfc"),
        (b"no", "text/plain; charset=base64", "no"),
    ],
)
def test_reads_the_character_set_of_the_server(body: bytes, content_type: str, message: str) -> None:
    assert message_of(body, content_type) == message


@pytest.mark.parametrize(
    ("body", "content_type", "page"),
    [
        ("<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8", True),
        ("\n <HTML><body>", "", True),
        ("<?xml version='1.0'?><!DOCTYPE html><html>", "application/xhtml+xml", True),
        ("OK", "text/html", False),
        ("", "text/html", False),
        ('{"a": "<html>"}', "application/json", False),
    ],
)
def test_knows_a_page_for_people(body: str, content_type: str, page: bool) -> None:
    assert is_page(body.encode(), content_type) is page


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


def test_a_link_is_shown_whole_or_not_at_all():
    link = "https://pypi.org/help/#file-name-reuse"
    for before in range(360, 400):
        shown = plain(f"{'x' * before} {link} for more information. {'y' * 200}")
        assert "http" not in shown or link in shown
        assert len(shown) < 440
    assert plain(f"x https://a.example/{'y' * 9000}", limit=20) == "x…"
    assert plain(f"{'x' * 390} {link}").endswith(link)
