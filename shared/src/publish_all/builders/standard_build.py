"""Builds a wheel from an unpacked sdist as installers do: by its own backend, through PEP 517, away from the project.

Not by our builders, which know the project: what they would add is what this is to find.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from publish_all._process import run_project_code
from publish_all.builders.environment import Interpreter, interpreter_for
from publish_all.builders.select import build_requires
from publish_all.errors import BuildError
from publish_all.events import Listener
from publish_all.variants.resolve import read_toml

_LINES = 3


class BuildWheel(Protocol):
    """Builds the wheel of a source folder into `output`. Raises `BuildError`."""

    def __call__(self, folder: Path, output: Path) -> Path: ...


@contextlib.contextmanager
def standard_builds(
    *, environment: Mapping[str, str], admitted: Sequence[str] = (), workspace: Path, listener: Listener
) -> Iterator[BuildWheel]:
    """Builds that share their environments: one for each set of requirements, made when it is first needed.

    `admitted` are the names of `build-environment`.
    """
    made: dict[tuple[str, ...], Interpreter] = {}
    with contextlib.ExitStack() as stack:

        def interpreter(requirements: tuple[str, ...]) -> Interpreter:
            if requirements not in made:
                place = workspace / f"environment-{len(made)}"
                place.mkdir(parents=True)
                made[requirements] = stack.enter_context(
                    interpreter_for(
                        requirements,
                        environment=environment,
                        workspace=place,
                        listener=listener,
                        admitted=admitted,
                    )
                )
            return made[requirements]

        def build(folder: Path, output: Path) -> Path:
            pyproject = folder / "pyproject.toml"
            requires = build_requires(read_toml(pyproject)) if pyproject.is_file() else ("setuptools",)
            found = interpreter(requires)
            more = _hook(folder, found, "requires", output)
            wanted = tuple(each for each in more if each not in requires)
            if wanted and not found.add(wanted):
                found = interpreter((*requires, *wanted))
            return Path(_hook(folder, found, "wheel", output)[0])

        yield build


def _hook(folder: Path, interpreter: Interpreter, what: str, output: Path) -> tuple[str, ...]:
    from build import BuildBackendException, BuildException, ProjectBuilder

    said: list[str] = []

    def runner(
        cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        ended = run_project_code(
            cmd, cwd=Path(cwd or folder), environment={**interpreter.environment, **(extra_environ or {})}
        )
        said.extend((ended.stdout + ended.stderr).splitlines())
        if ended.returncode:
            raise subprocess.CalledProcessError(ended.returncode, list(cmd))

    builder = ProjectBuilder(folder, python_executable=interpreter.executable, runner=runner)
    try:
        if what == "requires":
            return tuple(sorted(builder.get_requires_for_build("wheel")))
        return (builder.build("wheel", output),)
    except (BuildException, BuildBackendException) as error:
        last = [line.strip() for line in said if line.strip()][-_LINES:]
        msg = f"the build backend failed: {' / '.join(last) or error}"
        raise BuildError(msg) from error
