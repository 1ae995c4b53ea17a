import subprocess
import zipfile
from pathlib import Path

import pytest

from publish_all.commands.build import BuildOptions, build
from publish_all.commands.context import Runtime
from publish_all.errors import BuildError
from publish_all.events import Note

HATCH = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
{more}
"""
HOOK = """\
[tool.hatch.build.hooks.custom]
"""
HOOK_CODE = """\
from pathlib import Path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        made = Path(self.root, "demo", "where.txt")
        made.write_text(self.root)
        build_data["artifacts"].append("demo/where.txt")
"""


@pytest.fixture
def project(tmp_path):
    def make(more="", **files):
        root = tmp_path / "project"
        (root / "demo").mkdir(parents=True)
        (root / "pyproject.toml").write_text(HATCH.format(more=more))
        (root / "demo/__init__.py").write_text("x = 1\n")
        (root / ".gitignore").write_text("dist/\nbuild/\nwhere.txt\n")
        for name, text in files.items():
            (root / name.replace("__", ".")).write_text(text)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        subprocess.run(["git", "add", "."], cwd=root, check=True)
        return root

    return make


def reproduced(root: Path):
    events = []
    runtime = Runtime(listener=events.append)
    report = build(BuildOptions(directory=root, reproduce=True, runtime=runtime))
    return report, [each.message for each in events if isinstance(each, Note)]


def test_says_that_the_bytes_are_the_same(project):
    forced = '[tool.publish-all.wheels]\n"py3-none-win_amd64" = {force-include = {"build/tool.exe" = "demo/tool.exe"}}'
    root = project(forced)
    (root / "build").mkdir()
    (root / "build/tool.exe").write_text("made")
    report, notes = reproduced(root)
    assert notes == [f"built twice, in different folders: {len(report.files)} files, the same bytes"]
    with zipfile.ZipFile(root / "dist" / report.files[-1].filename) as wheel:
        assert wheel.read("demo/tool.exe") == b"made"


def test_names_the_first_member_that_differs(project):
    root = project(HOOK, hatch_build__py=HOOK_CODE)
    with pytest.raises(BuildError) as caught:
        reproduced(root)
    assert "demo-1.0-py2.py3-none-any.whl: demo/where.txt has different content" in caught.value.message
    assert any((root / "dist").iterdir()), "what was built stays, to look at"
