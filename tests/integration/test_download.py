"""`publish-all download`, and installs from what it fetched, without an index."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from harness.environments import installed
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
    assert sorted(each.suffix for each in (tmp_path / "wheelhouse").iterdir()) == [
        ".toml",
        ".txt",
        *[".whl"] * 3,
    ]
    again = run(command, cwd=tmp_path, environment=on_path, check=True)
    assert again.stdout.count("was there") == 3
    assert install(printed_line(again.stderr), python, closed(on_path), tmp_path) == ALL


ALL = "kindling-core==1.0 kindling-demo==1.0 outside-dep==1.0"


def closed(machine: Mapping[str, str]) -> dict[str, str]:
    """The machine without an index that answers."""
    nowhere = "http://127.0.0.1:9/simple/"
    return dict(machine) | {"PIP_INDEX_URL": nowhere, "UV_DEFAULT_INDEX": nowhere, "UV_OFFLINE": "1"}


@pytest.mark.parametrize(
    "words",
    [
        ("pip", "install", "-r", "{folder}/requirements.txt"),
        ("pip", "install", "--no-index", "--find-links", "{folder}", "--require-hashes", "-r", "{folder}/requirements.txt"),
        ("pip", "install", "-r", "{folder}/pylock.toml"),
        ("uv", "pip", "install", "-r", "{folder}/requirements.txt"),
        ("uv", "pip", "sync", "{folder}/requirements.txt"),
        ("uv", "pip", "install", "-r", "{folder}/pylock.toml"),
        ("uv", "pip", "sync", "{folder}/pylock.toml"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wheelhouse_is_installed_from_without_an_index(
    words: tuple[str, ...], machine: dict[str, str], wheelhouse: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(wheelhouse, tmp_path / "carried over")
    python = make_venv(tmp_path / "python", machine)
    program = [python, "-m", "pip"] if words[0] == "pip" else [installed("dev", "uv")]
    variables = closed(machine) | {"VIRTUAL_ENV": str(python.parent.parent)}
    command = [*program, *(each.format(folder=moved) for each in words[1:])]
    run(command, cwd=tmp_path, environment=variables, check=True)
    listed = run([installed("dev", "uv"), "pip", "freeze"], cwd=tmp_path, environment=variables)
    found = [each for each in listed.stdout.split() if each.startswith(("kindling", "outside"))]
    assert " ".join(found) == ALL


@pytest.mark.parametrize("name", ["requirements.txt", "pylock.toml"])
def test_hashes_of_a_wheelhouse_are_compared(
    name: str, machine: dict[str, str], wheelhouse: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(wheelhouse, tmp_path / "moved")
    wheel(moved, "outside-dep", "1.0", padding=10)
    python = make_venv(tmp_path / "python", machine)
    variables = closed(machine) | {"VIRTUAL_ENV": str(python.parent.parent)}
    done = run([installed("dev", "uv"), "pip", "sync", moved / name], cwd=tmp_path, environment=variables)
    assert done.returncode != 0
    assert "outside" in done.stderr


@pytest.fixture(scope="module")
def wheelhouse(registry: Registry, public: Served, folder: Path) -> Path:
    variables = clean_environment(folder / "downloader") | github_at(registry)
    variables = {name: value for name, value in variables.items() if not name.endswith("_FIND_LINKS")}
    words = ["kindling-demo", "-d", "wheelhouse", "--with-dependencies", "--private", "kindling-*"]
    run(
        [program(), "download", *words],
        cwd=folder,
        environment=variables | {"PIP_INDEX_URL": public.simple, "PIP_NO_CACHE_DIR": "1"},
        check=True,
    )
    return folder / "wheelhouse"


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("manylinux_2_28_x86_64", {"kindling-far", "outside-dep", "outside-native", "outside-linux"}),
        ("win_amd64", {"kindling-far", "outside-windows"}),
    ],
)
def test_dependencies_are_those_of_the_machine_that_is_named(
    platform: str,
    expected: set[str],
    machine: dict[str, str],
    registry: Registry,
    tmp_path: Path,
) -> None:
    """Its markers count, those of this machine do not."""
    markers = {
        "outside-native": "sys_platform == 'linux' and python_version < '3.9'",
        "outside-windows": "sys_platform == 'win32' and platform_machine == 'AMD64'",
        "outside-linux": "sys_platform == 'linux'",
        "outside-nowhere": f"python_version == '{sys.version_info[0]}.{sys.version_info[1]}'",
    }
    requires = [f"{name}; {marker}" for name, marker in markers.items()]
    far = wheel(tmp_path / "ours", "kindling-far", "1.0", requires=requires)
    files = [
        wheel(tmp_path / "files", "outside-native", "1.0", requires=["outside-dep"]),
        *(
            wheel(tmp_path / "files", each, "1.0")
            for each in ("outside-windows", "outside-linux", "outside-dep")
        ),
    ]
    native = files[0].with_name(files[0].name.replace("none-any", "none-manylinux_2_17_x86_64"))
    files[0] = files[0].rename(native)
    index = static_index(tmp_path / "public", *files)
    shelf = static_index(tmp_path / "shelf", far)
    with serving(tmp_path / "served", "--repository-url", index, environment=machine) as running:
        bin_folder = make_venv(tmp_path / "python", machine).parent
        (bin_folder / "uv").symlink_to(installed("dev", "uv"))
        variables = machine | {"PIP_INDEX_URL": running.simple, "PATH": f"{bin_folder}:/usr/bin:/bin"}
        target = ["--platform", platform, "--python-version", "3.8"]
        words = ["kindling-far", "-d", "w", "--with-dependencies", "--private", "kindling-*", *target]
        command = [program(), "download", "--repository-url", shelf, *words, "--format", "json"]
        done = run(command, cwd=tmp_path, environment=variables, check=True)
    found = {each["project"] for each in json.loads(done.stdout)["files"]}
    assert found == expected
    assert 'requires-python = "==3.8.*"' in (tmp_path / "w" / "pylock.toml").read_text(encoding="utf-8")


def test_the_requirements_of_a_project_are_not_written_over(machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    command = [program(), "download", "kindling-demo", "--with-dependencies", "--private", "kindling-*"]
    done = run(command, cwd=tmp_path, environment=machine)
    assert done.returncode == 2
    assert "requirements.txt was not written by" in done.stderr
    assert [each.name for each in tmp_path.iterdir() if each.suffix] == ["requirements.txt"]


@pytest.mark.parametrize(
    "words",
    [
        ("--platform", "manylinux_2_28_x86_64"),
        ("--python-version", "3.11"),
        ("--platform", "linux", "--python-version", "3.11"),
        ("--platform", "win_amd64", "--python-version", "three"),
    ],
)
def test_a_machine_is_named_whole(words: tuple[str, ...], machine: dict[str, str], tmp_path: Path) -> None:
    command = [program(), "download", "kindling-demo", "--with-dependencies", *words]
    done = run(command, cwd=tmp_path, environment=machine)
    assert done.returncode == 2
    assert "--platform manylinux_2_28_x86_64 --python-version 3.11" in done.stderr


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
    assert "pip cannot download the dependencies" in done.stderr
    assert "outside-dep" in done.stderr
