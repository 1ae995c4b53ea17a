"""A secret that every command is given, through every failure, and that shows itself nowhere."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput
from echo_server import EchoServer
from made_files import make_wheel
from oidc_index import REQUEST_TOKEN, OidcIndex

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.registry import COMMANDS

CANARY = "canary/7f3e9b+do=not-show"
BACKEND = '''\
"""A build backend that writes down all that its process can see of secrets."""
import os, pathlib
from build_it import make_wheel

def build_wheel(folder, config_settings=None, metadata_directory=None):
    see(os.path.join(os.environ["SEEN"], "build"))
    return make_wheel(pathlib.Path(folder), "demo", "1.0").name

def build_sdist(folder, config_settings=None):
    from build_it import make_sdist
    return make_sdist(pathlib.Path(folder), "demo", "1.0").name

def see(path):
    with open(path, "ab") as file:
        file.write(repr(sorted(os.environ.items())).encode() + b"\\n")
        mine = os.fsencode("SEEN=" + os.environ["SEEN"])
        for each in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (each / "environ").read_bytes()
                if mine in environment:  # a process of this very test
                    file.write((each / "cmdline").read_bytes() + b"\\n" + environment + b"\\n")
            except OSError:
                pass  # it has ended, or is not ours

if __name__ == "__main__":
    see(os.path.join(os.environ["SEEN"], "before"))
'''


@pytest.fixture(scope="module")
def started() -> Iterator[EchoServer]:
    server = EchoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(started: EchoServer) -> EchoServer:
    started.status, started.form, started.late = 403, "json", False
    started.shown.clear()
    return started


@pytest.fixture
def project(tmp_path: Path, server: EchoServer, environment: dict[str, str], monkeypatch) -> Path:
    """A project with repositories of each kind on the server, in an environment of its own."""
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    (tmp_path / "seen").mkdir()
    root = tmp_path / "project"
    root.mkdir()
    (root / "backend.py").write_text(BACKEND)
    (root / "build_it.py").write_text(Path(__file__).with_name("made_files.py").read_text())
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "demo"\nversion = "1.0"\n'
        "[tool.publish-all]\n"
        "publish-to = ['corp']\n"
        f"[tool.publish-all.repositories.corp]\nurl = '{server.url}/legacy/'\nusername = '__token__'\n"
        f"index-url = '{server.url}/simple/'\n"
        f"[tool.publish-all.repositories.box]\nkind = 'oci'\nurl = 'http://127.0.0.1:{server.port}/team'\n"
    )
    (root / "receipt.json").write_text("{}")
    return root


@dataclass
class Ended:
    code: int
    text: str


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Callable[..., Ended]:
    """Runs a command in this process; gives its exit code and all that it has said and left behind."""

    def run(*words: str) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        code = PublishAllApplication().run(
            ArgvInput(["publish-all", "-C", str(project), "-n", *words]), StreamOutput(out), StreamOutput(err)
        )
        files = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != ".pypirc"]
        left = [f"{each}\n{each.read_bytes().decode(errors='replace')}" for each in files]
        return Ended(code=code, text="\n".join([out.getvalue(), err.getvalue(), *left]))

    return run


def forms(secret: str, user: str = "__token__") -> set[str]:
    """How a secret looks in the texts of programs."""
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    alone = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, pair, alone, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}


def ensure_hidden(text: str, *secrets: str) -> None:
    for secret in secrets:
        for form in forms(secret) | forms(secret, "ada"):
            at = text.find(form)
            assert at < 0, f"{form} in: …{text[max(0, at - 300) : at + 100]}…"


@pytest.fixture
def given(monkeypatch) -> None:
    """The canary, for both repositories and for whoever the failing names belong to."""
    for name in ("CORP_TOKEN", "BOX_TOKEN", "PYPI_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.setenv(f"PUBLISH_ALL_{name}", CANARY)


SHOWING = [("-vvv",), ("--format", "json")]
REFUSALS = [(401, "json"), (403, "html"), (400, "text"), (404, "json"), (302, "html"), (501, "text")]


@pytest.mark.parametrize("late", [False, True], ids=["in preflight", "in the upload"])
@pytest.mark.parametrize(("status", "form"), REFUSALS)
def test_publish_to_a_server_that_repeats_what_it_is_shown(
    status: int, form: str, late: bool, server: EchoServer, run, given, project: Path, monkeypatch
) -> None:
    server.status, server.form, server.late = status, form, late
    summary = project / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (project / "files").mkdir()
    # What is small is uploaded without asking much before.
    wheel = str(make_wheel(project / "files", "demo", "1.0", size=2000 if late else 1 << 20))
    for words in (("-vvv",), ("--format", "json", "--events")):
        # A run can hide what it has shown itself, not what the server knows from the run before.
        server.shown.clear()
        done = run("publish", "-r", "corp", "--auth", "token", *words, wheel)
        assert done.code not in {0, 2}, done.text
        ensure_hidden(done.text, CANARY)
        assert any(path == "/legacy/" for path, _ in server.shown)
    assert summary.is_file() is late


@pytest.mark.parametrize(("status", "form"), REFUSALS[:-1])  # 501 is asked again for a while
def test_oci_registries_that_repeat_what_they_are_shown(
    status: int, form: str, server: EchoServer, run, given, project: Path
) -> None:
    server.status, server.form = status, form
    (project / "files").mkdir()
    wheel = str(make_wheel(project / "files", "demo", "1.0"))
    for command in (("list", "demo"), ("download", "demo"), ("publish", wheel)):
        for words in SHOWING:
            done = run(command[0], "-r", "box", *words, *command[1:])
            assert done.code != 0, done.text
            ensure_hidden(done.text, CANARY)
    assert server.shown


# What a command needs to come as far as a credential matters; those that are not here need nothing.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "delete": ("-r", "box", "demo==1", "-y"),
    "download": ("-r", "box", "demo"),
    "exec": ("-r", "box", "--no-fallback", "--", sys.executable, "-c", ""),
    "finalize": ("-r", "box", "receipt.json"),
    "list": ("-r", "box", "demo"),
    "login": ("corp",),
    "publish": ("-r", "corp"),
    "repositories": ("--register", "poetry"),
    "unyank": ("-r", "box", "demo==1"),
    "yank": ("-r", "box", "demo==1"),
}


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"serve"}))
def test_every_command(name: str, run, given, server: EchoServer) -> None:
    words = ARGUMENTS.get(name, ())
    ensure_hidden(run(name, "-vvv", *words).text, CANARY)
    if name != "exec":
        ensure_hidden(run(name, "--format", "json", *words).text, CANARY)


def test_serve(run, given, server: EchoServer, monkeypatch) -> None:
    monkeypatch.setenv("PUBLISH_ALL_SERVE_PASSWORD", CANARY)
    done = run("serve", "-vvv", "-r", "box", "--port", str(server.port))
    assert done.code != 0
    ensure_hidden(done.text, CANARY)


def test_neither_builds_nor_before_publish_nor_the_list_of_processes_see_it(
    run, given, server: EchoServer, project: Path, tmp_path: Path
) -> None:
    server.late = True
    pyproject = project / "pyproject.toml"
    step = (
        f"[tool.publish-all]\nbuild-environment = ['SEEN']\nbefore-publish = ['{sys.executable} backend.py']"
    )
    pyproject.write_text(pyproject.read_text().replace("[tool.publish-all]", step))
    done = run("publish", "-r", "corp", "--auth", "token", "-p", CANARY)
    assert done.code == 3, done.text
    assert (tmp_path / "seen" / "build").is_file()
    assert (tmp_path / "seen" / "before").is_file()
    assert any(path == "/legacy/" for path, _ in server.shown)
    ensure_hidden(done.text, CANARY)


@pytest.mark.parametrize("value", [CANARY, f"{CANARY}x x", f"pypi-{CANARY}", f"ghp_{CANARY}"])
@pytest.mark.parametrize("place", ["variable", "pypirc"])
def test_tokens_that_are_refused_before_they_are_sent(
    place: str, value: str, run, project: Path, monkeypatch
) -> None:
    if place == "variable":
        monkeypatch.setenv("PYPI_TOKEN", value)
    else:
        text = f"[pypi]\nusername = __token__\npassword = {value}\n"
        Path(os.environ["HOME"], ".pypirc").write_text(text)
    for words in SHOWING:
        done = run("repositories", *words)
        assert "refused:" in done.text
        ensure_hidden(done.text, CANARY)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_login(server: EchoServer, monkeypatch, project: Path) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: CANARY)
    monkeypatch.setattr("sys.stdin", Terminal())
    for verbosity in ("-v", "-vv", "-vvv"):
        out = io.StringIO()
        command = ArgvInput(["publish-all", "-C", str(project), "login", "corp", verbosity])
        command.set_stream(Terminal())
        code = PublishAllApplication().run(command, StreamOutput(out), StreamOutput(out))
        assert code != 0
        assert "No keyring found on this machine" in out.getvalue()
        ensure_hidden(out.getvalue(), CANARY)


@pytest.mark.parametrize("code", [None, "invalid-publisher", "invalid-token", "invalid-reuse-token"])
def test_trusted_publishing(
    code: str | None, run, server: EchoServer, project: Path, monkeypatch, capfd
) -> None:
    """A minted token is refused by the index; and identity tokens, by the service that mints."""
    server.late = True
    index = OidcIndex(behind=server.url, refuse_with=code, uploads_per_token=0)
    index.start()
    try:
        for name, value in index.job.items():
            monkeypatch.setenv(name, value)
        pyproject = project / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace(server.url, index.url))
        (project / "files").mkdir()
        wheel = str(make_wheel(project / "files", "demo", "1.0"))
        for words in SHOWING:
            done = run("publish", "-r", "corp", *words, wheel)
            assert done.code == 3, done.text
            ensure_hidden(done.text, REQUEST_TOKEN, *index.jwts, *index.minted)
        assert index.jwts
        # The commands that mask them are read by the runner, which does not show them.
        said = "".join(line for line in capfd.readouterr().err.splitlines() if "::add-mask::" not in line)
        ensure_hidden(said, REQUEST_TOKEN, *index.jwts, *index.minted)
    finally:
        index.stop()
