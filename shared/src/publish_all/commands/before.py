"""The `before-publish` commands: what the project wants to see pass before anything is uploaded."""

from __future__ import annotations

import os

from publish_all.builders.variables import for_project_code, not_passed
from publish_all.commands.context import Surroundings
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import BEFORE_PUBLISH_FAILED
from publish_all.errors import CheckError
from publish_all.events import Listener, StepStarted

_SHOWN_LINES = 20


def run_before_publish(config: ProjectConfig, *, around: Surroundings, listener: Listener) -> None:
    """Run each in the project's root, by the shell, with the environment that a build gets.

    Raises `CheckError` for the first that fails, with the end of what it printed.
    """
    environment, dropped = for_project_code(around.environment, config.build_environment)
    for command in config.before_publish:
        listener(StepStarted(step="before-publish", detail=command))
        shell = ["cmd", "/c", command] if os.name == "nt" else ["/bin/sh", "-c", command]
        done = around.run_project(shell, cwd=config.root, environment=environment)
        if done.returncode != 0:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:])
            msg = f"before-publish: {command!r} failed with exit code {done.returncode}; nothing was uploaded"
            finding = BEFORE_PUBLISH_FAILED.found(
                (f"{msg}\n{tail}" if tail else msg) + not_passed(dropped),
                hint="Repair what it reports, then publish again.",
            )
            raise CheckError(finding.message, hint=finding.hint, findings=(finding,))
