"""Which commands test and lint a project, guessed from what it has. Pure but for looking whether files are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from publish_all.version.static import table


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
