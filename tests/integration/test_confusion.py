"""Dependency confusion: a stranger offers 99.0 of a private name in every place that pip, uv and Poetry know of.

Each cell of the table is one installation under `exec`: a tool, the place where the stranger's index is
named, and the state of the private registry. It ends with our version, with a refusal before the tool is
started, or with the tool's failure; never with the stranger's version.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness.environments import installed
from harness.hosts import poetry as poetry_host
from harness.process import clean_environment, make_venv, run
from harness.servers import start_registry
from served import program, wheel

from publish_all._secret import Secret
from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions
from publish_all.commands.exec import execute
from publish_all.commands.index import IndexOptions
from publish_all.config.folders import Folders, HostFolders
from publish_all.errors import UsageError

OURS, REFUSED, FAILED = "ours", "refused before start", "failed"
PROJECT = (
    '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["kindling-demo"]\n'
)
STATES = ("up", "empty", "401", "403", "500", "down")


class Stranger:
    """An index with 99.0 of our name, which remembers what it was asked for; `folder` has the same file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        file = wheel(folder, "kindling-demo", "99.0")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        page = f'<!DOCTYPE html><a href="/files/{file.name}#sha256={digest}">{file.name}</a>'.encode()
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                named = "kindling" in self.path or self.path == "/links/"
                body = file.read_bytes() if self.path.endswith(".whl") else page
                self.send_response(200 if named else 404)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body) if named else 0))
                self.end_headers()
                if named and self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - the names of the standard library

            def log_message(self, *arguments: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/simple/"
        self.links = self.url.replace("/simple/", "/links/")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Refusing:
    """A registry that answers everything with one status."""

    def __init__(self, status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What all cells share: the stranger, addresses of the registry by its state, and a Python with pip."""

    stranger: Stranger
    registries: Mapping[str, str]
    python: Path


@dataclass(kw_only=True, slots=True)
class Cell:
    """One installation: a place changes its files, variables and words."""

    tool: str
    world: World
    folder: Path
    environment: dict[str, str]
    before: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    pyproject: str = PROJECT
    port: int = 0

    @property
    def url(self) -> str:
        return self.world.stranger.url

    def write(self, path: str, text: str) -> Path:
        found = self.folder / path
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_text(text)
        return found

    def command(self) -> list[str]:
        target = str(self.folder / "installed")
        uv = str(installed("dev", "uv"))
        match self.tool:
            case "pip":
                pip = [str(self.world.python), "-m", "pip", *self.before, "install", "--target", target]
                return [*pip, "--no-deps", *self.words, "kindling-demo"]
            case "uv pip":
                return [uv, *self.before, "pip", "install", "--target", target, *self.words, "kindling-demo"]
            case "uv sync" if "-r" in self.words:
                inner = ["python", "-c", "import kindling_demo"]
                return [uv, "run", "--with-requirements", self.words[1], *inner]
            case "uv sync":
                return [uv, *self.before, "sync", *self.words]
            case _:
                if self.words[:1] == ["-r"]:
                    return [
                        *self.poetry(),
                        "run",
                        str(self.world.python),
                        "-m",
                        "pip",
                        "install",
                        *self.words,
                    ]
                return [*self.poetry(), "install", "-n", *self.words]

    def poetry(self) -> list[str]:
        return [str(poetry_host("newest", {}).program)]

    def version(self) -> str | None:
        """What is installed of the private name."""
        found = list(self.folder.rglob("kindling_demo-*.dist-info"))
        return found[0].name.split("-")[1].removesuffix(".dist") if found else None

    def outcome(self, state: str) -> str:
        self.write("project/pyproject.toml", self.pyproject)
        home = self.folder / "home"
        hosts = HostFolders(
            uv=home / "config/uv/uv.toml",
            **{name: home / name for name in ("poetry", "hatch", "pdm", "pypirc")},
        )
        runtime = Runtime(
            environment=self.environment
            | {"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{self.world.registries[state]}"},
            home=home,
            folders=Folders(config=home / "config.toml", data=home / "data", hosts=hosts),
        )
        connection = ConnectionOptions(
            repositories=("github",), username="dev", password=Secret("x"), timeout=5, runtime=runtime
        )
        index = IndexOptions(
            directory=self.folder / "project",
            connection=connection,
            private=("kindling-*",),
            fallbacks=(self.url,),
            cache_dir=self.folder / "cache",
        )
        started = False

        def attached(command: tuple[str, ...], *, cwd: Path, environment: Mapping[str, str]) -> int:
            nonlocal started
            started = True
            return run(command, cwd=cwd, environment=environment).returncode

        try:
            code = execute(
                tuple(self.command()), index, port=self.port, cwd=self.folder / "project", run=attached
            )
        except UsageError:
            assert not started
            return REFUSED
        return FAILED if code else OURS


Put = Callable[[Cell], None]


def variable(cell: Cell) -> None:
    names = ("PIP_EXTRA_INDEX_URL", "PIP_extra-index-url", "PIP_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
    cell.environment |= dict.fromkeys(names, cell.url)


def users_file(cell: Cell) -> None:
    cell.write(
        "home/config/pip/pip.conf", f"[install]\nindex-url = {cell.url}\nextra-index-url = {cell.url}\n"
    )
    cell.write("home/config/uv/uv.toml", f'extra-index-url = ["{cell.url}"]\n[[index]]\nurl = "{cell.url}"\n')


def projects_file(cell: Cell) -> None:
    """Of an environment for pip, of the checkout for uv and Poetry."""
    cell.environment["PIP_CONFIG_FILE"] = str(
        cell.write("project/pip.conf", f"[global]\nextra-index-url = {cell.url}\n")
    )
    cell.write("project/uv.toml", f'[[index]]\nname = "corp"\nurl = "{cell.url}"\n')
    cell.pyproject += f'[[tool.poetry.source]]\nname = "corp"\nurl = "{cell.url}"\n'


def requirements_file(cell: Cell) -> None:
    cell.write("project/requirements.txt", f"--extra-index-url {cell.url}\nkindling-demo\n")
    cell.words += ["-r", "requirements.txt"]


def nested_file(cell: Cell) -> None:
    cell.write("project/more/nested.txt", f"--index-url={cell.url}\n")
    cell.write("project/requirements.txt", "-c more/constraints.txt\nkindling-demo\n")
    cell.write("project/more/constraints.txt", "-r nested.txt\n")
    cell.words += ["-r", "requirements.txt"]


def option(cell: Cell) -> None:
    cell.words += ["--extra-index-url", cell.url]


def find_links(cell: Cell) -> None:
    names = ("PIP_FIND_LINKS", "UV_FIND_LINKS")
    cell.environment |= dict.fromkeys(names, str(cell.world.stranger.folder))
    cell.write("home/config/pip/pip.conf", f"[global]\nfind-links = {cell.world.stranger.links}\n")
    cell.write("home/config/uv/uv.toml", f'find-links = ["{cell.world.stranger.links}"]\n')


def find_links_option(cell: Cell) -> None:
    cell.words += ["--find-links", str(cell.world.stranger.folder)]


def proxy_and_no_index(cell: Cell) -> None:
    """uv's proxies are for all hosts, too."""
    cell.write("home/config/uv/uv.toml", 'http-proxy = "http://127.0.0.1:9"\nno-index = true\n')
    text = (
        f"[global]\nproxy = http://127.0.0.1:9\nno-index = true\nfind-links = {cell.world.stranger.links}\n"
    )
    cell.write("home/config/pip/pip.conf", text)


def uv_index(cell: Cell) -> None:
    cell.pyproject += f'[[tool.uv.index]]\nname = "corp"\nurl = "{cell.url}"\n'


def uv_sources(cell: Cell) -> None:
    uv_index(cell)
    cell.pyproject += '[tool.uv.sources]\nkindling-demo = { index = "corp" }\n'


PLACES: Mapping[str, Put] = {
    put.__name__: put
    for put in (
        variable,
        users_file,
        projects_file,
        requirements_file,
        nested_file,
        option,
        find_links,
        find_links_option,
        proxy_and_no_index,
        uv_index,
        uv_sources,
    )
}
IN_THE_COMMAND = ("requirements_file", "nested_file", "option", "find_links_option")
TOOLS = ("pip", "uv pip", "uv sync", "poetry")


def expected(tool: str, place: str, state: str) -> str:
    if tool == "poetry" or place in IN_THE_COMMAND:
        return REFUSED
    return OURS if state == "up" else FAILED


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("confusion")
    registry = start_registry(folder / "registry")
    environment = clean_environment(folder / "home")
    address = {"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{registry.host}/sep"}
    who = {"GITHUB_TOKEN": "t", "GITHUB_ACTOR": "dev"}
    file = wheel(folder / "ours", "kindling-demo", "1.0")
    publish = [program(), "publish", "-r", "github", "--no-verify", file]
    run(publish, cwd=folder, environment=environment | address | who, check=True)
    stranger = Stranger(folder / "stranger")
    refusing = {str(status): Refusing(status) for status in (401, 403, 500)}
    registries = {name: f"{each.host}/sep" for name, each in refusing.items()}
    registries |= {"up": f"{registry.host}/sep", "empty": f"{registry.host}/nobody"}
    with socket.create_server(("127.0.0.1", 0)) as held:
        # Bound, and not listening any more: nothing answers there while the tests run.
        registries["down"] = f"127.0.0.1:{held.getsockname()[1]}/sep"
    yield World(stranger=stranger, registries=registries, python=make_venv(folder / "python", environment))
    for each in (*refusing.values(), stranger, registry):
        each.stop()


def make_cell(tool: str, place: str, world: World, folder: Path) -> Cell:
    environment = {
        name: value
        for name, value in clean_environment(folder / "home").items()
        if not name.endswith(("_FIND_LINKS", "_CACHE_DIR", "_INDEX_URL")) and name != "PIP_CONFIG_FILE"
    }
    environment |= {"PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0", "UV_PYTHON": str(world.python)}
    cell = Cell(tool=tool, world=world, folder=folder, environment=environment)
    (folder / "project").mkdir()
    PLACES[place](cell)
    return cell


def check(tool: str, place: str, state: str, world: World, folder: Path) -> None:
    before = len(world.stranger.asked)
    cell = make_cell(tool, place, world, folder)
    outcome = cell.outcome(state)
    assert (outcome, cell.version()) == (
        expected(tool, place, state),
        "1.0" if outcome == OURS else None,
    )
    # A stranger who is told a private name can take it.
    assert [each for each in world.stranger.asked[before:] if "kindling" in each or "links" in each] == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_stranger_is_not_installed_wherever_their_index_is_named(
    tool: str, place: str, world: World, tmp_path: Path
) -> None:
    check(tool, place, "up", world, tmp_path)


@pytest.mark.parametrize("state", STATES[1:])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_stranger_is_not_installed_whatever_the_registry_answers(
    tool: str, state: str, world: World, tmp_path: Path
) -> None:
    check(tool, "variable", state, world, tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize("tool", TOOLS)
def test_the_whole_table(tool: str, world: World, tmp_path: Path) -> None:
    for place, state in itertools.product(PLACES, STATES):
        folder = tmp_path / f"{place}-{state}"
        check(tool, place, state, world, folder)
        shutil.rmtree(folder)


def test_a_frozen_lock_of_the_stranger_is_refused(world: World, tmp_path: Path) -> None:
    cell = make_cell("uv sync", "uv_sources", world, tmp_path)
    cell.write("project/pyproject.toml", cell.pyproject)
    uv = installed("dev", "uv")
    run([uv, "lock"], cwd=tmp_path / "project", environment=cell.environment, check=True)
    assert "99.0" in (tmp_path / "project" / "uv.lock").read_text()
    cell.words.append("--frozen")
    assert cell.outcome("up") == REFUSED
    # Otherwise uv compares the lock with its indexes, and locks again.
    cell.words.remove("--frozen")
    assert (cell.outcome("up"), cell.version()) == (OURS, "1.0")


def test_a_script_that_names_the_stranger_is_refused(world: World, tmp_path: Path) -> None:
    cell = make_cell("uv sync", "variable", world, tmp_path)
    script = f'# /// script\n# dependencies = ["kindling-demo"]\n# [tool.uv]\n# extra-index-url = ["{cell.url}"]\n# ///\n'
    cell.write("project/s.py", script)
    cell.words += ["-r", "s.py"]
    assert cell.outcome("up") == REFUSED
