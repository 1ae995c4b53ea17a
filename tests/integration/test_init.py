"""`init` on projects as people have them: afterwards doctor is content, a publish works, and the workflow is sound."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.environments import ROOT, installed
from harness.hosts import Host
from harness.process import Result, run
from harness.projects import built, git, members

sys.path.insert(0, str(Path(__file__).parents[1] / "shared" / "commands" / "scaffold"))  # for `pipelines`

from pipelines import loaded, pipelines, validator

from publish_all.commands.scaffold.github_workflow import ACTIONS, github_workflow

# As PyPI makes them: for the host pypi.org, with an identifier and a signature, and nothing that it could open.
TOKEN = "pypi-AgEIcHlwaS5vcmcCEzhmM2QxYzU1LWlkZW50aWZpZXIAAAYgAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
POETRY = """\
[project]
name = "bare-poetry"
version = "0.1.0"
description = "As `poetry new` makes it"
authors = [{ name = "Someone", email = "someone@example.com" }]
readme = "README.md"
license = "MIT"
requires-python = ">=3.10"
dependencies = []

[tool.poetry]
packages = [{ include = "bare_poetry", from = "src" }]

[build-system]
requires = ["poetry-core>=2.0.0,<3.0.0"]
build-backend = "poetry.core.masonry.api"
"""
HATCH = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "bare-hatch"
dynamic = ["version"]
description = "As `hatch new` makes it"
readme = "README.md"
license = "MIT"
requires-python = ">=3.10"
dependencies = []
"""
SETUP = """\
from setuptools import find_packages, setup

setup(
    name="old-ways",
    version="1.2.0",
    description="With setup.py and .pypirc",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license_expression="MIT",
    packages=find_packages(),
)
"""
PYPIRC = f"""\
[distutils]
index-servers =
    pypi
    corp

[pypi]
username = __token__
password = {TOKEN}

[corp]
repository = https://pypi.corp.example/legacy/
username = bob
password = hunter2-and-more
"""
HAND_MADE = """\
name: CI
on:
  push:
    branches: [main]
    tags: ["v*"]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install poetry && poetry install && poetry run pytest
  publish:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Build all platforms
        run: |
          pip install poetry twine
          for platform in synapse databricks fabric; do
            rm -rf build && mkdir -p build
            cp -r packages/kindling build/
            cp build-configs/$platform.toml build/pyproject.toml
            cp README.md build/
            cd build
            poetry build
            cp dist/* ../dist/
            cd ..
          done
      - name: Tell the others
        run: ./scripts/announce.sh
      - name: Upload
        run: twine upload dist/*
        env:
          TWINE_PASSWORD: ${{ secrets.PYPI_TOKEN }}
"""


