"""The quick reading for builds and the whole configuration agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from publish_all.config.parse import parse_project
from publish_all.errors import ConfigurationError
from publish_all.version.version_source import resolve_version, version_for_build

RIGHT: list[dict[str, Any]] = [
    {},
    {"source": "git"},
    {"source": "attribute", "path": "src/demo_1/__init__.py"},
    {
        "source": "git",
        "tag-prefix": "core-",
        "scheme": "post",
        "local": "node",
        "dirty": "error",
        "shallow": "allow",
    },
    {"source": "git", "tag-prefix": "core/v"},
    {"source": "git", "tag-prefix": "", "sync": ["a.toml", {"path": "b", "pattern": "v{version}"}]},
    {"source": "git", "fallback": "0.0.0"},
]
WRONG: list[dict[str, Any]] = [
    {"sourse": "git"},
    {"source": "gti"},
    {"source": True},
    {"source": "git", "scheme": "other"},
    {"source": "git", "tag-prefix": "a b"},
    {"source": "git", "fallback": "zero"},
    {"source": "attribute", "path": "/etc/version.py"},
    {"source": "attribute"},
    {"source": "git", "sync": "a.toml"},
]


def pyproject(table: dict[str, Any]) -> dict[str, Any]:
    return {"project": {"name": "x", "dynamic": ["version"]}, "tool": {"publish-all": {"version": table}}}


@pytest.mark.parametrize("table", RIGHT)
def test_both_ways_give_the_same(table: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "PKG-INFO").write_text("Name: x\nVersion: 1.2\n")
    (tmp_path / "src/demo_1").mkdir(parents=True)
    (tmp_path / "src/demo_1/__init__.py").write_text('__version__ = "1.2"')
    values = pyproject(table) if table else {"project": {"name": "x", "version": "1.2"}}
    found = resolve_version(parse_project(values, root=tmp_path), environment=os.environ)
    assert found.text == version_for_build(values, tmp_path, environment=os.environ) == "1.2"


@pytest.mark.parametrize("table", WRONG)
def test_what_is_wrong_is_told_by_the_long_way(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"tool\.publish-all\.version"):
        version_for_build(pyproject(table), Path("/x"), environment={})


CODE = """
import sys
from pathlib import Path
from publish_all.version.version_source import version_for_build
table = {"source": "git", "tag-prefix": "v", "local": "node"}
pyproject = {"project": {"name": "x"}, "tool": {"publish-all": {"version": table}}}
version_for_build(pyproject, Path.cwd(), environment={"PUBLISH_ALL_VERSION": "1"})
print(*sorted(name for name in sys.modules if name.startswith("publish_all.config")))
"""


def test_the_quick_way_imports_no_configuration() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
