"""`publish-all download`, and installs from what it fetched, without an index."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from harness.process import clean_environment, make_venv, run
from harness.servers import Registry, start_registry
from served import Served, github_at, program, serving, static_index, wheel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("download")


@pytest.fixture(scope="module")
def registry(folder: Path) -> Iterator[Registry]:
    """It has a package that needs another private one, and one that only the public index has."""
    started = start_registry(folder / "registry")
    files = [
        wheel(folder / "ours", "kindling-demo", "1.0", requires=["kindling-core", "outside-dep"]),
        wheel(folder / "ours", "kindling-core", "1.0"),
    ]
    environment = clean_environment(folder / "publisher") | github_at(started)
    who = {"GITHUB_TOKEN": "t", "GITHUB_ACTOR": "dev"}
    publish = [program(), "publish", "-r", "github", "--no-verify"]
    for each in files:
        run([*publish, each], cwd=folder, environment=environment | who, check=True)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def public(folder: Path) -> Iterator[Served]:
    """What PyPI would be. A stranger has taken our names there."""
    files = [
        wheel(folder / "public-files", name, version)
        for name, version in (("outside-dep", "1.0"), ("kindling-demo", "99.0"), ("kindling-core", "99.0"))
    ]
    index = static_index(folder / "public", *files)
    environment = clean_environment(folder / "public-home")
    with serving(folder / "served", "--repository-url", index, environment=environment) as running:
        yield running


@pytest.fixture
def machine(registry: Registry, public: Served, environment: dict[str, str]) -> dict[str, str]:
    """A user whose pip installs from the public index."""
    clean = {name: value for name, value in environment.items() if not name.endswith("_FIND_LINKS")}
    return clean | github_at(registry) | {"PIP_INDEX_URL": public.simple, "PIP_NO_CACHE_DIR": "1"}


def install(line: str, python: Path, machine: Mapping[str, str], folder: Path) -> str:
    """Run the line that `download` printed; what is installed then."""
    words = shlex.split(line)
    assert words[:2] == ["pip", "install"]
    run([python, "-m", "pip", *words[1:]], cwd=folder, environment=machine, check=True)
    listed = run([python, "-m", "pip", "list", "--format", "freeze"], cwd=folder, environment=machine)
    return " ".join(each for each in listed.stdout.split() if each.startswith(("kindling", "outside")))


def printed_line(stderr: str) -> str:
    (line,) = (each for each in stderr.splitlines() if "pip install --no-index" in each)
    return line[line.index("pip install") :].partition(" (")[0]


def test_the_printed_line_installs_exactly_what_was_fetched(machine: dict[str, str], tmp_path: Path) -> None:
    command = [program(), "download", "kindling-demo", "-d", "wheel house"]
    done = run(command, cwd=tmp_path, environment=machine, check=True)
    assert "--with-dependencies" in done.stderr
    python = make_venv(tmp_path / "python", machine)
    assert install(printed_line(done.stderr), python, machine, tmp_path) == "kindling-demo==1.0"


def test_dependencies_are_fetched_each_from_its_own_place(machine: dict[str, str], tmp_path: Path) -> None:
    python = make_venv(tmp_path / "python", machine)
    on_path = machine | {"PATH": f"{python.parent}:{machine['PATH']}"}
    words = ["kindling-demo", "-d", "wheelhouse", "--with-dependencies", "--private", "kindling-*"]
    command = [program(), "download", *words]
    done = run([*command, "--format", "json"], cwd=tmp_path, environment=on_path, check=True)
    rows = json.loads(done.stdout)["files"]
    expected = {("kindling-demo", "1.0"), ("kindling-core", "1.0"), ("outside-dep", "1.0")}
    assert {(each["project"], each["version"]) for each in rows} == expected
    assert {each["state"] for each in rows} == {"fetched"}
    assert sorted(each.suffix for each in (tmp_path / "wheelhouse").iterdir()) == [".whl"] * 3
    again = run(command, cwd=tmp_path, environment=on_path, check=True)
    assert again.stdout.count("was there") == 3
    closed = on_path | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/"}
    assert install(printed_line(again.stderr), python, closed, tmp_path) == (
        "kindling-core==1.0 kindling-demo==1.0 outside-dep==1.0"
    )


def test_dependencies_are_not_fetched_without_private_names(machine: dict[str, str], tmp_path: Path) -> None:
    command = [program(), "download", "kindling-demo", "--with-dependencies"]
    done = run(command, cwd=tmp_path, environment=machine)
    assert done.returncode == 2
    assert "--private" in done.stderr
    assert list(tmp_path.glob("*.whl")) == []


def test_a_dependency_that_is_nowhere_is_told(machine: dict[str, str], tmp_path: Path) -> None:
    python = make_venv(tmp_path / "python", machine)
    on_path = machine | {"PATH": f"{python.parent}:{machine['PATH']}"}
    private = ["--private", "kindling-*", "--private", "outside-dep"]
    command = [program(), "download", "kindling-demo", "-d", "w", "--with-dependencies", *private]
    done = run(command, cwd=tmp_path, environment=on_path)
    assert done.returncode == 1
    assert "pip cannot fetch the dependencies" in done.stderr
    assert "outside-dep" in done.stderr
