from __future__ import annotations

import base64

import pytest

from publish_all._http import BasicAuth
from publish_all._secret import Secret
from publish_all.index.server import Gate, visitor_of

DEV = BasicAuth(username="dev", secret=Secret("pä:ss"))


def encoded(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_reads_basic_authentication() -> None:
    assert visitor_of(DEV.header()) == DEV
    assert visitor_of(DEV.header().replace("Basic", "bAsIc")) == DEV


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !",
        "Bearer abc",
        encoded(b"nocolon"),
        encoded(b"\xff:\xff"),
        encoded(b"x" * 99_999),
    ],
)
def test_anything_else_is_nobody(header: str | None) -> None:
    assert visitor_of(header) is None


def test_the_gate_wants_its_password_and_passes_nothing_on() -> None:
    gate = Gate(password=Secret("pä:ss"))
    assert gate.admits(DEV)
    assert not gate.admits(None)
    assert not gate.admits(BasicAuth(username="dev", secret=Secret("")))
    assert gate.passed_on(DEV) is None
    assert Gate().admits(None)
    assert Gate().passed_on(DEV) == DEV


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LocalHost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("index.localhost", True),
        (None, True),
        ("evil.example", False),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("192.0.2.1", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_an_index_for_this_machine_is_asked_for_by_its_names(host: str | None, ours: bool) -> None:
    assert Gate(local=True).is_for_us(host) is ours
    assert Gate().is_for_us(host)
