"""Certificates and proxies, with sessions of ours against servers on this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness.authority import authority, client_certificate

from publish_all._http import BasicAuth, HttpOptions, ServerTls, make_session
from publish_all._http_errors import Failure, HttpError
from publish_all._secret import Secret
from publish_all.errors import ConfigurationError

AUTH = BasicAuth(username="ada", secret=Secret("canary"))


class Server:
    """Answers 200 to everything, and keeps what it was asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.port = self._server.server_port
        self.url = f"{scheme}://127.0.0.1:{self.port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for each in started:
        each.close()


def serve(servers: list[Server], context: ssl.SSLContext | None = None) -> Server:
    servers.append(Server(context))
    return servers[-1]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_for_this_machine_goes_to_no_proxy(
    variable: str, host: str, servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, index = serve(servers), serve(servers)
    monkeypatch.setenv(variable, proxy.url)
    reply = make_session().request("GET", f"http://{host}:{index.port}/", auth=AUTH)
    assert reply.status == 200
    assert proxy.seen == []
    assert index.seen == [("GET", "/", AUTH.header())]


def test_the_authority_of_one_server_is_not_that_of_another(tmp_path: Path, servers: list[Server]) -> None:
    (tmp_path / "other").mkdir()
    ca, context = authority(tmp_path)
    own, other = serve(servers, context), serve(servers, authority(tmp_path / "other")[1])
    session = make_session(HttpOptions(servers={own.url: ServerTls(ca_certs=(ca,))}))
    assert session.request("GET", own.url).status == 200
    with pytest.raises(HttpError, match="No trusted connection"):
        session.request("GET", other.url)
    assert other.seen == []


@pytest.mark.parametrize(
    ("hosts", "address", "valid", "said", "advice"),
    [
        (["other.example"], False, True, "not valid for this host name", "subject alternative names"),
        ([], True, False, "has expired", "new certificate"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told_as_what_it_is(
    hosts: list[str],
    address: bool,
    valid: bool,
    said: str,
    advice: str,
    tmp_path: Path,
    servers: list[Server],
) -> None:
    ca, context = authority(tmp_path, hosts, address=address, valid=valid)
    server = serve(servers, context)
    with pytest.raises(HttpError, match=said) as caught:
        make_session(HttpOptions(ca_cert=ca)).request("GET", server.url)
    assert caught.value.failure is Failure.TLS
    assert advice in str(caught.value.hint)
    assert "--ca-cert" not in str(caught.value.hint)


def test_an_authority_that_is_not_trusted_can_be_named(tmp_path: Path, servers: list[Server]) -> None:
    server = serve(servers, authority(tmp_path)[1])
    with pytest.raises(HttpError) as caught:
        make_session().request("GET", server.url)
    assert "--ca-cert FILE" in str(caught.value.hint)


def test_a_server_that_speaks_plain_http_is_told_as_one(servers: list[Server]) -> None:
    url = serve(servers).url.replace("http://", "https://")
    with pytest.raises(HttpError, match="does not use TLS on this port, perhaps plain http"):
        make_session().request("GET", url)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks", "socks4a"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://ada:canary@127.0.0.1:9")
    with pytest.raises(HttpError, match=f"The proxy {scheme}://127.0.0.1:9 ") as caught:
        make_session(HttpOptions(timeout=5)).request("GET", "https://pypi.corp.example/")
    assert "HTTPS_PROXY" in str(caught.value.hint)
    assert "PySocks" in str(caught.value.hint)
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_a_proxy_of_an_unknown_scheme_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://ada:canary@127.0.0.1:9")
    with pytest.raises(HttpError, match="The proxy nonsense://") as caught:
        make_session(HttpOptions(timeout=5)).request("GET", "https://pypi.corp.example/")
    assert "HTTPS_PROXY" in str(caught.value.hint)
    assert "canary" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("password", [None, b"pass"])
def test_a_client_certificate_goes_to_the_server_that_it_is_for(
    password: bytes | None, tmp_path: Path, servers: list[Server]
) -> None:
    ca, context = authority(tmp_path)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = serve(servers, context)
    cert, key = client_certificate(tmp_path, ca, password=password)
    asked: list[Path] = []

    def ask(path: Path) -> str:
        asked.append(path)
        return "pass"

    tls = ServerTls(ca_certs=(ca,), client_cert=cert, client_key=key)
    session = make_session(HttpOptions(servers={server.url: tls}, ask_password=ask))
    assert session.request("GET", server.url).status == 200
    assert asked == ([] if password is None else [key])
    with pytest.raises(HttpError):
        make_session(HttpOptions(ca_cert=ca)).request("GET", server.url)


def test_an_encrypted_key_never_prompts_where_nobody_can_be_asked(tmp_path: Path) -> None:
    ca, _ = authority(tmp_path)
    cert, key = client_certificate(tmp_path, ca, password=b"pass")
    with pytest.raises(ConfigurationError, match="is encrypted") as caught:
        make_session(HttpOptions(client_cert=cert, client_key=key))
    assert "openssl pkey" in str(caught.value.hint)


def test_files_that_hold_no_certificate_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("this is no certificate")
    with pytest.raises(ConfigurationError, match=r"wrong\.pem and its key cannot be used"):
        make_session(HttpOptions(client_cert=wrong))
    with pytest.raises(ConfigurationError, match=r"wrong\.pem does not contain a certificate"):
        make_session(HttpOptions(servers={"https://a.example": ServerTls(ca_certs=(wrong,))}))
