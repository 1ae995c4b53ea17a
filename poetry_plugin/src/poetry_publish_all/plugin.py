"""Entry point of the Poetry plugin. It imports the host alone; commands load when they are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.commands.command import Command
    from cleo.events.event import Event
    from cleo.events.event_dispatcher import EventDispatcher
    from poetry.console.application import Application


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
        """`poetry publish` learns of our repositories just before it runs."""
        from cleo.events.console_command_event import ConsoleCommandEvent
        from cleo.events.console_events import COMMAND, TERMINATE
        from cleo.events.console_terminate_event import ConsoleTerminateEvent

        dispatcher = application.event_dispatcher
        if dispatcher is None:
            return
        exit_codes: list[int] = []

        def prepare(event: Event, _: str, __: EventDispatcher) -> None:
            if isinstance(event, ConsoleCommandEvent) and event.command.name == "publish":
                from poetry_publish_all.publish import prepare_publish

                code = prepare_publish(application, event)
                exit_codes.extend(() if code is None else (code,))

        def terminate(event: Event, _: str, __: EventDispatcher) -> None:
            if exit_codes and isinstance(event, ConsoleTerminateEvent) and event.command.name == "publish":
                event.set_exit_code(exit_codes.pop())

        dispatcher.add_listener(COMMAND, prepare)
        dispatcher.add_listener(TERMINATE, terminate)


def _factory(name: str, as_name: str) -> Callable[[], Command]:
    def make() -> Command:
        from publish_all.cli.registry import load

        return load(name, as_name=as_name)

    return make
