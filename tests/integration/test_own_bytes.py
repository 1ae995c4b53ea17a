"""Where publish-all changes nothing, its files are those of the build backend, byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.environments import installed
from harness.process import Result, run
from harness.projects import git

BACKENDS = {
    "flit": ("flit_core", "flit_core.buildapi"),
    "hatchling": ("hatchling", "hatchling.build"),
    "pdm": ("pdm-backend", "pdm.backend"),
    "poetry": ("poetry-core", "poetry.core.masonry.api"),
    "setuptools": ("setuptools", "setuptools.build_meta"),
    "uv": ("uv_build", "uv_build"),
}
PROJECT = """\
# Comments and odd spaces stay, too.
[build-system]
requires = ["{requires}"]
build-backend   = "{backend}"

[project]
name = "demo"  # its name
{version}
description = "A demo"
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
dependencies = [
    "packaging",
]

[tool.publish-all]
publish-to = ["pypi"]
"""
FILES = {
    "README.md": "# demo\n",
    "LICENSE": "MIT\n",
    ".gitignore": "dist/\n*.egg-info/\nbuild/\n",
    "src/demo/__init__.py": '"""A demo."""\n\n__version__ = "1.0rc1"\n',
    "src/demo/core.py": "x = 1\n" * 3000,
    "src/demo/run.sh": "echo\n",
    "tests/test_core.py": "",
}
STATIC = 'version = "1.0-rc1"'
DYNAMIC = 'dynamic = ["version"]'
OURS = '[tool.publish-all.version]\nsource = "git"\n'
# Backend, the line of the version, and what else pyproject.toml says.
SHAPES: Mapping[str, tuple[str, str, str]] = {
    **{backend: (backend, STATIC, "") for backend in BACKENDS},
    "flit, dynamic": ("flit", DYNAMIC, ""),
    "hatchling, dynamic": ("hatchling", DYNAMIC, '[tool.hatch.version]\npath = "src/demo/__init__.py"\n'),
    "hatchling, told by us": ("hatchling", DYNAMIC, f'{OURS}[tool.hatch.version]\nsource = "publish-all"\n'),
    "pdm, dynamic": (
        "pdm",
        DYNAMIC,
        '[tool.pdm.version]\nsource = "file"\npath = "src/demo/__init__.py"\n',
    ),
    "poetry, with its own version": ("poetry", DYNAMIC, '[tool.poetry]\nversion = "1.0-rc1"\n'),
    "poetry, told by us": ("ours", DYNAMIC, OURS),
    "setuptools, dynamic": (
        "setuptools",
        DYNAMIC,
        '[tool.setuptools.dynamic]\nversion = {attr = "demo.__version__"}\n',
    ),
}
OF_POETRY = {"poetry, told by our plugin": ("poetry", DYNAMIC, OURS)}
DATES = (None, "1700000000")
# Backends that write down the moment or the times of files, in which of their files, told no date and told one.
NEVER_THE_SAME = {
    "flit": {(None, "wheel"), (None, "sdist")},
    "pdm": {(None, "sdist"), ("1700000000", "sdist")},
    "setuptools": {(None, "wheel"), (None, "sdist"), ("1700000000", "sdist")},
}


def make(root: Path, shape: str) -> Path:
    backend, version, more = {**SHAPES, **OF_POETRY}[shape]
    requires, module = BACKENDS.get(backend, ("publish-all", "publish_all.backends.poetry_core"))
    text = PROJECT.format(requires=requires, backend=module, version=version) + more
    for name, content in {**FILES, "pyproject.toml": text}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (root / "src/demo/run.sh").chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    git(root, "tag", "v1.0rc1")
    return root


def members(path: Path) -> dict[str, tuple[str, bool]]:
    """Each file of an archive: its content, and whether it can be run."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {
                each.filename: (wheel.read(each).hex(), bool(each.external_attr >> 16 & 0o100))
                for each in wheel.infolist()
            }
    with tarfile.open(path) as sdist:
        files = [each for each in sdist if not each.isdir()]
        contents = (sdist.extractfile(each) for each in files)
        return {
            each.name: (content.read().hex() if content else "", bool(each.mode & 0o100))
            for each, content in zip(files, contents, strict=True)
        }


