"""Poetry's own commands with our versions: they see it, and `poetry version RULE` acts on its source.

`poetry version`, `build`, `publish`, `install`, `check` and `lock` read the project as if the version
were written down; nothing on disk changes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from poetry.console.exceptions import PoetryConsoleError

from publish_all.commands.poetry_host import configures_version, static_sdists, tell_poetry

if TYPE_CHECKING:
    from cleo.events.console_command_event import ConsoleCommandEvent
    from poetry.console.application import Application
    from poetry.console.commands.version import VersionCommand

FAILED = 1
PRIORITY = 10
"""Of the listener that calls `prepare_version`: Poetry's own, which read the project, have 0."""


def prepare_version(application: Application, event: ConsoleCommandEvent) -> int | None:
    """To be called before any command, before Poetry reads the project.

    Returns None where Poetry's own command goes on, else the exit code of what was done in its place.
    """
    tell_poetry(os.environ, failure=PoetryConsoleError)
    match event.command.name:
        case "build":
            static_sdists(application.poetry.pyproject.data)
        case "version" if event.io.input.argument("version"):
            if configures_version(application.poetry.pyproject.data):
                event.disable_command()
                return _set_version(application, event)
    return None


def _set_version(application: Application, event: ConsoleCommandEvent) -> int:
    """`poetry version RULE`, with Poetry's rules and words, on the source and all places."""
    from publish_all.commands.version import VersionOptions, version
    from publish_all.errors import PublishAllError

    package = application.poetry.package
    command: VersionCommand = event.command  # type: ignore[assignment]  # the name says which one
    option = event.io.input.option
    rule = event.io.input.argument("version")
    new = command.increment_version(package.pretty_version, rule, option("next-phase")).to_string()
    directory = Path(application.poetry.file.path).parent
    try:
        version(VersionOptions(directory=directory, set_to=new, dry_run=option("dry-run")))
    except PublishAllError as error:
        event.io.write_error_line(f"<error>{error.message}</error>")
        if error.hint:
            event.io.write_error_line(error.hint)
        return FAILED
    if option("short"):
        event.io.write_line(new)
    else:
        event.io.write_line(f"Bumping version from <b>{package.pretty_version}</> to <fg=green>{new}</>")
    return 0
