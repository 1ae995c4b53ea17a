"""The command line `publish-all`: one application, which imports a command when it runs."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cleo.application import Application
from cleo.commands.command import Command
from cleo.commands.help_command import HelpCommand as CleoHelpCommand
from cleo.descriptors.text_descriptor import TextDescriptor
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
from publish_all.cli.registry import COMMANDS, GROUPS, load
from publish_all.config.folders import provide_home
from publish_all.config.problems import did_you_mean

_OUR_THREADS = "publish-all-"
"""The start of thread names in `publish_all.upload.workers`. Most commands do not import that module."""


class PublishAllApplication(Application):
    """cleo's application, with the option `-C` and exit code 2 for a wrong command line."""

    program = "publish-all"
    """The command as the user types it."""

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
            raise CleoError(f"no command {name!r} found{did_you_mean(name, COMMANDS)}") from error

    def _run(self, io: IO) -> int:
        try:
            return super()._run(io)
        except CleoError as error:
            from publish_all.reporting.text import shown

            io.write_error_line(f"<error>error:</error> {Formatter.escape(shown(str(error)))}")
            io.write_error_line(f"  hint: run `{self.program} commands` to list the commands")
            return USAGE


class _Overview(TextDescriptor):
    def _describe_application(self, application: Application, **options: Any) -> None:
        self._write(f"{application.help}\n\n<b>Usage:</b>\n  publish-all COMMAND [options] [arguments]\n")
        for title, names in GROUPS.items():
            self._write(f"\n<b>{title}:</b>\n")
            for name in names:
                self._write(f"  <c1>{name:<14}</c1>{application.find(name).description}\n")
        self._write("\n")
        self._describe_definition(Definition(application.definition.options), **options)
        self._write("\n\nRun <c1>publish-all COMMAND --help</c1> to see its options and examples.\n")


class CommandsCommand(Command):
    """Lists the commands. cleo's own command for this is `list`, which is ours for packages."""

    name = "commands"
    description = "List all commands"
    help = """\
Lists the commands in groups, with the options that all of them have. <c1>publish-all</c1> without a command
does the same.

Examples:
  <c1>{command_full_name}</c1>
  <c1>{command_full_name} --no-ansi</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        _Overview().describe(self.io, self.application)
        return 0


class HelpCommand(CleoHelpCommand):
    description = "Show the options and examples of a command"
    arguments = [Operand("command_name", "COMMAND", "The command.", names="commands")]  # noqa: RUF012 - as cleo has it
    help = """\
Shows the same as <c1>publish-all COMMAND --help</c1>.

Examples:
  <c1>{command_full_name} publish</c1>
  <c1>{command_full_name} init</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        name = self.argument("command_name")
        if self._command is None and name in {None, CommandsCommand.name}:
            return self.call(CommandsCommand.name)
        return super().handle()


def run() -> int:
    """Run the command line and return its exit code. If an abandoned upload hangs, end the process here with that code."""
    os.environ.update(provide_home(os.environ))
    application = PublishAllApplication()
    if Path(sys.prefix).parent.name.startswith("archive-v") and "UV" in os.environ:
        # uvx keeps the program in its cache, which is not on PATH.
        application.program = f'uvx --from "{own_requirement("cli")}" publish-all'
    code = application.run()
    if any(each.name.startswith(_OUR_THREADS) for each in threading.enumerate()):
        # A normal exit would crash in OpenSSL, which that thread still uses.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code
