"""The standalone `publish-all`: the commands, lazily, under one application."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

from cleo.application import Application
from cleo.commands.command import Command
from cleo.commands.help_command import HelpCommand as CleoHelpCommand
from cleo.exceptions import CleoCommandNotFoundError, CleoError
from cleo.formatters.formatter import Formatter
from cleo.formatters.style import Style
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.definition import Definition
from cleo.io.inputs.input import Input
from cleo.io.io import IO
from cleo.io.outputs.output import Output
from cleo.loaders.factory_command_loader import FactoryCommandLoader

from publish_all import __version__
from publish_all._own_source import own_requirement
from publish_all.cli.command import USAGE
from publish_all.cli.completions import CompletionsCommand
from publish_all.cli.options import Operand, Value, flag
from publish_all.cli.registry import COMMANDS, load
from publish_all.config.folders import provide_home
from publish_all.config.problems import did_you_mean

_OUR_THREADS = "publish-all-"
"""As `publish_all.upload.workers` names them, which most commands need not import."""


class PublishAllApplication(Application):
    """cleo's application, with `-C` and with exit code 2 for what is wrong on the command line."""

    program = "publish-all"
    """What a person types to run it."""

    def __init__(self) -> None:
        super().__init__("publish-all", __version__)
        self.auto_exits(False)
        self._default_command = CommandsCommand.name
        self.set_command_loader(FactoryCommandLoader({name: partial(load, name) for name in COMMANDS}))

    @property
    def default_commands(self) -> list[Command]:
        return [HelpCommand(), CommandsCommand(), CompletionsCommand()]

    @property
    def _default_definition(self) -> Definition:
        # Those of cleo, in our words, and -C.
        return Definition(
            [
                Argument("command", description="The command to run."),
                flag("help", "Show help.", short="h"),
                flag("quiet", "Show only the result, and errors.", short="q"),
                flag(
                    "verbose",
                    "Show more (-v), with reasons (-vv), with tracebacks of errors (-vvv).",
                    short="v|vv|vvv",
                ),
                flag("version", "Show the version of publish-all.", short="V"),
                flag("ansi", "Use colours, also if the output is not a terminal."),
                flag("no-ansi", "Use no colours (as with the variable NO_COLOR)."),
                flag("no-interaction", "Do not ask questions.", short="n"),
                Value("directory", "FOLDER", "The project's folder (default: the current one)", short="C"),
            ]
        )

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

    def find(self, name: str) -> Command:
        try:
            return super().find(name)
        except CleoCommandNotFoundError as error:
            raise CleoError(f"there is no command {name!r}{did_you_mean(name, COMMANDS)}") from error

    def _run(self, io: IO) -> int:
        try:
            return super()._run(io)
        except CleoError as error:
            from publish_all.reporting.text import shown

            io.write_error_line(f"<error>error:</error> {Formatter.escape(shown(str(error)))}")
            io.write_error_line(f"  hint: `{self.program} commands` shows the commands")
            return USAGE


class CommandsCommand(Command):
    """The overview; cleo's own is called `list`, a name that we need for packages."""

    name = "commands"
    description = "Show all commands"
    help = """\
Also shown by <c1>publish-all</c1> alone, and by <c1>publish-all --help</c1>.

Examples:
  <c1>{command_full_name}</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        from cleo.descriptors.text_descriptor import TextDescriptor

        TextDescriptor().describe(self.io, self.application)
        return 0


class HelpCommand(CleoHelpCommand):
    description = "Show what a command does, with its options and examples"
    arguments = [Operand("command_name", "COMMAND", "The command.", names="commands")]  # noqa: RUF012 - as cleo has it
    help = """\
The same as `COMMAND --help`.

Examples:
  <c1>{command_full_name} publish</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        name = self.argument("command_name")
        if self._command is None and name in {None, CommandsCommand.name}:
            return self.call(CommandsCommand.name)
        return super().handle()


def run() -> int:
    """The console script's exit code. Where an abandoned upload hangs, the process ends here, with that code."""
    os.environ.update(provide_home(os.environ))
    application = PublishAllApplication()
    if Path(sys.prefix).parent.name.startswith("archive-v") and "UV" in os.environ:
        # uvx has put it into its cache, where no shell finds it.
        application.program = f'uvx --from "{own_requirement("cli")}" publish-all'
    code = application.run()
    if any(each.name.startswith(_OUR_THREADS) for each in threading.enumerate()):
        # The interpreter would crash in OpenSSL under a thread that still uses it.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code
