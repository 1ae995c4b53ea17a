"""Five projects as public guides have them, from their files to the first release, and two releases more.

The commands are those of docs/how-to/start-with-init.md and docs/how-to/publish.md, in their order. What `init` writes
for GitHub is run by `workflow_runner`.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from harness.environments import installed
from harness.process import run
from harness.projects import git, members, metadata
from harness.servers import Registry, Server
from test_init import Checkout, add, assert_sound, kindling
from test_written_workflows import assert_green
from workflow_runner import Runner

COMPASS = {
    "README.md": """\
# Compass

Points north.
""",
    "LICENSE": "MIT License\n",
    ".github/workflows/release.yml": """\
name: release
on:
  push:
    tags:
      - "v*.*.*"
  workflow_dispatch:
    inputs:
      dry_run:
        description: Build only
        type: boolean
        default: false
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python-version: ["3.10", "HERE"]
    defaults:
      run:
        working-directory: python
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python-version }}
      - run: pip install -e ".[dev]"
      - run: pytest
  publish:
    needs: test
    runs-on: ubuntu-latest
    environment: release
    permissions:
      id-token: write
    defaults:
      run:
        working-directory: python
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "HERE"
      - run: cp ../README.md ../LICENSE .
      - run: pip install build
      - run: python -m build
      - uses: pypa/gh-action-pypi-publish@release/v1
        if: ${{ !inputs.dry_run }}
        with:
          packages-dir: python/dist/
""".replace("HERE", f"{sys.version_info[0]}.{sys.version_info[1]}"),
    "python/pyproject.toml": """\
[build-system]
requires = ["setuptools>=61.0"]
build-backend = "setuptools.build_meta"

[project]
name = "small-compass"
version = "0.1.0"
description = "Points north"
readme = "README.md"
requires-python = ">=3.10"
license = { file = "LICENSE" }
dependencies = []

[project.optional-dependencies]
dev = ["pytest>=8"]

[tool.setuptools.packages.find]
where = ["src"]
""",
    "python/src/small_compass/__init__.py": '__version__ = "0.1.0"\n',
    "python/tests/test_it.py": """\
import small_compass


def test_it():
    assert small_compass.__version__
""",
}
EXAMPLE = {
    "README.md": """\
# Example Package

This is a simple example package.
""",
    "LICENSE": "MIT License\n",
    ".github/workflows/python-publish.yml": """\
name: Upload Python Package

on:
  release:
    types: [published]

jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v3
    - name: Set up Python
      uses: actions/setup-python@v3
      with:
        python-version: '3.x'
    - name: Install dependencies
      run: |
        python -m pip install --upgrade pip
        pip install build twine
    - name: Build and publish
      env:
        TWINE_USERNAME: __token__
        TWINE_PASSWORD: ${{ secrets.PYPI_API_TOKEN }}
      run: |
        python -m build
        twine upload dist/*
""",
    "pyproject.toml": """\
[build-system]
requires = ["hatchling >= 1.26"]
build-backend = "hatchling.build"

[project]
name = "example_package_of_sep"
version = "0.0.1"
authors = [
  { name="Example Author", email="author@example.com" },
]
description = "A small example package"
readme = "README.md"
requires-python = ">=3.9"
classifiers = [
    "Programming Language :: Python :: 3",
    "Operating System :: OS Independent",
]
license = "MIT"
license-files = ["LICEN[CS]E*"]

[project.urls]
Homepage = "https://github.com/pypa/sampleproject"
Issues = "https://github.com/pypa/sampleproject/issues"
""",
    "src/example_package_of_sep/__init__.py": "",
    "src/example_package_of_sep/example.py": """\
def add_one(number):
    return number + 1
""",
}
HAMMER = {
    "README.rst": """\
Hammer
======

Hits nails.
""",
    "LICENSE.txt": "MIT License\n",
    "MANIFEST.in": "include LICENSE.txt README.rst\n",
    "setup.cfg": """\
[metadata]
license_files = LICENSE.txt

[bdist_wheel]
universal = 0
""",
    "setup.py": """\
import os
import re

from setuptools import find_packages, setup

here = os.path.abspath(os.path.dirname(__file__))


def read(name):
    with open(os.path.join(here, name), encoding="utf-8") as handle:
        return handle.read()


version = re.search(r'__version__ = "(.+)"', read("small_hammer/__init__.py")).group(1)

setup(
    name="small-hammer",
    version=version,
    description="Hits nails",
    long_description=read("README.rst"),
    author="Someone",
    author_email="someone@example.com",
    url="https://example.com/hammer",
    packages=find_packages(exclude=["tests"]),
    python_requires=">=3.8",
    install_requires=[],
)
""",
    "requirements-dev.txt": """\
pytest
-e .
""",
    "small_hammer/__init__.py": '__version__ = "2.3.0"\n',
    "tests/__init__.py": "",
    "tests/test_hammer.py": """\
from small_hammer import __version__


def test_version():
    assert __version__
""",
}
LAMP = {
    "README.md": "# small-lamp\n",
    "LICENSE.txt": "MIT License\n",
    ".github/workflows/publish-to-pypi.yml": """\
name: Publish Python 🐍 distribution 📦 to PyPI and TestPyPI

on: push

jobs:
  build:
    name: Build distribution 📦
    runs-on: ubuntu-latest

    steps:
    - uses: actions/checkout@v4
      with:
        persist-credentials: false
    - name: Set up Python
      uses: actions/setup-python@v5
      with:
        python-version: "3.x"
    - name: Install pypa/build
      run: >-
        python3 -m
        pip install
        build
        --user
    - name: Build a binary wheel and a source tarball
      run: python3 -m build
    - name: Store the distribution packages
      uses: actions/upload-artifact@v4
      with:
        name: python-package-distributions
        path: dist/

  publish-to-pypi:
    name: >-
      Publish Python 🐍 distribution 📦 to PyPI
    if: startsWith(github.ref, 'refs/tags/')  # only publish to PyPI on tag pushes
    needs:
    - build
    runs-on: ubuntu-latest
    environment:
      name: pypi
      url: https://pypi.org/p/small-lamp
    permissions:
      id-token: write  # IMPORTANT: mandatory for trusted publishing

    steps:
    - name: Download all the dists
      uses: actions/download-artifact@v4
      with:
        name: python-package-distributions
        path: dist/
    - name: Publish distribution 📦 to PyPI
      uses: pypa/gh-action-pypi-publish@release/v1

  publish-to-testpypi:
    name: Publish Python 🐍 distribution 📦 to TestPyPI
    needs:
    - build
    runs-on: ubuntu-latest

    environment:
      name: testpypi
      url: https://test.pypi.org/p/small-lamp

    permissions:
      id-token: write  # IMPORTANT: mandatory for trusted publishing

    steps:
    - name: Download all the dists
      uses: actions/download-artifact@v4
      with:
        name: python-package-distributions
        path: dist/
    - name: Publish distribution 📦 to TestPyPI
      uses: pypa/gh-action-pypi-publish@release/v1
      with:
        repository-url: https://test.pypi.org/legacy/
""",
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "small-lamp"
dynamic = ["version"]
description = ''
readme = "README.md"
requires-python = ">=3.8"
license = "MIT"
keywords = []
authors = [
  { name = "Someone", email = "someone@example.com" },
]
classifiers = [
  "Development Status :: 4 - Beta",
  "Programming Language :: Python",
]
dependencies = []

[project.urls]
Documentation = "https://github.com/sep/demo#readme"

[tool.hatch.version]
path = "src/small_lamp/__about__.py"

[tool.hatch.envs.types]
extra-dependencies = [
  "mypy>=1.0.0",
]
[tool.hatch.envs.types.scripts]
check = "mypy --install-types --non-interactive {args:src/small_lamp tests}"
""",
    "src/small_lamp/__init__.py": "# SPDX-License-Identifier: MIT\n",
    "src/small_lamp/__about__.py": """\
# SPDX-License-Identifier: MIT
__version__ = "0.0.1"
""",
    "tests/__init__.py": "",
}


class Guide:
    """A project of a guide, in a checkout. `package` is the folder of its pyproject.toml."""

    def __init__(
        self, runner: Runner, files: dict[str, str], environment: dict[str, str], package: str = "."
    ) -> None:
        self.checkout = Checkout(
            add(runner.project, files) if files else kindling(runner.project), environment
        )
        self.runner, self.package = runner, package

    def ours(self, *arguments: object) -> str:
        done = self.checkout.ours("-C", self.package, *arguments)
        assert done.returncode == 0, done
        return done.output

    def commit(self) -> None:
        self.checkout.commit()

    def set_up(self, *options: str, copied: tuple[str, ...] = ()) -> str:
        said = self.ours("init", "-n", *options)
        self.commit()
        for workflow in (self.checkout.folder / ".github" / "workflows").glob("*publish*.yml"):
            assert_sound(workflow, self.checkout.folder)
        # Outside of the workflow, the files are copied by hand (docs/how-to/monorepo.md).
        root = self.checkout.folder
        copies = [shutil.copy(root / each, root / self.package / each) for each in copied]
        self.ours("doctor", "--offline")
        for each in copies:
            each.unlink()
        return said

    def tag(self, version: str) -> None:
        git(self.checkout.folder, "tag", f"v{version}")

    def raise_by_command(self, version: str) -> None:
        """Writes all places, commits and tags."""
        self.ours("version", "--release", version)

    def raise_by_hand(self, old: str, new: str, *files: str) -> None:
        """As people did it before: edit the files, commit and tag."""
        for name in files:
            path = self.checkout.folder / name
            path.write_text(path.read_text().replace(old, new))
        self.commit()
        self.tag(new)

    def release(self, workflow: str, event: str, version: str, *jobs: str) -> None:
        """What GitHub does when the tag is pushed, or the release is published on the web."""
        runner = replace(self.runner, folder=self.runner.folder / version)
        assert_green(runner.run(workflow, event=event, ref=f"v{version}"), *jobs)


def held(server: Server) -> list[str]:
    assert server.store is not None
    return sorted(each.name for each in server.store.iterdir())


def files(name: str, *versions: str) -> list[str]:
    return sorted(f"{name}-{each}{end}" for each in versions for end in ("-py3-none-any.whl", ".tar.gz"))


def test_setuptools_in_a_subfolder(
    runner: Runner, environment: dict[str, str], open_pypiserver: Server
) -> None:
    guide = Guide(runner, COMPASS, environment, "python")
    said = guide.set_up("--from-workflow", ".github/workflows/release.yml", copied=("README.md", "LICENSE"))
    assert re.search(r"Environment name +release", said)
    guide.tag("0.1.0")
    jobs = ("test", "build", "pypi")
    guide.release("publish.yml", "push", "0.1.0", *jobs)
    guide.raise_by_command("0.2.0")
    guide.release("publish.yml", "push", "0.2.0", *jobs)
    guide.raise_by_hand("0.2.0", "0.2.1", "python/pyproject.toml", "python/src/small_compass/__init__.py")
    guide.release("publish.yml", "push", "0.2.1", *jobs)
    assert held(open_pypiserver) == files("small_compass", "0.1.0", "0.2.0", "0.2.1")
    # The old workflow copied both files into the folder before the build.
    assert open_pypiserver.store is not None
    for version in ("0.1.0", "0.2.1"):
        wheel = open_pypiserver.store / f"small_compass-{version}-py3-none-any.whl"
        assert "Points north." in metadata(wheel).get_payload()
        assert any(name.endswith("LICENSE") for name in members(wheel))


def test_a_release_with_a_token(runner: Runner, environment: dict[str, str], open_pypiserver: Server) -> None:
    guide = Guide(runner, EXAMPLE, environment)
    said = guide.set_up("--from-workflow", ".github/workflows/python-publish.yml")
    assert "PYPI_API_TOKEN" in said
    guide.tag("0.0.1")
    guide.release("python-publish.yml", "release", "0.0.1", "build", "pypi")
    guide.raise_by_command("0.0.2")
    guide.release("python-publish.yml", "release", "0.0.2", "build", "pypi")
    guide.raise_by_hand("0.0.2", "0.1.0", "pyproject.toml")
    guide.release("python-publish.yml", "release", "0.1.0", "build", "pypi")
    assert held(open_pypiserver) == files("example_package_of_sep", "0.0.1", "0.0.2", "0.1.0")


def test_setup_py_and_pypirc(runner: Runner, environment: dict[str, str], pypiserver: Server) -> None:
    pypirc = Path(environment["HOME"]) / ".pypirc"
    pypirc.write_text(
        "[distutils]\nindex-servers =\n    internal\n\n[internal]\n"
        f"repository: {pypiserver.upload_url}\nusername: {pypiserver.username}\npassword: {pypiserver.password}\n"
    )
    pypirc.chmod(0o600)
    guide = Guide(runner, HAMMER, environment)
    first = guide.checkout.ours("publish", "-n", "-r", "internal")
    assert first.returncode == 2
    assert "Run `publish-all init`" in first.stderr
    guide.set_up("-r", "internal", "--ci", "none")
    guide.ours("publish", "-n", "--dry-run")
    guide.ours("publish", "-n")
    guide.raise_by_command("2.4.0")
    guide.ours("publish", "-n")
    guide.raise_by_hand("2.4.0", "2.4.1", "small_hammer/__init__.py")
    guide.ours("publish", "-n")
    assert held(pypiserver) == files("small_hammer", "2.3.0", "2.4.0", "2.4.1")


def test_hatch_with_trusted_publishing(
    runner: Runner, environment: dict[str, str], open_pypiserver: Server
) -> None:
    guide = Guide(runner, LAMP, environment)
    said = guide.set_up("--from-workflow", ".github/workflows/publish-to-pypi.yml")
    assert re.search(r"Environment +pypi", said)
    guide.tag("0.0.1")
    guide.release("publish-to-pypi.yml", "push", "0.0.1", "build", "testpypi", "pypi")
    guide.raise_by_command("0.1.0")
    guide.release("publish-to-pypi.yml", "push", "0.1.0", "build", "testpypi", "pypi")
    run(
        [installed("hatch-newest", "hatch"), "version", "patch"],
        cwd=guide.checkout.folder,
        environment=environment,
        check=True,
    )
    guide.commit()
    guide.tag("0.1.1")
    guide.release("publish-to-pypi.yml", "push", "0.1.1", "build", "testpypi", "pypi")
    assert held(open_pypiserver) == files("small_lamp", "0.0.1", "0.1.0", "0.1.1")


def test_three_poetry_variants_that_are_private(
    runner: Runner, environment: dict[str, str], open_registry: Registry, tmp_path: Path
) -> None:
    guide = Guide(runner, {}, environment)
    checkout = guide.checkout
    guide.set_up("--from-workflow", ".github/workflows/ci.yml", "-r", "github")
    guide.tag("0.4.2")
    guide.release("publish.yml", "push", "0.4.2", "build", "github")
    guide.raise_by_command("0.5.0")
    guide.release("publish.yml", "push", "0.5.0", "build", "github")
    run(
        [installed("poetry-newest", "poetry"), "version", "patch"],
        cwd=checkout.folder,
        environment=environment,
        check=True,
    )
    guide.ours("version", "--sync")
    checkout.commit()
    guide.tag("0.5.1")
    guide.release("publish.yml", "push", "0.5.1", "build", "github")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [
        installed("dev", "publish-all"),
        "exec",
        "-r",
        "github:sep",
        "--private",
        "kindling-*",
        "--",
        "pip",
        "install",
    ]
    for variant in ("synapse", "databricks", "fabric"):
        target = elsewhere / variant
        run(
            [*command, "--target", target, "--no-deps", f"kindling-{variant}"],
            cwd=elsewhere,
            environment={**environment, **runner.environment},
            check=True,
        )
        assert len(list(target.glob("*-0.5.1.dist-info"))) == 1
