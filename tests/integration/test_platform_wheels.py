"""One release with a wheel for each platform: real installers pick the right one, the usual checkers like them all."""

from __future__ import annotations

import os
import re
import stat
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.environments import installed
from harness.process import Result, clean_environment, run
from harness.projects import built, git, git_status

BACKENDS = {
    "hatchling": ('"hatchling"', "hatchling.build"),
    "poetry-core": ('"poetry-core"', "poetry.core.masonry.api"),
    "setuptools": ('"setuptools>=77"', "setuptools.build_meta"),
}
# Tag → a platform that pip is told to be on → the tool that it gets.
TAGS = {
    "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64": ("manylinux2014_x86_64", "linux-x64"),
    "py3-none-manylinux_2_28_aarch64": ("manylinux_2_28_aarch64", "linux-arm64"),
    "py3-none-musllinux_1_2_x86_64": ("musllinux_1_2_x86_64", "musl-x64"),
    "1-py3-none-macosx_11_0_arm64": ("macosx_14_0_arm64", "macos-arm64"),
    "py3-none-macosx_10_9_x86_64": ("macosx_11_0_x86_64", "macos-x64"),
    "py3-none-win_amd64": ("win_amd64", "win-x64"),
}
PYPROJECT = """\
[build-system]
requires = [{requires}]
build-backend = "{backend}"

[project]
name = "kindling"
version = "1.2.3"
description = "Kindling, with a tool"
readme = "README.md"
requires-python = ">=3.10"
authors = [{{ name = "Someone", email = "someone@example.com" }}]

[tool.setuptools]
packages = ["kindling"]

[tool.publish-all]
publish-to = ["shelf"]

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "../shelf"

[tool.publish-all.variants.native]
name = "kindling-native"

[tool.publish-all.variants.native.wheels]
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    root: Path
    environment: dict[str, str]

    def publish_all(self, *arguments: str) -> Result:
        command = [installed("dev", "publish-all"), *arguments, "--no-interaction"]
        return run(command, cwd=self.root, environment=self.environment, timeout=200)

    @property
    def wheels(self) -> list[Path]:
        return sorted((self.root / "dist").glob("*.whl"))


def make_project(folder: Path, backend: str) -> Project:
    root = folder / "kindling"
    (root / "kindling").mkdir(parents=True)
    (root / "kindling" / "__init__.py").write_text('"""Kindling."""\n')
    (root / "README.md").write_text("# Kindling\n\nWith a tool.\n")
    (root / ".gitignore").write_text("/build/\n/dist/\n")
    requires, api = BACKENDS[backend]
    lines = [
        f'"{tag}" = {{ force-include = {{ "build/{place}/tool" = "kindling/_bin/tool" }} }}'
        for tag, (_, place) in TAGS.items()
    ]
    (root / "pyproject.toml").write_text(
        PYPROJECT.format(requires=requires, backend=api) + "\n".join(lines) + "\n"
    )
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "the project")
    for _, place in TAGS.values():
        tool = root / "build" / place / "tool"
        tool.parent.mkdir(parents=True)
        tool.write_text(f"#!/bin/sh\necho {place}\n")
        tool.chmod(0o755)
    return Project(root=root, environment=clean_environment(folder / "home"))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_installers_pick_the_wheel_of_their_platform(tmp_path: Path, backend: str) -> None:
    project = make_project(tmp_path, backend)
    published = project.publish_all("publish")
    assert published.returncode == 0, published
    assert len(project.wheels) == len(TAGS)
    assert len(built(project.root / "dist")) == len(TAGS), "no sdist"
    assert git_status(project.root) == ""
    for tag, (platform, place) in TAGS.items():
        (picked,) = pick(project, tmp_path / "picked" / place, platform)
        assert picked.name == f"kindling_native-1.2.3-{tag}.whl"
        assert tool_of(picked) == (f"#!/bin/sh\necho {place}\n", 0o755)
    for platform in (
        "manylinux_2_12_x86_64",
        "manylinux_2_17_aarch64",
        "macosx_10_9_arm64",
        "win32",
        "win_arm64",
    ):
        assert pick(project, tmp_path / "none" / platform, platform) == []

    checked = run(
        [installed("dev", "check-wheel-contents"), *project.wheels],
        cwd=tmp_path,
        environment=project.environment,
    )
    assert checked.returncode == 0, checked
    twine = [installed("dev", "twine"), "check", "--strict", *project.wheels]
    assert run(twine, cwd=tmp_path, environment=project.environment).returncode == 0


def pick(project: Project, target: Path, platform: str) -> list[Path]:
    """What pip downloads of the published release on this platform."""
    command = [
        installed("dev", "python"), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-cache-dir", "--index-url", (project.root.parent / "shelf" / "simple").as_uri(),
        "--platform", platform, "--python-version", "3.12", "--only-binary", ":all:",
        "--dest", target, "kindling-native",
    ]  # fmt: skip
    environment = {key: value for key, value in project.environment.items() if not key.startswith("PIP_")}
    run(command, cwd=project.root.parent, environment=environment)
    return list(target.iterdir()) if target.is_dir() else []


def tool_of(wheel: Path) -> tuple[str, int]:
    with zipfile.ZipFile(wheel) as opened:
        info = opened.getinfo("kindling/_bin/tool")
        return opened.read(info).decode(), stat.S_IMODE(info.external_attr >> 16)


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine != "x86_64", reason="Linux on x86-64"
)
def test_the_tool_runs_once_it_is_installed(tmp_path: Path) -> None:
    project = make_project(tmp_path, "hatchling")
    assert project.publish_all("build").returncode == 0
    target = tmp_path / "installed"
    command = [
        installed("dev", "uv"), "pip", "install", "--quiet", "--no-index", "--find-links", project.root / "dist",
        "--python", installed("dev", "python"), "--target", target, "kindling-native",
    ]  # fmt: skip
    run(command, cwd=tmp_path, environment=project.environment, check=True)
    told = run(
        [target / "kindling" / "_bin" / "tool"], cwd=tmp_path, environment=project.environment, check=True
    )
    assert told.stdout in {"linux-x64\n", "musl-x64\n"}


def test_each_machine_builds_what_it_has(tmp_path: Path) -> None:
    project = make_project(tmp_path, "hatchling")
    for place in ("win-x64", "macos-arm64"):
        (project.root / "build" / place / "tool").unlink()

    refused = project.publish_all("build")
    assert (refused.returncode, built(project.root) == []) == (1, True)
    assert not (project.root / "dist").exists()
    for tag, place in (("py3-none-win_amd64", "win-x64"), ("1-py3-none-macosx_11_0_arm64", "macos-arm64")):
        key = f'tool.publish-all.variants.native.wheels."{tag}".force-include."build/{place}/tool"'
        assert re.search(rf"the wheel {re.escape(tag)} of native: {re.escape(key)}", refused.stderr)
    assert "--allow-missing" in refused.stderr

    one = project.publish_all("build", "--wheel-tag", "py3-none-musllinux_1_2_x86_64")
    assert one.returncode == 0, one
    assert built(project.root / "dist") == ["kindling_native-1.2.3-py3-none-musllinux_1_2_x86_64.whl"]

    early = project.publish_all("publish", "--no-build")
    assert early.returncode == 2, early
    assert (
        "not built yet: the wheel py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64 of native"
        in early.stderr
    )
    part = project.publish_all("publish", "--no-build", "--allow-missing")
    assert part.returncode == 0, part
    rest = project.publish_all("publish", "--allow-missing")
    assert rest.returncode == 0, rest
    assert len(project.wheels) == len(TAGS) - 2
    shelf = tmp_path / "shelf"
    assert sum(1 for _ in shelf.rglob("*.whl")) == len(TAGS) - 2

    for _, place in TAGS.values():
        (project.root / "build" / place / "tool").unlink(missing_ok=True)
    nothing = project.publish_all("build", "--allow-missing")
    assert nothing.returncode == 1
    assert "no platform wheel can be built" in nothing.stderr


def test_a_release_of_tags_that_pypi_refuses_is_stopped_before_anything_is_uploaded(tmp_path: Path) -> None:
    project = make_project(tmp_path, "hatchling")
    path = project.root / "pyproject.toml"
    path.write_text(
        path.read_text().replace("macosx_11_0_arm64", "macosx_11_1_arm64").replace("musllinux_1_2", "linux")
    )
    checked = project.publish_all("check", "-r", "pypi")
    assert checked.returncode == 4, checked
    told = re.findall(r"will refuse the platform tag '(\w+)'", " ".join(checked.output.split()))
    assert sorted(told) == ["linux_x86_64", "macosx_11_1_arm64"]
    assert project.publish_all("check").returncode == 0
