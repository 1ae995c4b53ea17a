"""A project that sends uploads to a host of its own, and hopes for credentials that are meant for others."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyring
import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput
from made_files import make_wheel

from publish_all._secret import Secret
from publish_all._server_text import spellings
from publish_all.cli.application import PublishAllApplication

CANARY = "canary-of-another-host"
JWT = "e30.eyJpc3MiOiJodHRwczovL3Rva2VuLmFjdGlvbnMuZ2l0aHVidXNlcmNvbnRlbnQuY29tIn0.c2ln"
PYPI = "https://upload.pypi.org/legacy/"
# What CI services and tools keep for PyPI, TestPyPI and GitHub.
VARIABLES = (
    "FLIT_PASSWORD",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "HATCH_INDEX_AUTH",
    "PDM_PUBLISH_PASSWORD",
    "POETRY_HTTP_BASIC_PYPI_PASSWORD",
    "POETRY_PYPI_TOKEN_PYPI",
    "POETRY_PYPI_TOKEN_TESTPYPI",
    "PUBLISH_ALL_GITHUB_TOKEN",
    "PUBLISH_ALL_OTHER_TOKEN",
    "PUBLISH_ALL_PYPI_TOKEN",
    "PUBLISH_ALL_TESTPYPI_TOKEN",
    "PYPI_API_TOKEN",
    "PYPI_TOKEN",
    "TESTPYPI_API_TOKEN",
    "TWINE_PASSWORD",
    "UV_PUBLISH_PASSWORD",
    "UV_PUBLISH_TOKEN",
)


@dataclass
class Stranger:
    """Wants credentials for everything, offers trusted publishing for `audience`, and keeps all that it is sent."""

    audience: str | None = None
    sent: list[str] = field(default_factory=list)
    identities: int = 0

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


def _handler(stranger: Stranger) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/identity"):
                stranger.identities += 1
                self._send(200, json.dumps({"value": JWT}))
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stranger.sent.append(f"{self.requestline}\n{self.headers}\n{body.decode(errors='replace')}")
            if self.path == "/_/oidc/audience" and stranger.audience is not None:
                self._send(200, json.dumps({"audience": stranger.audience}))
            elif self.path.startswith("/_/oidc/"):
                self._send(404, "{}")
            else:
                self._send(401, "{}")

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server calls

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="give"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture(scope="module")
def started() -> Iterator[Stranger]:
    server = Stranger()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stranger(started: Stranger) -> Stranger:
    started.audience, started.identities = None, 0
    started.sent.clear()
    return started


@dataclass
class Ended:
    code: int
    text: str


@pytest.fixture
def publish(tmp_path: Path, environment: dict[str, str], monkeypatch) -> Callable[..., Ended]:
    """Publishes a wheel of a project with this configuration, in this process."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "project"
    root.mkdir()
    wheel = make_wheel(root, "demo", "1.0")

    def publish(configuration: str, *words: str) -> Ended:
        (root / "pyproject.toml").write_text(f'[project]\nname = "demo"\nversion = "1.0"\n{configuration}')
        out = io.StringIO()
        command = ["publish-all", "-C", str(root), "publish", "-n", *words, str(wheel)]
        code = PublishAllApplication().run(ArgvInput(command), StreamOutput(out), StreamOutput(out))
        return Ended(code=code, text=out.getvalue())

    return publish


def ensure_nothing_was_given(stranger: Stranger) -> None:
    everything = "\n".join(stranger.sent)
    hidden = [*spellings(Secret(CANARY)), *spellings(Secret(JWT))]
    hidden += [each for user in USERS for each in spellings(Secret(CANARY), username=user)]
    assert not [each for each in hidden if each in everything]
    assert "authorization" not in everything.lower()
    assert stranger.identities == 0


USERS = ("__token__", "ada", "x-access-token")


@pytest.mark.parametrize("name", ["pypi", "testpypi", "github", "PyPI", "main", "test", "GitHub"])
@pytest.mark.parametrize("key", ["url", "index-url"])
def test_a_built_in_repository_is_not_pointed_elsewhere(
    name: str, key: str, publish, stranger: Stranger, monkeypatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, CANARY)
    # An index alone may be stated, so the user's own address keeps this test away from the real one.
    for known in ("PYPI", "TESTPYPI"):
        monkeypatch.setenv(f"PUBLISH_ALL_REPOSITORIES_{known}_URL", "http://localhost:9/legacy/")
    monkeypatch.setenv("PUBLISH_ALL_REPOSITORIES_GITHUB_URL", "http://localhost:9/demo")
    stated = f"[tool.publish-all.repositories.{name}]\n{key} = '{stranger.url}/legacy/'\n"
    done = publish(stated, "-r", name, "--auth", "token")
    assert done.code != 0, done.text
    if key == "url":
        assert done.code == 2, done.text
        assert stranger.sent == []
    ensure_nothing_was_given(stranger)


@pytest.mark.parametrize("twin", ["corp_eu", "corp.eu", "CORP-EU"])
def test_names_that_variables_cannot_tell_apart_are_refused(
    twin: str, publish, stranger: Stranger, monkeypatch
) -> None:
    monkeypatch.setenv("PUBLISH_ALL_CORP_EU_TOKEN", CANARY)
    done = publish(
        "[tool.publish-all.repositories.corp-eu]\nurl = 'https://pypi.corp.example/legacy/'\n"
        f"[tool.publish-all.repositories.\"{twin}\"]\nurl = '{stranger.url}/legacy/'\n",
        "-r",
        twin,
    )
    assert done.code == 2, done.text
    assert stranger.sent == []