def of_kind(folder: Path) -> dict[str, Path]:
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


class Tools:
    """The programs of this environment: each builds the project into an empty `dist`, which is then renamed."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        scripts = str(installed("dev", "python").parent)
        path = os.pathsep.join((scripts, environment["PATH"]))  # uv_build looks there for its program
        self.environment = {**environment, "PATH": path}

    def __call__(self, program: str, *arguments: str, date: str | None) -> dict[str, Path]:
        shutil.rmtree(self.root / "dist", ignore_errors=True)
        date_set = {} if date is None else {"SOURCE_DATE_EPOCH": date}
        done: Result = run(
            [installed("dev", program), *arguments],
            cwd=self.root,
            environment={**self.environment, **date_set},
            timeout=180,
        )
        assert done.returncode == 0, done
        place = self.root.parent / f"{program}-{hashlib.sha256(repr((arguments, date)).encode()).hexdigest()}"
        (self.root / "dist").rename(place)
        git(self.root, "clean", "-dfxq")
        return of_kind(place)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_change_by_us(shape: str, tmp_path: Path, environment: dict[str, str]) -> None:
    tools = Tools(make(tmp_path / "demo", shape), environment)
    exceptions = NEVER_THE_SAME.get(SHAPES[shape][0], set())
    for date in DATES:
        own = tools("python", "-m", "build", "--no-isolation", "--sdist", "--wheel", date=date)
        ours = tools("publish-all", "build", "--no-isolation", date=date)
        for kind in ("sdist", "wheel"):
            assert own[kind].name == ours[kind].name
            assert members(own[kind]) == members(ours[kind]), (kind, date)
            same = own[kind].read_bytes() == ours[kind].read_bytes()
            assert same is ((date, kind) not in exceptions), (kind, date)


@pytest.mark.parametrize("way", ["stage", "hatch.toml", "build hook"])
def test_by_hatch_and_by_us(way: str, tmp_path: Path, environment: dict[str, str]) -> None:
    root = make(tmp_path / "demo", "hatchling, dynamic")
    if way == "hatch.toml":
        (root / "hatch.toml").write_text('[build.targets.sdist]\nexclude = ["tests"]\n')
    if way == "build hook":
        with (root / "pyproject.toml").open("a") as file:
            file.write('[tool.hatch.build.hooks.version]\npath = "src/demo/made.py"\n')
    git(root, "add", "-A")
    git(root, "commit", "-qm", "y", "--allow-empty")
    if way == "stage":
        environment["PUBLISH_ALL_BUILD"] = "stage"
    tools = Tools(root, environment)
    for date in DATES:
        own = tools("hatch", "build", "-t", "sdist", "-t", "wheel", date=date)
        by_plugin = tools("hatchling", "build", "-t", "variants", date=date)
        ours = tools("publish-all", "build", "--no-isolation", date=date)
        for kind in ("sdist", "wheel"):
            assert own[kind].read_bytes() == ours[kind].read_bytes(), (kind, date)
            assert own[kind].read_bytes() == by_plugin[kind].read_bytes(), (kind, date)


@pytest.mark.parametrize("shape", ["poetry", "poetry, told by our plugin"])
def test_by_poetry_and_by_us(shape: str, tmp_path: Path, environment: dict[str, str]) -> None:
    tools = Tools(make(tmp_path / "demo", shape), environment)
    for date in DATES:
        own = tools("poetry", "build", date=date)
        by_plugin = tools("poetry", "build-all", date=date)
        for kind in ("sdist", "wheel"):
            assert own[kind].read_bytes() == by_plugin[kind].read_bytes(), (kind, date)
