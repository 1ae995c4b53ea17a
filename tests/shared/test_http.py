from __future__ import annotations

import base64
import errno
import io
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError

from publish_all._http import BasicAuth, BearerAuth, HttpOptions, Session, make_session
from publish_all._http_errors import Failure, HttpError, ensure_allowed
from publish_all._secret import Secret
from publish_all._urls import origin, shown_url
from publish_all.errors import ConfigurationError

URL = "https://corp.example/legacy/"
AUTH = BasicAuth(username="ada", secret=Secret("pä:ss"))


class Recorder(BaseAdapter):
    """Answers with (status, headers, body) in turn, or raises; the last one stays. Keeps the requests."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers) or [(200, {}, b"ok")]
        self.seen: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self.seen.append(request.copy())
        self.options.append(kwargs)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response.headers.update(headers)
        response.raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=headers,
            status=status,
            preload_content=False,
            enforce_content_length=True,
        )
        return response

    def close(self) -> None:
        pass


def session_of(*answers: Any, **options: Any) -> tuple[Session, Recorder]:
    recorder = Recorder(*answers)
    return make_session(HttpOptions(**options), transport=recorder), recorder


def test_gives_the_whole_reply_whatever_its_status():
    session, _ = session_of((404, {"Content-Type": "Application/JSON; charset=utf-8"}, b'{"a": 1}'))
    reply = session.request("GET", URL)
    assert (reply.status, reply.content_type, reply.json(), reply.retryable) == (
        404,
        "application/json",
        {"a": 1},
        False,
    )


def test_sends_our_name_and_time_outs():
    session, recorder = session_of()
    session.request("GET", URL)
    assert recorder.seen[0].headers["User-Agent"].startswith("publish-all/")
    assert recorder.options[0]["timeout"] == (10.0, 60.0)
    session, recorder = session_of(timeout=3.0)
    session.request("GET", URL)
    assert recorder.options[0]["timeout"] == (3.0, 3.0)


def test_sends_credentials_in_utf_8():
    session, recorder = session_of()
    session.request("GET", URL, auth=AUTH)
    kind, _, value = recorder.seen[0].headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(value).decode()) == ("Basic", "ada:pä:ss")
    session.request("GET", URL, auth=BearerAuth(secret=Secret("token")))
    assert recorder.seen[1].headers["Authorization"] == "Bearer token"


def test_credentials_do_not_come_from_netrc_or_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text("default login eve password x\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    session, recorder = session_of((302, {"Location": "https://other.example/"}, b""), (200, {}, b""))
    session.request("GET", "https://eve:x@corp.example/legacy/", redirects=True)
    assert [each.url for each in recorder.seen] == [URL, "https://other.example/"]
    assert all("Authorization" not in each.headers for each in recorder.seen)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("https://corp.example/other", True),
        ("https://corp.example:8443/", False),
        ("https://sub.corp.example/", False),
        ("https://evil.example/", False),
    ],
)
def test_credentials_stay_with_their_origin(target: str, kept: bool):
    session, recorder = session_of((307, {"Location": target}, b""), (200, {}, b""))
    session.request("GET", URL, auth=AUTH, redirects=True)
    assert recorder.seen[1].url == target
    assert ("Authorization" in recorder.seen[1].headers) is kept


def test_follows_redirects_only_when_asked_to():
    session, recorder = session_of((308, {"Location": "/x/"}, b""))
    assert session.request("POST", URL, body=b"x").status == 308
    assert len(recorder.seen) == 1


def test_a_redirect_to_nowhere_is_an_answer_or_an_error():
    session, _ = session_of((302, {"Location": "http://[::1"}, b""))
    assert session.request("POST", URL).status == 302
    with pytest.raises(HttpError) as caught:
        session.request("GET", URL, redirects=True)
    assert caught.value.failure is Failure.INVALID


def test_a_redirect_to_plain_http_is_not_followed():
    session, recorder = session_of((302, {"Location": "http://corp.example/"}, b""), (200, {}, b""))
    with pytest.raises(HttpError, match="not encrypted"):
        session.request("GET", URL, redirects=True)
    assert len(recorder.seen) == 1


def test_keeps_no_cookies():
    session, recorder = session_of((200, {"Set-Cookie": "a=b"}, b""))
    session.request("GET", URL)
    session.request("GET", URL)
    assert "Cookie" not in recorder.seen[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "https://corp.example/",
        "http://localhost:8080/",
        "http://127.0.0.1/",
        "http://[::1]:1/",
        "http://a.localhost/",
    ],
)
def test_https_and_this_machine_are_allowed(url: str):
    ensure_allowed(url)


@pytest.mark.parametrize(
    "url",
    ["http://corp.example/", "http://10.0.0.1/", "http://localhost.evil.example/", "ftp://a/", "corp.example", "", "https:///x", "http://[::1"],
)  # fmt: skip
def test_other_addresses_are_refused_with_a_hint(url: str):
    with pytest.raises(HttpError) as caught:
        ensure_allowed(url)
    assert caught.value.failure is Failure.INVALID
    assert not caught.value.retryable
    assert caught.value.hint or "is not a valid URL" in caught.value.message


def test_the_url_of_an_error_holds_no_password():
    session, _ = session_of(requests.ConnectTimeout())
    with pytest.raises(HttpError) as caught:
        session.request("GET", "https://ada:pw-secret@corp.example/x?token=abc")
    assert "https://corp.example/x " in caught.value.message
    assert "pw-secret" not in repr(vars(caught.value))


def connection_error(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, URL, reason))  # type: ignore[arg-type]  # the pool is for its message only


CONNECTION = HTTPConnection("corp.example")


def refused() -> requests.ConnectionError:
    error = NewConnectionError(CONNECTION, "failed")
    error.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    return connection_error(error)


def unresolved() -> requests.ConnectionError:
    return connection_error(NameResolutionError("corp.example", CONNECTION, OSError(-2, "unknown")))  # type: ignore[arg-type]  # any OSError will do


def untrusted() -> requests.exceptions.SSLError:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_message = "self-signed certificate"
    return requests.exceptions.SSLError(error)


@pytest.mark.parametrize(
    ("error", "failure", "retryable", "says"),
    [
        (refused(), Failure.REFUSED, True, "Nothing answers at https://corp.example/legacy/"),
        (unresolved(), Failure.DNS, False, "host name of https://corp.example/legacy/ does not resolve"),
        (untrusted(), Failure.TLS, False, "self-signed certificate"),
        (requests.exceptions.SSLError(ssl.SSLEOFError(8, "UNEXPECTED_EOF_WHILE_READING")), Failure.DROPPED, True, "broke off"),
        (requests.ConnectTimeout("x"), Failure.TIMEOUT, True, "does not answer"),
        (requests.ReadTimeout("x"), Failure.TIMEOUT, True, "does not answer"),
        (requests.ConnectionError(ProtocolError("aborted", TimeoutError("timed out"))), Failure.TIMEOUT, True, "does not answer"),
        (requests.ConnectionError(ProtocolError("aborted", ConnectionResetError(104, "Connection reset by peer"))), Failure.DROPPED, True, "connection reset by peer"),
        (requests.exceptions.ChunkedEncodingError("IncompleteRead"), Failure.DROPPED, True, "broke off"),
        (requests.exceptions.ProxyError("no proxy"), Failure.REFUSED, True, "proxy"),
        (requests.exceptions.TooManyRedirects("30"), Failure.INVALID, False, "in a circle"),
        (requests.exceptions.InvalidURL("bad label"), Failure.INVALID, False, "bad label"),
    ],
)  # fmt: skip
def test_errors_are_few_and_in_plain_words(error: Exception, failure: Failure, retryable: bool, says: str):
    session, _ = session_of(error)
    with pytest.raises(HttpError, match=says) as caught:
        session.request("GET", URL)
    assert (caught.value.failure, caught.value.retryable) == (failure, retryable)
    assert "urllib3" not in caught.value.message


def test_the_password_of_a_proxy_is_in_no_error():
    error = requests.exceptions.InvalidURL("Failed to parse: http://user:s3cret@proxy:99999")
    session, _ = session_of(error)
    with pytest.raises(HttpError, match="Failed to parse: http://proxy:99999") as caught:
        session.request("GET", URL)
    assert "s3cret" not in caught.value.message


def test_a_reply_that_was_cut_short_is_an_error():
    session, _ = session_of((200, {"Content-Length": "10"}, b"abc"))
    with pytest.raises(HttpError) as caught:
        session.request("GET", URL)
    assert caught.value.failure is Failure.DROPPED


def test_a_reply_without_end_is_not_kept_in_memory():
    session, _ = session_of((200, {}, b"x" * 3000))
    with pytest.raises(HttpError, match="longer than"):
        session.request("GET", URL, limit=2000)


def test_a_download_tells_its_size_and_comes_in_pieces():
    session, _ = session_of((200, {"Content-Length": "2097152"}, bytes(2 * 1024 * 1024)))
    with session.stream("GET", URL) as download:
        assert download.size == 2 * 1024 * 1024
        assert [len(each) for each in download.chunks] == [1024 * 1024, 1024 * 1024]


@pytest.mark.parametrize("stated", ["\xb2", "-1", "9" * 5000, "x", ""])
def test_a_size_that_is_absurd_is_not_known(stated: str):
    session, _ = session_of((200, {}, b""))
    with session.stream("GET", URL) as download:
        download.reply.headers["Content-Length"] = stated  # type: ignore[index]  # as no library would let through
        assert download.size is None


def test_the_size_of_an_encoded_download_is_not_known():
    session, _ = session_of((200, {"Content-Length": "10", "Content-Encoding": "gzip"}, b""))
    with session.stream("GET", URL) as download:
        assert download.size is None


class Body:
    def __init__(self, make: Callable[[], Iterator[bytes]], size: int) -> None:
        self.make, self.size = make, size

    def __iter__(self) -> Iterator[bytes]:
        return self.make()

    def __len__(self) -> int:
        return self.size


def test_a_body_of_known_length_is_not_sent_in_chunked_encoding():
    session, recorder = session_of()
    session.request("POST", URL, body=Body(lambda: iter([b"abc"]), 3))
    assert recorder.seen[0].headers["Content-Length"] == "3"
    assert "Transfer-Encoding" not in recorder.seen[0].headers


def test_certificates_stated_win_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/elsewhere.pem")
    session, recorder = session_of(ca_cert=bundle)
    session.request("GET", URL)
    assert recorder.options[0]["verify"] == str(bundle)
    session, recorder = session_of()
    session.request("GET", URL)
    assert recorder.options[0]["verify"] == "/elsewhere.pem"


def test_a_certificate_file_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem"):
        make_session(HttpOptions(ca_cert=tmp_path / "nowhere.pem"))


def test_makes_a_session_for_the_real_network():
    session = make_session()
    with pytest.raises(HttpError, match="not encrypted"):
        session.request("GET", "http://corp.example/")
    session.close()


def test_addresses():
    assert shown_url("https://a:b@c.example:1/x?y#z") == "https://c.example:1/x"
    assert origin("HTTPS://C.example/x") == ("https", "c.example", 443)


PAIR = base64.b64encode(b"ada:canary/secret").decode()


@pytest.mark.parametrize("written", ["canary/secret", "canary%2Fsecret", PAIR, f"Basic {PAIR}"])
def test_a_server_that_repeats_what_it_was_shown_is_not_repeated(written: str):
    refusal = (403, {"X-Why": f"no {written}"}, f'{{"message": "no {written}"}}'.encode())
    session, _ = session_of(refusal)
    auth = BasicAuth(username="ada", secret=Secret("canary/secret"))
    for shown in (auth, None):  # it may remember, too
        reply = session.request("GET", URL, auth=shown)
        assert "canary" not in reply.text
        assert PAIR not in reply.text + reply.headers["x-why"]
        assert "***" in reply.text
        assert "***" in reply.headers["x-why"]


class Echo(Recorder):
    """Refuses everything, with what it was shown."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        return Recorder((403, {}, request.headers["Authorization"].encode())).send(request, **kwargs)


def test_no_thread_forgets_what_another_has_shown():
    threads, interval = 8, sys.getswitchinterval()
    session = make_session(transport=Echo())
    together = threading.Barrier(threads)

    def show(name: int) -> list[str]:
        together.wait()
        secrets = [Secret(f"canary-{name}-{number}") for number in range(25)]
        return [session.request("GET", URL, auth=BearerAuth(secret=each)).text for each in secrets]

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            told = [text for texts in pool.map(show, range(threads)) for text in texts]
    finally:
        sys.setswitchinterval(interval)
    assert [each for each in told if "canary" in each] == []


def test_files_that_hold_the_same_letters_stay_as_they_are():
    session, _ = session_of((200, {}, b"canary/secret\xff"))
    reply = session.request("GET", URL, auth=BearerAuth(secret=Secret("canary/secret")))
    assert reply.body == b"canary/secret\xff"
