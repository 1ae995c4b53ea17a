"""Entry point of the Poetry plugin. It imports only Poetry itself. Commands are imported when they run.

Poetry's own commands use the version from publish-all, and `poetry version RULE` changes it at its source. No other
files are changed.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from poetry.console.exceptions import PoetryConsoleError
from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.events.console_command_event import ConsoleCommandEvent
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from poetry.console.application import Application
    from poetry.console.commands.version import VersionCommand

FAILED = 1

TAKEN_OVER = ("publish", "version")
PRIORITY = 10
"""Higher than the 0 of Poetry's own listeners, which read the project."""


class PublishAllPlugin(ApplicationPlugin):
    """Registers `poetry publish-all`, its sub-commands, and `poetry build-all`."""

    def activate(self, application: Application) -> None:
        from publish_all.cli.registry import COMMANDS, load

        names = {f"publish-all {name}": name for name in COMMANDS}
        names |= {"publish-all": "publish", "build-all": "build"}
        for as_name, name in names.items():
            application.command_loader.register_factory(as_name, partial(load, name, as_name=as_name))
        self._listen(application)

    def _listen(self, application: Application) -> None:
        """Give our versions and repositories to Poetry's own commands before they run."""
        from cleo.events.console_command_event import ConsoleCommandEvent
        from cleo.events.console_events import COMMAND, TERMINATE
        from cleo.events.console_terminate_event import ConsoleTerminateEvent

        dispatcher = application.event_dispatcher
        if dispatcher is None:
            return
        exit_codes: list[int] = []

        def prepare(event: Event, _: str, __: EventDispatcher) -> None:
            if isinstance(event, ConsoleCommandEvent):
                code = _prepare(application, event)
                exit_codes.extend(() if code is None else (code,))

        def terminate(event: Event, _: str, __: EventDispatcher) -> None:
            # `publish --build` runs `build` inside. Only replaced commands have an exit code of ours.
            if exit_codes and isinstance(event, ConsoleTerminateEvent) and event.command.name in TAKEN_OVER:
                event.set_exit_code(exit_codes.pop())

        dispatcher.add_listener(COMMAND, prepare, PRIORITY)
        dispatcher.add_listener(TERMINATE, terminate)


def _prepare(application: Application, event: ConsoleCommandEvent) -> int | None:
    """None to continue with Poetry's own command, else the exit code of ours, which replaced it."""
    code = prepare_version(application, event)
    if code is not None or event.command.name != "publish":
        return code
    from poetry_publish_all.publish import prepare_publish

    return prepare_publish(application, event)


def prepare_version(application: Application, event: ConsoleCommandEvent) -> int | None:
    """Called before each command, before Poetry reads the project.

    Returns None to continue with Poetry's own command, else the exit code of ours, which replaced it.
    """
    from publish_all.commands.poetry_host import configures_version, static_sdists, tell_poetry

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
    """`poetry version RULE` with the rules and output of Poetry, for the version source and all places."""
    from publish_all.cli.command import error_text
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
        event.io.write_error_line(f"<error>{error_text(error, program='poetry publish-all')}</error>")
        return FAILED
    if option("short"):
        event.io.write_line(new)
    else:
        event.io.write_line(f"Bumping version from <b>{package.pretty_version}</> to <fg=green>{new}</>")
    return 0
