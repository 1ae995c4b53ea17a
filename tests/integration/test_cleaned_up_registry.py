"""docker-registry, after a job has deleted the untagged manifests of a release and the garbage collection has run."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from harness.environments import installed, on_path
from harness.hosts import Host
from harness.process import ServerProcess, clean_environment, run
from harness.servers import Registry, answers
from made_files import make_sdist, make_wheel

INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "sep/kindling"
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "kindling"
version = "1.0"
[tool.publish-all]
publish-to = ["github"]
"""
# Doctor builds what it asks about, which must be the very files that were published.
BACKEND = """\
import pathlib, shutil

def _copy(folder, pattern):
    (path,) = pathlib.Path("made").glob(pattern)
    return pathlib.Path(shutil.copy(path, folder)).name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _copy(folder, "*.whl")

def build_sdist(folder, config_settings=None):
    return _copy(folder, "*.tar.gz")
"""


@pytest.fixture
def publish_all(environment: dict[str, str]) -> Host:
    return Host(name="publish-all", program=installed("dev", "publish-all"), environment=environment)


def at(registry: Registry) -> dict[str, str]:
    return {
        "PUBLISH_ALL_REPOSITORIES_GITHUB_URL": f"http://{registry.host}/{{owner}}",
        "GITHUB_REPOSITORY_OWNER": "sep",
    }


def children(registry: Registry, tag: str) -> list[str]:
    """The digests of the manifests that a release is made of."""
    url = f"http://{registry.host}/v2/{NAME}/manifests/{tag}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": INDEX})) as reply:
        return [each["digest"] for each in json.load(reply)["manifests"]]


def delete(registry: Registry, digest: str) -> None:
    url = f"http://{registry.host}/v2/{NAME}/manifests/{digest}"
    with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")) as reply:
        assert reply.status == 202


def collect_garbage(registry: Registry) -> Registry:
    """What operators do: stop it, collect, and start it again at the same place."""
    registry.stop()
    program, configuration = (
        on_path("docker-registry", "docker-registry"),
        registry.store.parent / "config.yml",
    )
    environment = clean_environment(registry.store.parent / "home")
    run(
        [program, "garbage-collect", configuration],
        cwd=registry.store,
        environment=environment,
        check=True,
    )
    process = ServerProcess(
        [program, "serve", configuration], log=registry.store.parent / "again.log", environment=environment
    )
    assert process.wait_until(lambda: answers(f"http://{registry.host}/v2/"))
    return replace(registry, process=process)


@pytest.mark.parametrize("collected", [False, True], ids=["deleted", "and collected"])
def test_what_is_missing_is_told_and_one_publish_repairs_it(
    publish_all: Host, open_registry: Registry, tmp_path: Path, collected: bool
) -> None:
    project = tmp_path / "project"
    (project / "made").mkdir(parents=True)
    (project / "backend.py").write_text(BACKEND)
    (project / "pyproject.toml").write_text(PROJECT)
    files = [make_wheel(project / "made", "kindling", "1.0"), make_sdist(project / "made", "kindling", "1.0")]
    other = make_wheel(tmp_path, "kindling", "1.1")
    environment = at(open_registry)

    def ours(*arguments: str | Path) -> tuple[int, str]:
        done = publish_all(*arguments, cwd=project, environment=environment)
        return done.returncode, done.output

    for each in (files, [other]):
        assert ours("publish", "-n", "-r", "github", *each)[0] == 0
    lost = children(open_registry, "1.0")
    for digest in lost:
        delete(open_registry, digest)
    registry = collect_garbage(open_registry) if collected else open_registry
    try:
        _told(ours, tmp_path, files, collected=collected)
        _repaired(ours, tmp_path, files)
        assert children(registry, "1.0") == lost
    finally:
        registry.stop()


def _told(ours, tmp_path: Path, files: list[Path], *, collected: bool) -> None:
    code, output = ours("list", "-r", "github", "kindling")
    assert code == 0
    assert output.count("PA622") == len(files)
    assert "the manifest sha256:" in output
    assert ("the file sha256:" in output) is collected

    code, output = ours("doctor", "-n", "-r", "github")
    assert "PA488" in output, output

    code, output = ours("publish", "-n", "-r", "github", "--dry-run", *files)
    assert code == 0
    assert output.count("PA488") == len(files)

    if collected:  # as long as the bytes are there they can be had
        code, output = ours("download", "-r", "github", "kindling==1.0", "-d", tmp_path / "none")
        assert code == 1
        assert "PA622" in output
        assert "Publish the same files again" in output
        code, output = _install(ours, "first", tmp_path)
        assert code != 0
        assert "lists a file, but its part sha256:" in output


def _repaired(ours, tmp_path: Path, files: list[Path]) -> None:
    code, output = ours("publish", "-n", "-r", "github", *files)
    assert code == 0, output
    assert "complete and verified" in output
    code, output = ours("list", "-r", "github", "kindling")
    assert "PA622" not in output
    assert ours("download", "-r", "github", "kindling==1.0", "-d", tmp_path / "back")[0] == 0
    assert {each.name: each.read_bytes() for each in (tmp_path / "back").iterdir()} == {
        each.name: each.read_bytes() for each in files
    }
    assert _install(ours, "second", tmp_path)[0] == 0


def _install(ours, name: str, tmp_path: Path) -> tuple[int, str]:
    """With a cache of its own, so that nothing is remembered of a run before."""
    python = installed("servers", "python")
    target = tmp_path / name
    pip = [python, "-m", "pip", "install", "--no-cache-dir", "--retries", "0", "--target", target]
    nowhere = "http://127.0.0.1:9/simple/"
    index = ["exec", "-r", "github", "--private", "kindling", "--fallback", nowhere]
    return ours(*index, "--", *pip, "--no-deps", "kindling==1.0")
