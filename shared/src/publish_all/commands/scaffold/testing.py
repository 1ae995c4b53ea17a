"""Which commands test and lint a project, guessed from what it has. Pure but for looking whether files are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from publish_all._values import dataclass
from publish_all.version.static import table

_TOOLS = frozenset(
    {
        "black",
        "coverage",
        "flake8",
        "isort",
        "mypy",
        "nox",
        "pre-commit",
        "pylint",
        "pyright",
        "pytest",
        "ruff",
        "tox",
        "unittest",
    }
)
_TASK = re.compile(r"(^|[-_:])(tests?|lint|check|cov|coverage)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """A command of a workflow that stops it where tests or lint fail, and the file and line that it stands in."""

    tool: str
    command: str
    where: str


def tool_of(words: Sequence[str]) -> str | None:
    """What a command tests or lints with: `pytest`, `make test`; None if it does neither."""
    match words:
        case ("hatch", "test", *_):
            return "pytest"
        case ("hatch", "fmt", *_):
            return "ruff"
        case (("hatch" | "pdm"), "run", task, *_) | (("make" | "just"), task, *_) if _TASK.search(task):
            return " ".join([*words[: words.index(task)], task])
        case (tool, *_) if tool in _TOOLS:
            return tool
    return None


def is_tested(tool: str, tests: Sequence[str]) -> bool:
    """Whether these commands, as far as can be seen, do what the tool does. nox and tox may do anything."""
    text = " ".join(tests)
    words = set(text.split())
    runs_pytest = tool in {"coverage", "pytest", "unittest"} and ("pytest" in words or "hatch test" in text)
    return runs_pytest or tool in text or bool(words & {"nox", "tox"})


def commands_of(root: Path, pyproject: Mapping[str, Any]) -> tuple[str, ...]:
    """Shell commands that need nothing installed but uv; empty where the project seems to have no tests."""
    return tuple(_commands(root, pyproject))


def _commands(root: Path, pyproject: Mapping[str, Any]) -> Iterator[str]:
    if (root / "noxfile.py").is_file():
        yield "uvx nox"
        return
    if (root / "tox.ini").is_file() or "tox" in table(pyproject, "tool"):
        yield "uvx tox run"
        return
    if "ruff" in table(pyproject, "tool") or (root / "ruff.toml").is_file():
        yield "uvx ruff check ."
    if any((root / each).is_dir() for each in ("tests", "test")):
        yield from _pytest(root, pyproject)


def _pytest(root: Path, pyproject: Mapping[str, Any]) -> Iterator[str]:
    backend = str(table(pyproject, "build-system").get("build-backend", ""))
    if table(pyproject, "tool", "poetry") or (root / "poetry.lock").is_file():
        yield "uvx poetry install"
        yield "uvx poetry run pytest"
    elif (root / "uv.lock").is_file():
        yield "uv run --locked pytest"
    elif backend.startswith("hatchling"):
        yield "uvx hatch test"
    else:
        yield "uvx --with . pytest"
