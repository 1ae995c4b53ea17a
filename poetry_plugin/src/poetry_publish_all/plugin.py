"""Entry point of the Poetry plugin. It imports the host alone; commands load when they are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from poetry.plugins.application_plugin import ApplicationPlugin

if TYPE_CHECKING:
    from cleo.commands.command import Command
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


def _factory(name: str, as_name: str) -> Callable[[], Command]:
    def make() -> Command:
        from publish_all.cli.registry import load

        return load(name, as_name=as_name)

    return make
