"""`publish-all completions SHELL`."""

from __future__ import annotations

import os
from typing import ClassVar

from cleo.helpers import argument, option
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.errors import UsageError
from publish_all.reporting.reporter import Reporter

_SHELLS = ("bash", "zsh", "fish")
_NAMES = ("repositories", "variants")


class CompletionsCommand(UseCaseCommand):
    name = "completions"
    description = "Prints what makes bash, zsh or fish complete commands, options and names."
    arguments: ClassVar[list[Argument]] = [
        argument("shell", "bash, zsh or fish (default: the one in SHELL).", optional=True)
    ]
    options: ClassVar[list[Option]] = [
        option(
            "names",
            None,
            "Print the names of this project's repositories or variants instead, as the scripts ask for them.",
            flag=False,
        )
    ]
    help = """\
Prints a script. For bash, put `source <(publish-all completions bash)` into ~/.bashrc; for zsh, put
`source <(publish-all completions zsh)` into ~/.zshrc, after `compinit`; for fish, write the script into
~/.config/fish/completions/publish-all.fish. Names of repositories and build variants are looked up in
the project when they are asked for.

Examples:
  <c1>{command_full_name} bash</c1>
  <c1>{command_full_name} fish > ~/.config/fish/completions/publish-all.fish</c1>
"""
    exit_codes = (0, 2)

    def use_case(self, reporter: Reporter) -> int:
        del reporter
        names = self.text("names")
        lines = self._names(names) if names is not None else self._script()
        if lines:
            self.io.write_line(lines, type=OutputType.RAW)
        return 0

    def _names(self, kind: str) -> str:
        from publish_all.commands.names import Names, NamesOptions, list_names

        if kind not in _NAMES:
            msg = f"--names is {kind!r}"
            raise UsageError(msg, hint="It is one of: " + ", ".join(_NAMES))
        return "\n".join(list_names(NamesOptions(kind=Names(kind), directory=self.directory)))

    def _script(self) -> str:
        from publish_all.cli.completion_scripts import SCRIPTS, completed

        stated = self.argument("shell")
        shell = stated or os.path.basename(os.environ.get("SHELL", ""))  # noqa: PTH119 - a name, not a file
        if shell not in SCRIPTS:
            msg = f"there are no completions for {shell!r}" if shell else "which shell is it for?"
            raise UsageError(msg, hint="Say one of: " + ", ".join(_SHELLS))
        return SCRIPTS[shell](completed(self.application)).rstrip()
