"""`WWW-Authenticate` and `Link` of a registry, and the answer of its token server."""

from __future__ import annotations

from typing import Any

from fuzz_inputs import altered_json, fuzz, in_time, long, near
from hypothesis import given
from hypothesis import strategies as st
from oci_fakes.registry import FakeRegistry, Reply
from packaging.utils import canonicalize_name

from publish_all._http import challenges, make_session, next_link
from publish_all._http_errors import HttpError
from publish_all._secret import Secret
from publish_all.errors import CredentialError
from publish_all.repositories.oci_layout import parse_place
from publish_all.repositories.oci_registry import OciRegistry
from publish_all.repositories.replies import Login

CHALLENGES = (
    b'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
    b'Basic realm="registry"',
    b'Negotiate, Bearer realm="https://[::1]:5000/token?a=b", Basic realm="\\"x\\""',
    b"Bearer realm=/token",
    b"Bearer realm=http://ghcr.io/token",
)
LINKS = (
    b'</v2/a/tags/list?last=1&n=1000>; rel="next"',
    b'<http://[>; rel="last next"; title="<x>", <b>; rel=next',
)
PIECES = (
    b",",
    b" ",
    b"=",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b"a=",
    b'a="',
    b"Bearer ",
    b"rel=next",
    b"\t",
    b"a",
    b",a",
)
TOKENS = (
    {"token": "abc", "expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"},
    {"access_token": "abc", "expires_in": "60.5"},
)
LOGIN = Login(username="u", secret=Secret("password"), origin="the test")


def as_header(content: bytes) -> str:
    """As a client gets it from the wire: Latin-1, on one line."""
    return content.replace(b"\r", b" ").replace(b"\n", b" ").decode("latin-1")


def ask(**replies: Reply) -> None:
    """List the tags of a registry which asks for a login and then answers with these: all errors are `HttpError`."""
    fake = FakeRegistry()

    def answer(asked: Any) -> Reply | None:
        if asked.path.endswith("/v2/") or "Authorization" not in asked.headers:
            return replies.get("token") if "/token" in asked.path else replies["first"]
        return replies.get("token" if "/token" in asked.path else "tags")

    fake.hooks.append(answer)
    registry = OciRegistry(parse_place("ghcr.io/sep"), make_session(transport=fake), sleep=lambda _: None)
    try:
        registry.package(canonicalize_name("demo"), login=LOGIN).tags()
    except (CredentialError, HttpError) as error:
        assert str(error)  # noqa: PT017 - what it says is a part of the behaviour


@fuzz
@given(near(*CHALLENGES, *LINKS) | long(*PIECES))
def test_headers(content: bytes) -> None:
    text = as_header(content)
    in_time(lambda: (challenges(text), next_link(text)))


@fuzz
@given(near(*CHALLENGES), st.sampled_from([200, 401, 401, 401, 403]))
def test_login(content: bytes, status: int) -> None:
    challenge = {"WWW-Authenticate": as_header(content)}
    in_time(lambda: ask(first=Reply(status, b"", challenge), token=Reply(200, b'{"token":"t"}')))


@fuzz
@given(altered_json(*TOKENS))
def test_token(content: bytes) -> None:
    challenge = {"WWW-Authenticate": as_header(CHALLENGES[0])}
    in_time(lambda: ask(first=Reply(401, b"", challenge), token=Reply(200, content)))


@fuzz
@given(near(*LINKS))
def test_pages(content: bytes) -> None:
    reply = Reply(200, b'{"tags": ["1.0"]}', {"Link": as_header(content)})
    in_time(lambda: ask(first=Reply(200), tags=reply))
