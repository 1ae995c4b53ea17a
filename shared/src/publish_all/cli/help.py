"""`publish-all help`, `publish-all commands`, and what `--help` shows: our pages in place of cleo's."""

from __future__ import annotations

from collections.abc import Mapping

from cleo.application import Application
from cleo.commands.command import Command
from cleo.commands.help_command import HelpCommand as CleoHelpCommand
from cleo.exceptions import CleoCommandNotFoundError, CleoError

from publish_all.cli.manual import Entry, option_entry, ordered, page_of
from publish_all.cli.registry import COMMANDS
from publish_all.config.suggest import did_you_mean


class CommandsCommand(Command):
    """The overview; cleo's own is called `list`, a name that we need for packages."""

    name = "commands"
    description = "Shows all commands."
    help = """\
Also shown by <c1>publish-all</c1> alone, and by <c1>publish-all --help</c1>.

Examples:
  <c1>{command_full_name}</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        _show_overview(self)
        return 0


class HelpCommand(CleoHelpCommand):
    description = "Shows what a command does, with its options and examples."
    help = """\
The same as `COMMAND --help`.

Examples:
  <c1>{command_full_name} publish</c1>
"""
    exit_codes = (0, 2)

    def handle(self) -> int:
        command, self._command = self._command, None
        application = self.application
        if command is None and application is not None:
            command = _found(application, self.argument("command_name"))
        if command is None or isinstance(command, CommandsCommand):
            _show_overview(self)
            return 0
        from publish_all.cli.page_text import page_text, terminal_width

        page = page_of(command, called_as=f"{_name(application)} {command.name}")
        self.line(page_text(page, common_options(application), width=terminal_width()))
        return 0


def no_command(name: str) -> str:
    return f"there is no command {name!r}{did_you_mean(name, COMMANDS)}"


def _found(application: Application, name: str) -> Command:
    try:
        return application.find(name)
    except CleoCommandNotFoundError as error:
        # That error would be told of the command that is run, which is `help`.
        raise CleoError(no_command(name)) from error


def _show_overview(command: Command) -> None:
    from publish_all.cli.page_text import overview_text, terminal_width

    application = command.application
    groups = overview(application)
    command.line(
        overview_text(
            groups.items(), common_options(application), name=_name(application), width=terminal_width()
        )
    )


def overview(application: Application | None) -> Mapping[str, Mapping[str, str]]:
    """What each command does, by name, in groups."""
    if application is None:
        return {}
    every = [*COMMANDS, "commands", "completions", "help"]
    return {
        title: {name: application.find(name).description for name in names} for title, names in ordered(every)
    }


def common_options(application: Application | None) -> tuple[Entry, ...]:
    options = () if application is None else application.definition.options
    return tuple(option_entry(each) for each in options)


def _name(application: Application | None) -> str:
    return "publish-all" if application is None else application.name
