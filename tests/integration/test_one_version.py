"""The tag's version in every way to build or install the examples, and no trace in their working trees."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.environments import installed, wheelhouse
from harness.hosts import Host
from harness.process import make_venv, run
from harness.projects import built, git, git_status
from harness.servers import start_pypiserver

VERSION = "1.2.3"
GIT = '\n[tool.publish-all.version]\nsource = "git"\n'
SLOW = """
import time
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        open(self.config["marker"], "w").close()
        time.sleep(60)
"""


def tagged(project: Path, *changes: tuple[str, str], tables: str) -> Path:
    """The example with its version taken from git, and a tag on what is committed."""
    pyproject = project / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    pyproject.write_text(text + tables, encoding="utf-8")
    git(project, "commit", "-q", "-a", "-m", "the version is the tag")
    git(project, "tag", f"v{VERSION}")
    return project


@pytest.fixture
def versioned_kindling(kindling: Path) -> Path:
    return tagged(
        kindling,
        ('requires = ["poetry-core>=2.0"]', 'requires = ["poetry-core>=2.0", "publish-all"]'),
        ('build-backend = "poetry.core.masonry.api"', 'build-backend = "publish_all.backends.poetry_core"'),
        ('version = "0.4.2"', 'dynamic = ["version"]'),
        tables=GIT,
    )


@pytest.fixture
def versioned_fastorm(fastorm: Path) -> Path:
    return tagged(
        fastorm,
        ('requires = ["hatchling"]', 'requires = ["hatchling", "publish-all"]'),
        (
            '[tool.hatch.version]\npath = "fastorm/__init__.py"',
            '[tool.hatch.version]\nsource = "publish-all"',
        ),
        tables=GIT,
    )


@pytest.fixture(params=["kindling", "fastorm"])
def project(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(f"versioned_{request.param}")
    return found


@contextmanager
def untouched(project: Path) -> Iterator[None]:
    """Nothing in the working tree is changed, or so much as written anew, but the output folder."""
    before = times(project)
    yield
    shutil.rmtree(project / "dist", ignore_errors=True)
    assert git_status(project) == ""
    assert times(project) == before


def times(project: Path) -> Mapping[str, int]:
    names = git(project, "ls-files").splitlines()
    return {name: (project / name).stat().st_mtime_ns for name in names}


def stem(project: Path) -> str:
    return f"{project.name}-{VERSION}"


def test_pip_installs_it_as_a_copy_and_to_be_edited(project: Path, environment: Mapping[str, str]) -> None:
    python = make_venv(project.parent / "venv", environment)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    code = f"import importlib.metadata; print(importlib.metadata.version({project.name!r}))"
    for words in (("install", "--no-deps", "."), ("install", "--no-deps", "-e", ".")):
        with untouched(project):
            run([*pip, *words], cwd=project, environment=environment, check=True)
        said = run([python, "-c", code], cwd=project.parent, environment=environment, check=True)
        assert said.stdout.strip() == VERSION


@pytest.mark.parametrize("frontend", ["build", "uv"])
def test_frontends_build_it(project: Path, frontend: str, environment: Mapping[str, str]) -> None:
    words = {
        "build": [installed("dev", "python"), "-m", "build", "-q"],
        "uv": [installed("dev", "uv"), "build", "-q"],
    }
    with untouched(project):
        run(words[frontend], cwd=project, environment=environment, check=True)
        assert built(project / "dist") == [f"{stem(project)}-py3-none-any.whl", f"{stem(project)}.tar.gz"]


def test_poetry_builds_it_in_isolation(
    versioned_kindling: Path, newest_poetry: Host, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    index = start_pypiserver(tmp_path / "index", password=None)
    assert index.store is not None
    wanted = ["publish-all", "poetry-core"]
    python = make_venv(tmp_path / "venv", environment)
    download = [python, "-m", "pip", "download", "-q", "--disable-pip-version-check", "-d", index.store]
    run([*download, "--find-links", wheelhouse(), *wanted], cwd=tmp_path, environment=environment, check=True)
    source = f'\n[[tool.poetry.source]]\nname = "here"\nurl = "{index.index_url}"\npriority = "primary"\n'
    pyproject = versioned_kindling / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8") + source, encoding="utf-8")
    git(versioned_kindling, "commit", "-q", "-a", "-m", "say where packages come from")
    git(versioned_kindling, "tag", "-f", f"v{VERSION}")
    with untouched(versioned_kindling):
        newest_poetry("build", cwd=versioned_kindling, check=True)
        files = built(versioned_kindling / "dist")
        assert files == [f"kindling-{VERSION}-py3-none-any.whl", f"kindling-{VERSION}.tar.gz"]
    index.stop()


def test_hatch_builds_it(versioned_fastorm: Path, newest_hatch: Host) -> None:
    with untouched(versioned_fastorm):
        assert newest_hatch("version", cwd=versioned_fastorm, check=True).stdout.strip() == VERSION
        newest_hatch("build", cwd=versioned_fastorm, check=True)
        files = built(versioned_fastorm / "dist")
        assert files == [f"fastorm-{VERSION}-py3-none-any.whl", f"fastorm-{VERSION}.tar.gz"]


def test_our_own_build_of_all_variants(project: Path, environment: Mapping[str, str]) -> None:
    with untouched(project):
        run([installed("dev", "publish-all"), "build"], cwd=project, environment=environment, check=True)
        assert {name.split("-")[1].removesuffix(".tar.gz") for name in built(project / "dist")} == {VERSION}


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_a_build_that_is_killed_half_way_leaves_no_trace(
    versioned_fastorm: Path, environment: Mapping[str, str]
) -> None:
    marker = versioned_fastorm.parent / "building"
    hook = f'\n[tool.hatch.build.hooks.custom]\nmarker = "{marker.as_posix()}"\n'
    pyproject = versioned_fastorm / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8") + hook, encoding="utf-8")
    (versioned_fastorm / "hatch_build.py").write_text(SLOW, encoding="utf-8")
    git(versioned_fastorm, "add", "-A")
    git(versioned_fastorm, "commit", "-q", "-m", "a slow build")
    with untouched(versioned_fastorm):
        command = [str(installed("dev", "publish-all")), "build", "--variant", "lite"]
        with subprocess.Popen(command, cwd=versioned_fastorm, env=dict(environment)) as child:
            wait_for(marker.exists, seconds=60)
            child.send_signal(signal.SIGKILL)
        assert built(versioned_fastorm / "dist") == []


def wait_for(ready: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)