@pytest.mark.parametrize("name", ["corp-eu", "corp_eu"])
def test_a_name_that_the_user_has_given_to_another_url(
    name: str, publish, stranger: Stranger, monkeypatch
) -> None:
    monkeypatch.setenv("PUBLISH_ALL_CORP_EU_TOKEN", CANARY)
    folder = Path(os.environ["XDG_CONFIG_HOME"], "publish-all")
    folder.mkdir(parents=True)
    text = "[repositories.corp_eu]\nurl = 'https://pypi.corp.example/legacy/'\n"
    (folder / "config.toml").write_text(text)
    stated = f"[tool.publish-all.repositories.{name}]\nurl = '{stranger.url}/legacy/'\n"
    done = publish(stated, "-r", name)
    assert done.code == 3, done.text
    assert "set, but it is for https://pypi.corp.example/legacy/" in done.text
    ensure_nothing_was_given(stranger)


@pytest.mark.parametrize(
    "audience", ["pypi", "PyPI", "testpypi", "sigstore", "https://upload.pypi.org", None]
)
def test_an_identity_that_another_service_would_take_is_not_asked_for(
    audience: str | None, publish, stranger: Stranger, monkeypatch
) -> None:
    stranger.audience = audience
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{stranger.url}/identity?v=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", CANARY)
    stated = f"[tool.publish-all.repositories.corp]\nurl = '{stranger.url}/legacy/'\n"
    for words in ((), ("--auth", "oidc"), ("--dry-run",)):
        done = publish(stated, "-r", "corp", *words)
        assert done.code == 3, done.text
    ensure_nothing_was_given(stranger)


@pytest.mark.parametrize("kind", ["legacy", "oci"])
@pytest.mark.parametrize("name", ["corp", "pypi-org", "ghcr"])
def test_variables_of_tools_and_of_other_names_stay_here(
    kind: str, name: str, publish, stranger: Stranger, monkeypatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, CANARY)
    url = f"{stranger.url}/team" if kind == "oci" else f"{stranger.url}/legacy/"
    done = publish(f"[tool.publish-all.repositories.{name}]\nkind = '{kind}'\nurl = '{url}'\n", "-r", name)
    assert done.code == 3, done.text
    assert CANARY not in done.text
    assert stranger.sent
    ensure_nothing_was_given(stranger)


def test_a_pypi_lookalike_under_the_users_name_for_another_url(
    publish, stranger: Stranger, environment: dict[str, str]
) -> None:
    """Poetry's own configuration knows `corp` at one URL, and keeps a password for it."""
    folder = Path(environment["POETRY_CONFIG_DIR"])
    (folder / "config.toml").write_text("[repositories.corp]\nurl = 'https://pypi.corp.example/legacy/'\n")
    (folder / "auth.toml").write_text(f"[http-basic.corp]\nusername = 'ada'\npassword = '{CANARY}'\n")
    stated = f"[tool.publish-all.repositories.corp]\nurl = '{stranger.url}/legacy/'\n"
    done = publish(stated, "-r", "corp")
    assert done.code == 3, done.text
    ensure_nothing_was_given(stranger)


@pytest.fixture
def ring(tmp_path: Path, publish, monkeypatch) -> Iterator[Path]:
    """A keyring in a file, in place of the one that this process has."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "credential_stand_ins")
    monkeypatch.setenv("JSON_KEYRING", str(tmp_path / "keyring.json"))
    import json_keyring

    before = keyring.get_keyring()
    keyring.set_keyring(json_keyring.Keyring())
    yield tmp_path / "keyring.json"
    keyring.set_keyring(before)
    sys.modules.pop("json_keyring")


def test_what_is_stored_for_other_urls_stays_here(ring: Path, publish, stranger: Stranger) -> None:
    services = (
        PYPI,
        "https://pypi.org",
        "pypi.org",
        "https://127.0.0.1/legacy/",
        "http://127.0.0.1:1/legacy/",
        f"{stranger.url}.example/legacy/",
        "poetry-repository-other",
        "poetry-repository-pypi",
        f"{PYPI}#demo",
    )
    ring.write_text(json.dumps({f"{service}\n{user}": CANARY for service in services for user in USERS}))
    sections = "".join(
        f"[{name}]\nrepository = {url}\nusername = __token__\npassword = {CANARY}\n"
        for name, url in (("pypi", PYPI), ("demo", PYPI), ("corp", "https://pypi.corp.example/legacy/"))
    )
    pypirc = Path(os.environ["HOME"], ".pypirc")
    pypirc.write_text(f"[distutils]\nindex-servers = pypi demo corp\n{sections}")
    pypirc.chmod(0o600)
    stated = f"[tool.publish-all.repositories.corp]\nurl = '{stranger.url}/legacy/'\nusername = 'ada'\n"
    done = publish(stated, "-r", "corp")
    assert done.code == 3, done.text
    assert stranger.sent
    ensure_nothing_was_given(stranger)


def test_what_is_stored_for_this_url_is_sent(ring: Path, publish, stranger: Stranger) -> None:
    """So that the tests above look for something that would be seen."""
    ring.write_text(json.dumps({f"{stranger.url}/legacy/\nada": CANARY}))
    stated = f"[tool.publish-all.repositories.corp]\nurl = '{stranger.url}/legacy/'\nusername = 'ada'\n"
    done = publish(stated, "-r", "corp")
    assert done.code == 3, done.text
    everything = "\n".join(stranger.sent)
    assert any(each in everything for each in spellings(Secret(CANARY), username="ada")), done.text
