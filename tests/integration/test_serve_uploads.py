"""Uploading through a served index into a private registry, with the clients that people have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import hosts
from harness.environments import installed
from harness.process import clean_environment, run
from harness.servers import PASSWORD, USER, start_registry
from served import Served, github_at, program, serving, wheel

NAME = "kindling-synapse"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("uploads")
    registry = start_registry(folder / "registry", password=PASSWORD)
    environment = clean_environment(folder / "home") | github_at(registry)
    with serving(folder / "serve", "-r", "github", environment=environment) as running:
        yield running
    registry.stop()


def upload_url(index: Served) -> str:
    return f"{index.url}/legacy/"


def listed(index: Served, tmp_path: Path, environment: dict[str, str], *files: Path) -> list[str]:
    """Which of the files pip finds and fetches, with the bytes that were sent."""
    target = tmp_path / "fetched"
    names = [f"{NAME}=={file.name.split('-')[1]}" for file in files]
    command = [
        installed("dev", "python"),
        "-m",
        "pip",
        "download",
        "--isolated",
        "--no-cache-dir",
        "--no-deps",
    ]
    for name in names:
        options = ["--index-url", index.as_user(USER, PASSWORD), "-d", target, name]
        run([*command, *options], cwd=tmp_path, environment=environment, check=True)
    return [file.name for file in files if (target / file.name).read_bytes() == file.read_bytes()]


def test_twine_and_uv_upload(index: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    by_twine = wheel(tmp_path / "twine", NAME, "0.1.0", padding=300_000)
    by_uv = wheel(tmp_path / "uv", NAME, "0.2.0")
    twine = [installed("dev", "twine"), "upload", "--non-interactive", "--repository-url", upload_url(index)]
    who = {"TWINE_USERNAME": USER, "TWINE_PASSWORD": PASSWORD}
    run([*twine, by_twine], cwd=tmp_path, environment=environment | who, check=True)
    run([*twine, by_twine], cwd=tmp_path, environment=environment | who, check=True)
    uv = [installed("dev", "uv"), "publish", "--publish-url", upload_url(index), "-u", USER, "-p", PASSWORD]
    run([*uv, by_uv], cwd=tmp_path, environment=environment, check=True)
    assert listed(index, tmp_path, environment, by_twine, by_uv) == [by_twine.name, by_uv.name]

    other = wheel(tmp_path / "other", NAME, "0.1.0", padding=10)
    conflict = run([*twine, other], cwd=tmp_path, environment=environment | who)
    assert conflict.returncode != 0
    assert "409" in conflict.output
    wrong = run([*twine, by_uv], cwd=tmp_path, environment=environment | who | {"TWINE_PASSWORD": "wrong"})
    assert wrong.returncode != 0
    assert "403" in wrong.output
    assert PASSWORD not in index.log()


def test_poetry_uploads(index: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    file = wheel(tmp_path / "dist", NAME, "0.3.0")
    project = f'[project]\nname = "{NAME}"\nversion = "0.3.0"\nrequires-python = ">=3.10"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    variables = {
        "POETRY_REPOSITORIES_CORP_URL": upload_url(index),
        "POETRY_HTTP_BASIC_CORP_USERNAME": USER,
        "POETRY_HTTP_BASIC_CORP_PASSWORD": PASSWORD,
    }
    poetry = hosts.poetry("newest", environment)
    poetry("publish", "-n", "-r", "corp", "--no-plugins", cwd=tmp_path, environment=variables, check=True)
    assert listed(index, tmp_path, environment, file) == [file.name]


def test_hatch_uploads(index: Served, tmp_path: Path, environment: dict[str, str]) -> None:
    file = wheel(tmp_path / "dist", NAME, "0.4.0")
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "{NAME}"\nversion = "0.4.0"\n')
    hatch = hosts.hatch("newest", environment)
    who = ("-u", USER, "-a", PASSWORD)
    hatch("publish", "-n", "-r", upload_url(index), *who, file, cwd=tmp_path, check=True)
    assert listed(index, tmp_path, environment, file) == [file.name]


def test_a_folder_takes_uploads_from_who_knows_the_password(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    file = wheel(tmp_path / "dist", NAME, "0.5.0")
    folder = tmp_path / "index"
    twine = [installed("dev", "twine"), "upload", "--non-interactive", "-u", "any", "-p", PASSWORD]
    options = ("--repository-url", folder)
    with serving(tmp_path / "open", *options, environment=environment) as index:
        refused = run(
            [*twine, "--repository-url", upload_url(index), file], cwd=tmp_path, environment=environment
        )
        assert "403" in refused.output
    variables = environment | {"PUBLISH_ALL_SERVE_PASSWORD": PASSWORD}
    with serving(tmp_path / "closed", *options, environment=variables) as index:
        command = [*twine, "--repository-url", upload_url(index), file]
        run(command, cwd=tmp_path, environment=environment, check=True)
        assert (folder / "simple" / NAME / file.name).read_bytes() == file.read_bytes()
    no_password = run(
        [program(), "serve", "--repository-url", folder, "--host", "0.0.0.0", "--own-credentials"],
        cwd=tmp_path,
        environment=environment,
    )
    assert no_password.returncode == 2
    assert "PUBLISH_ALL_SERVE_PASSWORD" in no_password.stderr
