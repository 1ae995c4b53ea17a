"""Servers, started once a session; hosts with our plugins; examples to work on."""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `harness`, which is no test and so is not collected

# `oci_fakes`, a registry in the process, is at home with the tests of the repositories.
sys.path.append(str(Path(__file__).parents[1] / "shared" / "repositories"))

from catalogue_world.public_index import Internet, internet
from catalogue_world.world import World
from harness import hosts, projects, servers
from harness.process import clean_environment
from harness.token_server import TokenServer, make_token_server
from oidc_index import OidcIndex
from workflow_runner import Runner

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        yield world


@pytest.fixture
def make_world(net: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    for name in (*PROXIES, *(each.lower() for each in PROXIES)):
        monkeypatch.delenv(name, raising=False)
    # There is no argument for it: names are looked up below every library that speaks HTTP.
    monkeypatch.setattr(socket, "getaddrinfo", net.addresses)

    def make(name: str) -> World:
        return World(folder=tmp_path / name, net=net, monkeypatch=monkeypatch)

    return make


@pytest.fixture
def pypiserver(tmp_path: Path) -> Iterator[servers.Server]:
    """A pypiserver with a password, empty, for one test."""
    server = servers.start_pypiserver(tmp_path / "pypiserver", password=servers.PASSWORD)
    yield server
    server.stop()


@pytest.fixture
def open_pypiserver(tmp_path: Path) -> Iterator[servers.Server]:
    """A pypiserver that anyone may upload to, empty, for one test."""
    server = servers.start_pypiserver(tmp_path / "open-pypiserver", password=None)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def devpi_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Devpi]:
    devpi = servers.start_devpi(tmp_path_factory.mktemp("devpi"))
    yield devpi
    devpi.process.stop()


@pytest.fixture
def devpi(devpi_process: servers.Devpi) -> servers.Server:
    """A fresh index of the session's devpi; don't stop it."""
    return devpi_process.new_index(f"i{uuid.uuid4().hex}")


@pytest.fixture
def open_registry(tmp_path: Path) -> Iterator[servers.Registry]:
    registry = servers.start_registry(tmp_path / "registry")
    yield registry
    registry.stop()


@pytest.fixture
def registry_with_password(tmp_path: Path) -> Iterator[servers.Registry]:
    registry = servers.start_registry(tmp_path / "registry", password=servers.PASSWORD)
    yield registry
    registry.stop()


@pytest.fixture
def token_server(tmp_path: Path) -> Iterator[TokenServer]:
    """The token endpoint of `registry_with_tokens`; it keeps what was asked of it."""
    folder = tmp_path / "token-registry"
    folder.mkdir()
    tokens = make_token_server(folder, username=servers.USER, password=servers.PASSWORD)
    tokens.start()
    yield tokens
    tokens.stop()


@pytest.fixture
def registry_with_tokens(token_server: TokenServer, tmp_path: Path) -> Iterator[servers.Registry]:
    """A registry which, like ghcr.io, takes bearer tokens from a token endpoint only."""
    registry = servers.start_registry(tmp_path / "token-registry", tokens=token_server)
    yield registry
    registry.stop()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """For hosts and clients: a home of its own, no credentials, no keyring, our wheels to be found."""
    return clean_environment(tmp_path / "home")


@pytest.fixture(params=hosts.LOWEST_AND_NEWEST)
def poetry(request: pytest.FixtureRequest, environment: dict[str, str]) -> hosts.Host:
    return hosts.poetry(request.param, environment)


@pytest.fixture(params=hosts.LOWEST_AND_NEWEST)
def hatch(request: pytest.FixtureRequest, environment: dict[str, str]) -> hosts.Host:
    return hosts.hatch(request.param, environment)


@pytest.fixture
def newest_poetry(environment: dict[str, str]) -> hosts.Host:
    return hosts.poetry("newest", environment)


@pytest.fixture
def newest_hatch(environment: dict[str, str]) -> hosts.Host:
    return hosts.hatch("newest", environment)


@pytest.fixture
def kindling(tmp_path: Path) -> Path:
    """The Poetry example as a git checkout, with ignored files lying about."""
    project = projects.copy_example("kindling", tmp_path / "kindling")
    projects.add_junk(project)
    return project


@pytest.fixture
def fastorm(tmp_path: Path) -> Path:
    """The Hatch example as a git checkout."""
    return projects.copy_example("fastorm", tmp_path / "fastorm")


@pytest.fixture
def job_index(open_pypiserver: servers.Server) -> Iterator[OidcIndex]:
    """Takes the identities of jobs, and the token of the project."""
    index = OidcIndex(behind=open_pypiserver.upload_url.rstrip("/"))
    index.minted["token-of-the-project"] = 0
    index.start()
    yield index
    index.stop()


@pytest.fixture
def runner(tmp_path: Path, job_index: OidcIndex, open_registry: servers.Registry) -> Runner:
    """GitHub's runners, for the checkout in `project`."""
    (token,) = job_index.minted
    destinations = {
        f"PUBLISH_ALL_REPOSITORIES_{name}_{key}": value
        for name in ("PYPI", "TESTPYPI", "CORP")
        for key, value in (("URL", f"{job_index.url}/"), ("INDEX_URL", f"{job_index.url}/simple/"))
    }
    registry = {"PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{open_registry.host}/{{owner}}"}
    return Runner(
        project=tmp_path / "project",
        folder=tmp_path / "github",
        environment={**destinations, **registry},
        identity=job_index.job,
        secrets=dict.fromkeys(("PYPI_TOKEN", "PYPI_API_TOKEN", "NEXUS_TOKEN"), token),
    )
