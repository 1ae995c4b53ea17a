"""The standalone `publish-all`: the commands, lazily, under one application."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from cleo.application import Application
from cleo.commands.command import Command
from cleo.exceptions import CleoCommandNotFoundError, CleoError
from cleo.formatters.formatter import Formatter
from cleo.formatters.style import Style
from cleo.io.inputs.definition import Definition
from cleo.io.inputs.input import Input
from cleo.io.inputs.option import Option
from cleo.io.io import IO
from cleo.io.outputs.output import Output
from cleo.loaders.factory_command_loader import FactoryCommandLoader

from publish_all import __version__
from publish_all.cli.command import USAGE, UseCaseCommand
from publish_all.cli.completions import CompletionsCommand
from publish_all.cli.help import CommandsCommand, HelpCommand, no_command
from publish_all.cli.registry import COMMANDS, load
from publish_all.config.folders import provide_home
from publish_all.reporting.words import shown

_OUR_THREADS = "publish-all-"
"""As `publish_all.upload.workers` names them, which most commands need not import."""


class PublishAllApplication(Application):
    """cleo's application, with `-C` and with exit code 2 for what is wrong on the command line."""

    def __init__(self) -> None:
        super().__init__("publish-all", __version__)
        self.auto_exits(False)
        self._default_command = CommandsCommand.name
        self.set_command_loader(FactoryCommandLoader({name: _factory(name) for name in COMMANDS}))

    @property
    def default_commands(self) -> list[Command]:
        return [HelpCommand(), CommandsCommand(), CompletionsCommand()]

    @property
    def _default_definition(self) -> Definition:
        definition = super()._default_definition
        definition.set_options([_worded(each) for each in definition.options])
        definition.add_option(
            Option(
                "--directory",
                "-C",
                flag=False,
                description="The project's folder (default: the current one).",
            )
        )
        return definition

    def create_io(
        self,
        input: Input | None = None,  # noqa: A002 - cleo's name
        output: Output | None = None,
        error_output: Output | None = None,
    ) -> IO:
        io = super().create_io(input, output, error_output)
        for formatter in (io.output.formatter, io.error_output.formatter):
            formatter.set_style("c1", Style("cyan"))
            formatter.set_style("info", Style("blue"))
            formatter.set_style("error", Style("red", options=["bold"]))
        return io

    def _run(self, io: IO) -> int:
        try:
            return super()._run(io)
        except CleoError as error:
            io.write_error_line(f"<error>error:</error> {Formatter.escape(shown(_message(error, io)))}")
            io.write_error_line("  hint: `publish-all commands` shows the commands")
            return USAGE


_WORDING = {
    "help": "Show this, and do nothing else.",
    "quiet": "Show only the result, and errors.",
    "verbose": "Show more (-v), with the reasons (-vv), with the traces of errors (-vvv).",
    "version": "Show the version of publish-all.",
    "ansi": "Use colours, also where the output is no terminal.",
    "no-ansi": "Use no colours (as with the variable NO_COLOR).",
    "no-interaction": "Ask nothing.",
}


def _worded(option: Option) -> Option:
    """An option of cleo's in our words."""
    return Option(
        option.name,
        option.shortcut,
        flag=option.is_flag(),
        description=_WORDING.get(option.name, option.description),
    )


def _message(error: CleoError, io: IO) -> str:
    if not isinstance(error, CleoCommandNotFoundError):
        return str(error)
    return no_command(io.input.first_argument or "")


def _factory(name: str) -> Callable[[], UseCaseCommand]:
    return lambda: load(name)


def run() -> int:
    """The console script's exit code. Where an abandoned upload hangs, the process ends here, with that code."""
    os.environ.update(provide_home(os.environ))
    code = PublishAllApplication().run()
    if any(each.name.startswith(_OUR_THREADS) for each in threading.enumerate()):
        # The interpreter would crash in OpenSSL under a thread that still uses it.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code
