"""A served index over registries like GitHub's: bearer tokens for each user, and very many versions."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from harness.process import clean_environment, run
from harness.servers import PASSWORD, USER, Registry
from harness.token_server import TokenServer
from packaging.version import Version
from served import Served, github_at, program, serving, wheel

from publish_all.commands.context import Runtime
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.distributions.distribution import Distribution, Release
from publish_all.distributions.read import read_distribution
from publish_all.results import FileState

JSON = "application/vnd.pypi.simple.v1+json"
VERSIONS = 1000
TAGS = ("py3-none-any", "cp312-cp312-win_amd64", "cp313-cp313-win_amd64")


@pytest.fixture
def index(registry_with_tokens: Registry, tmp_path: Path) -> Iterator[Served]:
    """One private package behind tokens; the server itself has no credential."""
    file = wheel(tmp_path / "ours", "kindling-synapse", "0.2.0")
    environment = clean_environment(tmp_path / "home") | github_at(registry_with_tokens)
    who = {"GITHUB_TOKEN": PASSWORD, "GITHUB_ACTOR": USER}
    run([program(), "publish", "-r", "github", file], cwd=tmp_path, environment=environment | who, check=True)
    with serving(
        tmp_path / "index", "-r", "github", "--private", "kindling-*", environment=environment
    ) as running:
        yield running


def page(index: Served, project: str, **headers: str) -> tuple[int, str]:
    """The status and text of a project's page."""
    request = urllib.request.Request(f"{index.simple}{project}/", headers={"Accept": JSON, **headers})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_each_user_is_asked_for_at_the_token_endpoint(index: Served, token_server: TokenServer) -> None:
    assert page(index, "kindling-synapse")[0] == 401
    assert page(index, "kindling-synapse", Authorization=basic(USER, "wrong"))[0] == 401
    status, text = page(index, "kindling-synapse", Authorization=basic(USER, PASSWORD))
    assert status == 200
    (file,) = json.loads(text)["files"]
    assert file["filename"] == "kindling_synapse-0.2.0-py3-none-any.whl"
    # What one user was shown is not kept for the next.
    assert page(index, "kindling-synapse")[0] == 401
    assert PASSWORD not in index.log()


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_thousand_versions_are_listed(open_registry: Registry, tmp_path: Path) -> None:
    base = read_distribution(wheel(tmp_path / "ours", "many", "1.0"))
    push(open_registry, tmp_path, base)
    environment = clean_environment(tmp_path / "home") | github_at(open_registry)
    options = ("-r", "github", "--private", "many")
    with serving(tmp_path / "index", *options, environment=environment) as index:
        status, text = page(index, "many")
    assert status == 200
    listed = json.loads(text)
    assert len(listed["versions"]) == VERSIONS
    expected = {name_of(number, tag) for number in range(VERSIONS) for tag in TAGS}
    assert {each["filename"] for each in listed["files"]} == expected
    assert {each["hashes"]["sha256"] for each in listed["files"]} == {base.digests.sha256}


def push(registry: Registry, folder: Path, base: Distribution) -> None:
    """The same bytes under many names, so that there is little to send."""
    variables: Mapping[str, str] = github_at(registry)
    runtime = Runtime(environment=variables, home=folder)
    connection = ConnectionOptions(repositories=("github",), runtime=runtime)
    (repository,) = open_connection(None, connection).repositories()

    def publish(number: int) -> bool:
        files = tuple(
            replace(
                base, path=base.path.with_name(name_of(number, tag)), version=Version(f"1.{number}"), tag=tag
            )
            for tag in TAGS
        )
        pushed = [repository.upload(each).status for each in files]
        release = Release(project=base.project, version=Version(f"1.{number}"), distributions=files)
        return set(pushed) == {FileState.UPLOADED} and repository.commit(release).complete

    assert repository.upload(base).status is FileState.UPLOADED
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(publish, range(VERSIONS)))


def name_of(number: int, tag: str) -> str:
    return f"many-1.{number}-{tag}.whl"