def add(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def bare_poetry(folder: Path) -> Path:
    return add(
        folder,
        {
            "pyproject.toml": POETRY,
            "README.md": "# Bare\n",
            "src/bare_poetry/__init__.py": "",
            "tests/__init__.py": "",
        },
    )


def bare_hatch(folder: Path) -> Path:
    version = "# SPDX-License-Identifier: MIT\n__version__ = '0.0.1'\n"
    return add(
        folder,
        {
            "pyproject.toml": HATCH,
            "README.md": "# Bare\n",
            "src/bare_hatch/__init__.py": "",
            "src/bare_hatch/__about__.py": version,
        },
    )


def kindling(folder: Path) -> Path:
    """The example without our tables, and with the workflow that it had before."""
    shutil.copytree(ROOT / "examples" / "kindling", folder, ignore=shutil.ignore_patterns("dist", "build"))
    text = (folder / "pyproject.toml").read_text()
    ours = text.index("# Everything above is as it was.")
    return add(folder, {"pyproject.toml": text[:ours], ".github/workflows/ci.yml": HAND_MADE})


def old_ways(folder: Path) -> Path:
    return add(
        folder,
        {"setup.py": SETUP, "README.md": "# Old\n", "old_ways/__init__.py": '__version__ = "1.2.0"\n'},
    )


class Checkout:
    """A project in git with a remote at GitHub, and our command line in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        git(folder, "init", "-q", "-b", "main")
        git(folder, "remote", "add", "origin", "https://github.com/sep/demo.git")
        (folder / ".gitignore").write_text("dist/\nbuild/\n*.egg-info/\n")
        self.commit()

    def commit(self) -> None:
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", "work")

    def ours(self, *arguments: object) -> Result:
        command = [installed("dev", "publish-all"), *arguments]
        return run(command, cwd=self.folder, environment=self._environment)


PROJECTS = {
    "poetry": (bare_poetry, (), ["bare_poetry-0.1.0-py3-none-any.whl", "bare_poetry-0.1.0.tar.gz"]),
    "hatch": (bare_hatch, (), ["bare_hatch-0.0.1-py3-none-any.whl", "bare_hatch-0.0.1.tar.gz"]),
    "kindling": (
        kindling,
        ("--from-workflow", ".github/workflows/ci.yml"),
        sorted(
            f"kindling_{variant}-0.4.2{ending}"
            for variant in ("synapse", "databricks", "fabric")
            for ending in ("-py3-none-any.whl", ".tar.gz")
        ),
    ),
    "setuptools": (old_ways, (), ["old_ways-1.2.0-py3-none-any.whl", "old_ways-1.2.0.tar.gz"]),
}


@pytest.fixture(params=PROJECTS)
def project(request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]):
    """A checkout, the options of `init` that go with it, and the files that it is built to."""
    make, options, files = PROJECTS[request.param]
    pypirc = Path(environment["HOME"]) / ".pypirc"
    pypirc.write_text(PYPIRC)
    pypirc.chmod(0o600)
    return Checkout(make(tmp_path / request.param), environment), options, files


def test_a_project_that_init_has_set_up_is_ready_and_publishes(project) -> None:
    checkout, options, files = project
    first = checkout.ours("init", "-n", *options)
    assert first.returncode == 0, first
    assert_sound(checkout.folder / ".github" / "workflows" / "publish.yml", checkout.folder)
    checkout.commit()
    doctor = checkout.ours("doctor", "--offline", "--format", "json")
    assert doctor.returncode == 0, checkout.ours("doctor", "--offline")
    published = checkout.ours("publish", "-n", "-r", "local")
    assert published.returncode == 0, published
    assert built(checkout.folder / "dist") == files
    again = checkout.ours("init", "-n", *options)
    assert "nothing to change" in again.stderr, again


def assert_sound(workflow: Path, folder: Path) -> None:
    """It passes GitHub's schema, zizmor finds nothing, and all actions are those of the table."""
    text = workflow.read_text(encoding="utf-8")
    assert not list(validator("github-workflows").iter_errors(loaded(text)))
    used = {line.partition("uses: ")[2] for line in text.splitlines() if "uses: " in line}
    assert used <= {f"{each.name}@{each.commit} # {each.tag}" for each in ACTIONS}
    found = zizmor(workflow, cwd=folder)
    assert found.returncode == 0, found


def zizmor(path: Path, *, cwd: Path) -> Result:
    """The strictest judgement that it has, without a look at the network."""
    command = [installed("dev", "zizmor"), "--offline", "--no-progress", "--persona", "auditor", path]
    return run(command, cwd=cwd, environment={"PATH": "", "NO_COLOR": "1"})


def test_zizmor_finds_nothing_in_any_combination_of_options(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, pipeline in pipelines():
        (folder / f"{name}.yml").write_text(github_workflow(pipeline), encoding="utf-8")
    assert len(list(folder.iterdir())) > 90
    found = zizmor(tmp_path, cwd=tmp_path)
    assert found.returncode == 0, found


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    """Else the tests above would say nothing."""
    (name, pipeline) = next(pipelines())
    text = github_workflow(pipeline).replace(ACTIONS[0].commit, ACTIONS[0].tag)
    path = tmp_path / f"{name}.yml"
    path.write_text(text)
    assert "unpinned-uses" in zizmor(path, cwd=tmp_path).output


def test_a_migrated_workflow_builds_what_the_loop_built(tmp_path: Path, environment: dict[str, str]) -> None:
    checkout = Checkout(kindling(tmp_path / "kindling"), environment)
    made = checkout.ours("init", "-n", "--from-workflow", ".github/workflows/ci.yml")
    assert "ci.yml:31: not understood: `./scripts/announce.sh` in “Tell the others”" in made.stderr
    assert "-      - name: Upload\n" in made.stderr
    left = (checkout.folder / ".github/workflows/ci.yml").read_text()
    assert left == HAND_MADE[: HAND_MADE.index("      - name: Upload")]
    assert "tags:" in (checkout.folder / ".github/workflows/publish.yml").read_text()
    assert checkout.ours("build", "-n").returncode == 0
    wheel = members(checkout.folder / "dist" / "kindling_synapse-0.4.2-py3-none-any.whl")
    assert "kindling/entities.py" in wheel


def test_poetry_has_init_too_and_knows_the_plugin_afterwards(
    tmp_path: Path, environment: dict[str, str], newest_poetry: Host
) -> None:
    checkout = Checkout(bare_poetry(tmp_path / "bare"), environment)
    made = newest_poetry("publish-all", "init", "-n", "--ci", "none", cwd=checkout.folder)
    assert made.returncode == 0, made
    assert "poetry publish-all doctor" in made.stdout
    text = (checkout.folder / "pyproject.toml").read_text()
    assert "[tool.poetry.requires-plugins]\npoetry-publish-all" in text
