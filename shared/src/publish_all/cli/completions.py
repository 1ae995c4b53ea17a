"""`publish-all completions SHELL` prints a short script, which runs this command for each completion."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cleo.application import Application
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option
from cleo.io.outputs.output import Type as OutputType

from publish_all.cli.command import UseCaseCommand
from publish_all.cli.options import Operand, Value, flag
from publish_all.errors import UsageError

SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        "bash": """\
# bash completion of publish-all. In ~/.bashrc: source <(publish-all completions bash)
_publish_all() {
    local IFS=$'\\n'
    COMPREPLY=($(publish-all completions --offer -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _publish_all publish-all
""",
        "zsh": """\
#compdef publish-all
# zsh completion of publish-all. In ~/.zshrc, after compinit: source <(publish-all completions zsh)
_publish_all() {
    local -a offers
    offers=(${(f)"$(publish-all completions --offer -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#offers )); then _describe 'publish-all' "offers=( ${(@qq)offers/$'\\t'/:} )"; else _files; fi
}
if [ "$funcstack[1]" = "_publish_all" ]; then _publish_all "$@"; else compdef _publish_all publish-all; fi
""",
        "fish": """\
# fish completion of publish-all, for ~/.config/fish/completions/publish-all.fish
complete -c publish-all -a '(publish-all completions --offer -- (commandline -opc)[2..] (commandline -ct))'
""",
    }
)


class CompletionsCommand(UseCaseCommand):
    """Prints a completion script for a shell:

    - bash: add `source <(publish-all completions bash)` to ~/.bashrc
    - zsh: add `source <(publish-all completions zsh)` to ~/.zshrc, after `compinit`
    - fish: write the script to ~/.config/fish/completions/publish-all.fish

    The script also completes the names of repositories and build variants.
    """

    name = "completions"
    description = "Print a completion script for bash, zsh or fish"
    takes = (
        Operand(
            "shell",
            "SHELL",
            "bash, zsh or fish (default: from the variable SHELL).",
            several=True,
            choices=SCRIPTS,
        ),
        flag("offer", "Print completions of the words after `--`, for use by the script."),
    )
    examples = ("bash", "fish > ~/.config/fish/completions/publish-all.fish")
    exit_codes = (0, 2)

    def use_case(self) -> None:
        words = self.operands("shell")
        if self.option("offer"):
            found = offers(self.application, words)
            self.io.write("".join(f"{name}\t{text}\n" for name, text in found), type=OutputType.RAW)
            return
        shell = words[0] if words else Path(os.environ.get("SHELL", "")).name
        if shell not in SCRIPTS:
            msg = f"no completions for {shell!r} available" if shell else "no shell given"
            raise UsageError(msg, hint="Use one of: " + ", ".join(SCRIPTS))
        self.io.write(SCRIPTS[shell], type=OutputType.RAW)


def offers(application: Application | None, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Completions of the last word, each with a description. Empty where a file name is possible."""
    if application is None:
        return
    # bash splits --format=json into three words.
    *before, current = [*(each for each in words[:-1] if each != "="), "".join(words[-1:])]
    current = "" if current == "=" else current
    options = {name: each for each in application.definition.options for name in _spellings(each)}
    command, directory, waiting = None, ".", None
    for word in before:
        if waiting is not None:
            directory = word if waiting.name == "directory" else directory
            waiting = None
        elif word.startswith("-"):
            option = options.get(word)
            waiting = option if option is not None and option.accepts_value() else None
        elif command is None and application.has(word):
            command = application.find(word)
            options |= {name: each for each in command.options for name in _spellings(each)}
    start, equals, _ = current.partition("=")
    if waiting is None and equals and start in options:
        found = [(f"{start}={name}", text) for name, text in _values(options[start], directory, application)]
    elif waiting is not None:
        found = [*_values(waiting, directory, application)]
    elif current.startswith("-"):
        found = [(name, each.description) for name, each in options.items()]
    elif command is None:
        found = [(name, each.description) for name, each in application.all().items()]
    else:
        found = [*_values(command.arguments[-1], directory, application)] if command.arguments else []
    yield from (each for each in found if each[0].startswith(current))


def _spellings(option: Option) -> Iterable[str]:
    return (f"--{option.name}", *(f"-{each}" for each in (option.shortcut or "").split("|") if each))


def _values(of: Option | Argument, directory: str, application: Application) -> Iterator[tuple[str, str]]:
    if not isinstance(of, Value | Operand):
        return
    yield from ((each, "") for each in of.choices)
    if of.names == "commands":
        yield from ((name, each.description) for name, each in application.all().items())
    elif of.names is not None:
        from publish_all.commands.context import list_names

        # Bash inserts a name without quotes, so `$(…)` in it would run.
        names = (each for each in list_names(of.names, Path(directory)) if re.fullmatch(r"[\w.+-]+", each))
        yield from ((each, "") for each in names)
