"""The test commands of a project: nox, tox, Hatch's environments, or else pytest with its requirements.

They run where nothing is installed but uv, and the first time: what the project does not have is not asked for, nor
is lint, as nothing says which of its files pass.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name

from publish_all._build_system import backend_name
from publish_all._toml import table
from publish_all.variants.setup_files import extras_of_setup

_PREFERRED = ("test", "tests", "testing", "dev", "develop", "development")
_REQUIREMENTS = (
    "requirements-test.txt", "requirements_test.txt", "test-requirements.txt", "requirements/test.txt",
    "requirements/tests.txt", "requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt",
    "requirements/dev.txt", "requirements.txt",
)  # fmt: skip


class _Place(NamedTuple):
    """The place of test requirements, with `arguments` by installer."""

    name: str
    requirements: tuple[str, ...]
    pip: str
    uv: str = ""
    poetry: str = ""

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort entries with pytest first, then entries whose name is about tests."""
        known = self.name in _PREFERRED
        return not self.has("pytest"), _PREFERRED.index(self.name) if known else len(_PREFERRED)

    def has(self, tool: str) -> bool:
        """Whether it names the tool or a plugin of it."""
        return any(each == tool or each.startswith(f"{tool}-") for each in self.requirements)


_NOWHERE = _Place("", (), " -e .")


def commands_that_test(root: Path, pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Shell commands in order; none where the project seems to have no tests."""
    if (root / "noxfile.py").is_file():
        return ("uvx nox --no-error-on-missing-interpreters",)
    if _has_tox(root, pyproject):
        return ("uvx tox run --skip-missing-interpreters true",)
    if not _has_tests(root, pyproject):
        return ()
    places = (each for each in _places(root, pyproject) if each.requirements)
    best = min(places, key=lambda each: each.rank, default=_NOWHERE)
    best = best if best.name in _PREFERRED or best.has("pytest") else _NOWHERE
    pytest = "" if best.has("pytest") else " pytest"
    commands: tuple[str, ...] = ()
    if not pytest and ("poetry" in table(pyproject, "tool") or (root / "poetry.lock").is_file()):
        commands, run = (f"uvx poetry install{best.poetry}",), "uvx poetry run"
    elif (root / "uv.lock").is_file():
        run = f"uv run --frozen{best.uv}" + (" --with pytest" if pytest else "")
    elif (command := _of_hatch(pyproject, with_pytest=not pytest)) is not None:
        return (command,)
    else:
        commands, run = ("uv venv", f"uv pip install{best.pip}{pytest}"), "uv run --no-project"
    return (*commands, f"{run} pytest")


def _has_tox(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """A tox.ini may hold the settings of other tools alone."""
    if (root / "tox.toml").is_file() or "tox" in table(pyproject, "tool"):
        return True
    return (
        re.search(r"^\[(tox|testenv)\b", _text(root / "tox.ini") + _text(root / "setup.cfg"), re.MULTILINE)
        is not None
    )


def _has_tests(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether there is a file in which pytest finds tests: it fails where it finds none."""
    stated = table(pyproject, "tool", "pytest", "ini_options").get("testpaths", ("tests", "test"))
    folders = stated.split() if isinstance(stated, str) else [str(each) for each in stated]
    inside = (path for each in folders for path in (root / each).rglob("*.py"))
    names = (path.name for path in (*root.glob("*.py"), *inside))
    return any(name.startswith("test_") or name.endswith("_test.py") for name in names)


def _of_hatch(pyproject: Mapping[str, Any], *, with_pytest: bool) -> str | None:
    """The command where Hatch has the environment of the tests, its own or the project's."""
    environments = table(pyproject, "tool", "hatch", "envs")
    if "hatch-test" in environments:
        return "uvx hatch test"
    for name in ("default", *_PREFERRED):
        stated = table(environments, name)
        named = [*stated.get("dependencies", ()), *stated.get("extra-dependencies", ())]
        if _Place(name, _names(named), "").has("pytest"):
            script = "test" if "test" in table(stated, "scripts") else "pytest"
            return f"uvx hatch run {script if name == 'default' else f'{name}:{script}'}"
    return "uvx hatch test" if backend_name(pyproject).startswith("hatchling") and not with_pytest else None


def _places(root: Path, pyproject: Mapping[str, Any]) -> Iterator[_Place]:
    extras = {**extras_of_setup(root), **table(pyproject, "project", "optional-dependencies")}
    for name, stated in extras.items():
        pip = " -e " + shlex.quote(f".[{name}]")
        yield _Place(name, _names(stated), pip, f" --extra {name}", f" --extras {name}")
    poetry, groups = table(pyproject, "tool", "poetry"), table(pyproject, "dependency-groups")
    for name in groups:
        option = "" if name == "dev" else f" --group {name}"  # uv installs it by itself
        with_it = f" --with {name}" if table(poetry, "group", name).get("optional") is True else ""
        yield _Place(name, _names(_group(groups, name)), f" -e . --group {name}", option, with_it)
    for name, each in table(poetry, "group").items():
        with_it = f" --with {name}" if each.get("optional") is True else ""
        yield _Place(name, _names(table(each, "dependencies")), " -e .", "", with_it)
    for name, key in (("dev", "dev-dependencies"), ("", "dependencies")):
        yield _Place(name, _names(table(poetry, key)), " -e .")
    for name, stated in table(poetry, "extras").items():
        yield _Place(name, _names(stated), " -e " + shlex.quote(f".[{name}]"), "", f" --extras {name}")
    yield _Place("dev", _names(table(pyproject, "tool", "uv").get("dev-dependencies", ())), " -e .")
    for file in _REQUIREMENTS:
        if lines := _names(_text(root / file).splitlines()):
            name = next((each for each in ("test", "dev") if each in file), "")
            yield _Place(name, lines, f" -e . -r {file}", f" --with-requirements {file}")


def _group(groups: Mapping[str, Any], name: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The requirements of a dependency group with those of the groups that it includes."""
    for each in () if name in seen else groups.get(name, ()):
        if isinstance(each, str):
            yield each
        else:
            yield from _group(groups, str(each.get("include-group")), (*seen, name))


def _names(requirements: Iterable[object]) -> tuple[str, ...]:
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", str(each).strip()) for each in requirements)
    return tuple(canonicalize_name(match[0]) for match in found if match)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
