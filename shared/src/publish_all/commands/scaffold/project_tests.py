"""The test commands of a project: nox, tox, Hatch, Poetry, or else pytest with the usual extras, groups and requirements.

They run where only uv is installed. Lint is not run, because it may fail for files that are not part of a release.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publish_all._build_system import backend_name
from publish_all._toml import table
from publish_all.variants.setup_files import extras_of_setup

_USUAL = ("test", "tests", "testing", "dev")
_REQUIREMENTS = (
    "requirements-test.txt",
    "requirements-dev.txt",
    "requirements/test.txt",
    "requirements/dev.txt",
)


def commands_that_test(root: Path, pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Shell commands in order; none where the project seems to have no tests."""
    if (root / "noxfile.py").is_file():
        return ("uvx nox --no-error-on-missing-interpreters",)
    tool, tox_ini = table(pyproject, "tool"), root / "tox.ini"
    text = tox_ini.read_text(encoding="utf-8", errors="replace") if tox_ini.is_file() else ""
    if "tox" in tool or "[tox" in text or "[testenv" in text:  # other tools have their settings there, too
        return ("uvx tox run --skip-missing-interpreters true",)
    if not _has_tests(root, pyproject):
        return ()
    if "pytest" in str(table(tool, "poetry", "group")):
        return ("uvx poetry install --all-groups", "uvx poetry run pytest")
    environments = table(tool, "hatch", "envs")
    for name, stated in environments.items():
        if "pytest" in str(stated) and name != "hatch-test":
            return (f"uvx hatch run {shlex.quote(f'{name}:pytest')}",)
    extras = {**extras_of_setup(root), **table(pyproject, "project", "optional-dependencies")}
    named = ",".join(each for each in _USUAL if each in extras)
    needed = [f".[{named}]" if named else "."]
    for name in _USUAL:
        needed += ["--group", name] if name in table(pyproject, "dependency-groups") else []
    for name in _REQUIREMENTS:
        needed += ["-r", name] if (root / name).is_file() else []
    if needed == ["."] and backend_name(pyproject).startswith("hatchling"):
        return ("uvx hatch test",)
    return ("uv venv", f"uv pip install -e {shlex.join(needed)} pytest", "uv run --no-project pytest")


def _has_tests(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether there is a file in which pytest finds tests: it fails where it finds none."""
    stated = table(pyproject, "tool", "pytest", "ini_options").get("testpaths", ("tests", "test"))
    folders = stated.split() if isinstance(stated, str) else [str(each) for each in stated]
    inside = (path for each in folders for path in (root / each).rglob("*.py"))
    names = (path.name for path in (*root.glob("*.py"), *inside))
    return any(name.startswith("test_") or name.endswith("_test.py") for name in names)
