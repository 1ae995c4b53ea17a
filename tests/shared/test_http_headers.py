from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._http import Challenge, challenges, next_link


def challenge(scheme: str, **parameters: str) -> Challenge:
    return Challenge(scheme=scheme, parameters=parameters)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("Basic", [challenge("basic")]),
        ('Basic realm="a, b=c"', [challenge("basic", realm="a, b=c")]),
        (
            'BEARER Realm="https://x/t", service=s ,scope="a:b,c"',
            [challenge("bearer", realm="https://x/t", service="s", scope="a:b,c")],
        ),
        (
            'Basic realm="x", Bearer realm="https://t",service="s"',
            [challenge("basic", realm="x"), challenge("bearer", realm="https://t", service="s")],
        ),
        ('Negotiate, NTLM, Basic realm="x"', [challenge("negotiate"), challenge("ntlm"), challenge("basic", realm="x")]),
        (r'Basic realm="a\"b"', [challenge("basic", realm='a"b')]),
        ('Basic realm="open', [challenge("basic", realm="open")]),
        ("realm=x", []),
        ("Basic realm = x", [challenge("basic", realm="x")]),
    ],
)  # fmt: skip
def test_challenges(text: str, found: list[Challenge]) -> None:
    assert list(challenges(text)) == found


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("", None),
        ('</v2/a/tags/list?last=b&n=1>; rel="next"', "/v2/a/tags/list?last=b&n=1"),
        ('</a>; rel="prev", </b>; rel=next', "/b"),
        ('</a>; rel="last next"', "/a"),
        ('</a>; title="rel=next"', None),
        ("</a", None),
    ],
)
def test_the_next_link(text: str, link: str | None) -> None:
    assert next_link(text) == link


@pytest.mark.parametrize("piece", ["a", "a ", 'a="', "a=", "<", "<>", "<a>;", '"', "\\", 'a="\\', ",", "= "])
def test_long_headers_take_no_time(piece: str) -> None:
    began = time.process_time()
    challenges(piece * 1_000_000)
    next_link(piece * 1_000_000)
    assert time.process_time() - began < 2


@given(st.text())
def test_no_header_is_an_error(text: str) -> None:
    challenges(text)
    next_link(text)
