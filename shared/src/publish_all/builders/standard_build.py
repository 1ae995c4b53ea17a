"""Builds a wheel from an unpacked sdist as installers do: by its own backend, through PEP 517, away from the project.

Not by our builders, which know the project: what they would add is what this is to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from publish_all._build_system import build_requires
from publish_all.builders.build_environment import Interpreter, interpreter_for
from publish_all.builders.builder import BuildSettings
from publish_all.builders.worker_protocol import ask_worker
from publish_all.config.load import read_toml
from publish_all.errors import BuildError
from publish_all.events import Listener


class BuildWheel(Protocol):
    """Builds the wheel of a source folder into `output`. Raises `BuildError`."""

    def __call__(self, folder: Path, output: Path) -> Path: ...


def standard_builds(*, settings: BuildSettings, workspace: Path, listener: Listener) -> BuildWheel:
    """Builds that share their environments: one for each set of requirements, made when it is first needed."""
    made: dict[tuple[str, ...], tuple[Interpreter, Path]] = {}

    def call(requirements: tuple[str, ...], hook: str, folder: Path, *arguments: str) -> Any:
        if requirements not in made:
            place = workspace / f"environment-{len(made)}"
            place.mkdir(parents=True)
            found = interpreter_for(requirements, settings=settings, workspace=place, listener=listener)
            made[requirements] = found, place
        interpreter, place = made[requirements]
        question = {"ask": "hook", "folder": folder, "pyproject": _pyproject(folder), "hook": hook}
        try:
            return ask_worker(
                {**question, "arguments": arguments},
                executable=interpreter.executable,
                environment=interpreter.environment,
                workspace=place,
                listener=listener,
            )
        except BuildError as error:
            raise BuildError(f"the build backend failed: {error.message}", hint=error.hint) from error

    def build(folder: Path, output: Path) -> Path:
        requires = build_requires(_pyproject(folder))
        wanted = call(requires, "get_requires_for_build_wheel", folder)
        more = tuple(each for each in wanted if each not in requires)
        return output / str(call((*requires, *more), "build_wheel", folder, str(output)))

    return build


def _pyproject(folder: Path) -> Mapping[str, Any]:
    path = folder / "pyproject.toml"
    return read_toml(path) if path.is_file() else {}
