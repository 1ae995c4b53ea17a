"""Entry point of the Poetry plugin. It imports the host alone; commands load when they are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from cleo.events.console_command_event import ConsoleCommandEvent
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from poetry.console.application import Application


TAKEN_OVER = ("publish", "version")
PRIORITY = 10
"""Before Poetry's own listeners, which read the project, and have 0."""


class PublishAllPlugin(ApplicationPlugin):
    """Registers `poetry publish-all`, its sub-commands, and `poetry build-all`."""

    def activate(self, application: Application) -> None:
        from publish_all.cli.registry import COMMANDS

        register = application.command_loader.register_factory
        register("publish-all", _factory("publish", "publish-all"))
        register("build-all", _factory("build", "build-all"))
        for name in COMMANDS:
            if name != "publish":
                register(f"publish-all {name}", _factory(name, f"publish-all {name}"))
        self._listen(application)

    def _listen(self, application: Application) -> None:
        """Poetry's own commands learn of our versions and repositories just before they run."""
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
            # `publish --build` runs `build` inside: only what was taken over has a code of ours.
            if exit_codes and isinstance(event, ConsoleTerminateEvent) and event.command.name in TAKEN_OVER:
                event.set_exit_code(exit_codes.pop())

        dispatcher.add_listener(COMMAND, prepare, PRIORITY)
        dispatcher.add_listener(TERMINATE, terminate)


def _prepare(application: Application, event: ConsoleCommandEvent) -> int | None:
    """None where Poetry's own command goes on, else the exit code of what was done in its place."""
    from poetry_publish_all.version import prepare_version

    code = prepare_version(application, event)
    if code is not None or event.command.name != "publish":
        return code
    from poetry_publish_all.publish import prepare_publish

    return prepare_publish(application, event)


def _factory(name: str, as_name: str) -> Callable[[], Command]:
    def make() -> Command:
        from publish_all.cli.registry import load

        return load(name, as_name=as_name)

    return make
