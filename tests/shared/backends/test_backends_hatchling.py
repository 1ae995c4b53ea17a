"""hatchling's version source `publish-all`."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling import build
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from publish_all.backends.hatchling import PublishAllVersionSource

PYPROJECT = """\
[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.10"

[build-system]
requires = ["hatchling", "publish-all"]
build-backend = "hatchling.build"

[tool.hatch.version]
source = "publish-all"

[tool.publish-all.version]
"""
GIT = PYPROJECT + 'source = "git"\n'
ATTRIBUTE = PYPROJECT + 'source = "attribute"\npath = "demo/__init__.py"\nsync = ["conf.toml"]\n'


def git(root: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{key}": "t@e" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **who, **clean},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def project(root: Path, pyproject: str, *tags: str) -> Path:
    (root / "demo").mkdir(parents=True)
    (root / "demo/__init__.py").write_bytes(b'"""\r\n__version__ = "9.9"\r\n"""\r\n__version__ = "3.4"\r\n')
    (root / "conf.toml").write_bytes(b'[project]\r\nversion = "3.4"\r\n')
    (root / "pyproject.toml").write_text(pyproject)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "work")
    for tag in tags:
        git(root, "tag", tag)
    return root


def source(root: Path) -> PublishAllVersionSource:
    return PublishAllVersionSource(str(root), {"source": "publish-all"})


def test_hatchling_finds_it_by_its_name(tmp_path: Path) -> None:
    root = project(tmp_path, GIT, "v1.2.3")
    metadata = ProjectMetadata(str(root), PluginManager())
    assert isinstance(metadata.hatch.version.source, PublishAllVersionSource)
    assert metadata.version == "1.2.3"


def test_the_version_of_the_attribute_is_not_that_of_a_docstring(tmp_path: Path) -> None:
    assert source(project(tmp_path, ATTRIBUTE)).get_version_data() == {"version": "3.4"}


def test_setting_changes_the_literal_and_the_places_alone(tmp_path: Path) -> None:
    root = project(tmp_path, ATTRIBUTE)
    source(root).set_version("3.5", {"version": "3.4"})
    expected = b'"""\r\n__version__ = "9.9"\r\n"""\r\n__version__ = "3.5"\r\n'
    assert (root / "demo/__init__.py").read_bytes() == expected
    assert (root / "conf.toml").read_bytes() == b'[project]\r\nversion = "3.5"\r\n'


def test_setting_a_git_version_says_how(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"comes from git tags(?s:.)*--release 3\.5"):
        source(project(tmp_path, GIT, "v1.2.3")).set_version("3.5", {})


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        (GIT, r"no tag like v1\.2\.3(?s:.)*git tag v0\.1\.0"),
        (PYPROJECT, r"configured to take it from the(?s:.)*version\.source"),
        (PYPROJECT + 'sourse = "git"\n', r"sourse: unknown key"),
    ],
)
def test_never_a_silent_version(pyproject: str, message: str, tmp_path: Path) -> None:
    root = project(tmp_path, pyproject)
    with pytest.raises(ValueError, match=message):
        source(root).get_version_data()
    with pytest.raises(ValueError, match=message):
        _ = ProjectMetadata(str(root), PluginManager()).version


def test_the_sdist_states_the_version_and_builds_the_same_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path / "project", GIT, "v1.2.3")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    out = tmp_path / "out"
    monkeypatch.chdir(root)
    sdist, wheel = build.build_sdist(str(out)), build.build_wheel(str(out))
    assert (sdist, wheel) == ("demo-1.2.4.dev1.tar.gz", "demo-1.2.4.dev1-py3-none-any.whl")
    assert git(root, "status", "--porcelain") == ""
    with tarfile.open(out / sdist) as opened:
        opened.extractall(tmp_path, filter="data")
    unpacked = tmp_path / "demo-1.2.4.dev1"
    assert "\nVersion: 1.2.4.dev1\n" in (unpacked / "PKG-INFO").read_text()
    monkeypatch.chdir(unpacked)
    assert build.build_wheel(str(tmp_path / "again")) == wheel
    assert zipfile.ZipFile(tmp_path / "again" / wheel).namelist() == zipfile.ZipFile(out / wheel).namelist()
    assert source(unpacked).get_version_data() == {"version": "1.2.4.dev1"}


CODE = """
import sys
from hatchling.build import prepare_metadata_for_build_wheel
print(prepare_metadata_for_build_wheel(sys.argv[1]))
print(*sorted(name for name in HEAVY if name in sys.modules))
""".replace("HEAVY", repr(["requests", "keyring", "cleo", "rich", "tomlkit", "platformdirs", "build"]))


def test_only_light_modules_are_imported(tmp_path: Path) -> None:
    root = project(tmp_path / "project", GIT, "v1.2.3")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["demo-1.2.3.dist-info", ""]


@pytest.mark.parametrize(("asked", "expected"), [("4.0", "4.0"), ("minor", "3.5")])
def test_hatchlings_own_command_sets_the_attribute(asked: str, expected: str, tmp_path: Path) -> None:
    root = project(tmp_path, ATTRIBUTE)
    command = [sys.executable, "-m", "hatchling", "version"]
    subprocess.run([*command, asked], cwd=root, capture_output=True, check=True)
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == expected
