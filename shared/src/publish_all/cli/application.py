"""The command line `publish-all`: one application, which imports a command when it runs."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

from cleo.application import Application
from cleo.commands.command import Command
from cleo.exceptions import CleoError
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.definition import Definition
from cleo.io.io import IO
from cleo.loaders.factory_command_loader import FactoryCommandLoader

from publish_all import __version__
from publish_all._own_source import own_requirement
from publish_all.cli.command import USAGE, say_wrong_usage
from publish_all.cli.options import Value, flag
from publish_all.cli.registry import COMMANDS, OF_THE_APPLICATION, load
from publish_all.config.folders import provide_home

_OUR_THREADS = "publish-all-"
"""The start of thread names in `publish_all.upload.workers`. Most commands do not import that module."""


class PublishAllApplication(Application):
    """cleo's application, with the option `-C` and exit code 2 for a wrong command line."""

    program = "publish-all"
    """The command as the user types it."""

    def __init__(self) -> None:
        super().__init__("publish-all", __version__)
        self.auto_exits(False)
        self._default_command = "commands"
        names = (*COMMANDS, *OF_THE_APPLICATION)
        self.set_command_loader(FactoryCommandLoader({name: partial(load, name) for name in names}))

    @property
    def default_commands(self) -> list[Command]:
        return []

    @property
    def _default_definition(self) -> Definition:
        # The options of cleo, described in our words, and -C.
        return Definition(
            [
                Argument("command", description="The command to run."),
                flag("help", "Show help.", short="h"),
                flag("quiet", "Show only results and errors.", short="q"),
                flag(
                    "verbose",
                    "Show more: details (-v), reasons (-vv), tracebacks of errors (-vvv).",
                    short="v|vv|vvv",
                ),
                flag("version", "Show the version of publish-all.", short="V"),
                flag("ansi", "Always use colours."),
                flag("no-ansi", "Never use colours. (The variable NO_COLOR does the same.)"),
                flag("no-interaction", "Do not ask questions.", short="n"),
                Value(
                    "directory",
                    "FOLDER",
                    "The folder of the project (default: the current folder)",
                    short="C",
                ),
            ]
        )

    def _run(self, io: IO) -> int:
        try:
            return super()._run(io)
        except CleoError as error:
            say_wrong_usage(io, error, hint=f"run `{self.program} commands` to list the commands")
            return USAGE


def run() -> int:
    """Run the command line and return its exit code. If an abandoned upload hangs, end the process here with that code."""
    os.environ.update(provide_home(os.environ))
    application = PublishAllApplication()
    if Path(sys.prefix).parent.name.startswith("archive-v") and "UV" in os.environ:
        # uvx keeps the program in its cache, which is not on PATH.
        application.program = f'uvx --from "{own_requirement("cli")}" publish-all'
    code = application.run()
    for thread in threading.enumerate():
        if thread.name.startswith(_OUR_THREADS):
            # A normal exit would crash in OpenSSL, which that thread still uses.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)
    return code
