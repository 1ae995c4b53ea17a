"""The commands `commands`, which lists all commands, and `help`."""

from __future__ import annotations

from typing import Any

from cleo.application import Application
from cleo.commands.command import Command
from cleo.commands.help_command import HelpCommand as CleoHelpCommand
from cleo.descriptors.text_descriptor import TextDescriptor
from cleo.io.inputs.definition import Definition

from publish_all.cli.options import Operand
from publish_all.cli.registry import GROUPS


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
    arguments = [Operand("command_name", "COMMAND", "The command.")]  # noqa: RUF012 - cleo declares it without `ClassVar`, which mypy then refuses here
    help = """\
Shows the same as <c1>publish-all COMMAND --help</c1>.

Examples:
  <c1>{command_full_name} publish</c1>
  <c1>{command_full_name} init</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        name = self.argument("command_name")
        if self._command is None and name in {None, "commands"}:
            return self.call("commands")
        return super().handle()
