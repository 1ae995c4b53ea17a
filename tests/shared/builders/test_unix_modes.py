"""Archives say the same on every system: the executable bit, and on which system they were made."""

from __future__ import annotations

import os
import sys
import tarfile
import zipfile
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from publish_all._process import run
from publish_all.builders import unix_modes
from publish_all.builders.builder import BuildRequest, BuildSettings
from publish_all.builders.run import build
from publish_all.builders.source_tree import SourceTree
from publish_all.config.model import Isolation
from publish_all.events import ignore

PROJECT = {"name": "demo-x", "version": "1.0", "description": "d"}
SYSTEMS = {
    "hatchling": ("hatchling.build", {"hatch": {"build": {"targets": {"wheel": {"packages": ["demo"]}}}}}),
    "poetry-core": ("poetry.core.masonry.api", {"poetry": {"packages": [{"include": "demo"}]}}),
    "flit-core": ("flit_core.buildapi", {"flit": {"module": {"name": "demo"}}}),
}


@pytest.fixture
def root(make_tree):
    """A project that git knows better than the file system: of two scripts, each says the other is executable."""
    root = make_tree(
        {"demo/__init__.py": '"""Demo."""', "demo/run.sh": "run", "demo/data.sh": "data", "demo/Upper.py": ""}
    )
    run(["git", "update-index", "--chmod=+x", "demo/run.sh"], cwd=root)
    (root / "demo/data.sh").chmod(0o755)
    run(["git", "config", "core.fileMode", "false"], cwd=root)
    return root


def is_executable(path):
    return bool(os.stat(path).st_mode & 0o111)  # noqa: PTH116 - as backends ask


def test_git_says_what_is_executable_where_the_file_system_cannot(root):
    modes = SourceTree(root).modes
    assert {Path(path).name: executable for path, executable in modes.items() if executable} == {
        "run.sh": True
    }
    run(["git", "config", "core.fileMode", "true"], cwd=root)
    assert SourceTree(root).modes == {}


@pytest.mark.usefixtures("unpatched")
def test_backends_are_told_what_git_says(root):
    before = os.stat(root / "demo/run.sh")  # noqa: PTH116 - as backends ask
    unix_modes.use_modes(SourceTree(root).modes)
    after = os.stat(root / "demo/run.sh")  # noqa: PTH116 - as backends ask
    assert after.st_mtime_ns == before.st_mtime_ns
    assert is_executable(root / "demo/run.sh")
    assert not is_executable(str(root / "demo/data.sh"))
    unix_modes.keep_mode(str(root / "copy"), 0o755)
    assert unix_modes.modes_below(root) == unix_modes._EXECUTABLE
    assert unix_modes.modes_below(root / "demo").keys() < unix_modes._EXECUTABLE.keys()


@pytest.mark.usefixtures("unpatched")
def test_members_are_made_on_unix(monkeypatch):
    monkeypatch.setattr("zipfile.sys", SimpleNamespace(**{**vars(sys), "platform": "win32"}))
    assert zipfile.ZipInfo("a").create_system == 0
    unix_modes.made_on_unix()
    assert zipfile.ZipInfo("a").create_system == 3
    assert PureWindowsPath("README.md") < PureWindowsPath("demo/a.py")


@pytest.mark.parametrize("backend", SYSTEMS)
def test_a_build_has_the_modes_of_git_and_one_order_of_names(root, make_variant, backend):
    name, tool = SYSTEMS[backend]
    pyproject = {
        "build-system": {"requires": [backend], "build-backend": name},
        "project": PROJECT,
        "tool": tool,
    }
    request = BuildRequest(root=root, output=root / "dist", variants=(make_variant(pyproject),))
    settings = BuildSettings(os.environ, isolation=Isolation.NEVER)
    built = {
        each.kind: root / "dist" / each.filename
        for each in build(request, listener=ignore, settings=settings).files
    }
    with zipfile.ZipFile(built["wheel"]) as wheel:
        modes = {each.filename: bool(each.external_attr >> 16 & 0o111) for each in wheel.infolist()}
        assert all(each.create_system == 3 for each in wheel.infolist())
    assert [each for each in modes if each.startswith("demo/")] == [
        "demo/Upper.py", "demo/__init__.py", "demo/data.sh", "demo/run.sh"
    ]  # fmt: skip
    assert (modes["demo/run.sh"], modes["demo/data.sh"]) == (True, False)
    with tarfile.open(built["sdist"]) as sdist:
        modes = {each.name.partition("/")[2]: bool(each.mode & 0o111) for each in sdist}
    assert (modes["demo/run.sh"], modes["demo/data.sh"]) == (True, False)
