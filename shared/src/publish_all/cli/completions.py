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
        if self.option("offer") and self.application is not None:
            found = offers(self.application, words)
            self.io.write("".join(f"{name}\t{text}\n" for name, text in found), type=OutputType.RAW)
            return
        shell = words[0] if words else Path(os.environ.get("SHELL", "")).name
        if shell not in SCRIPTS:
            msg = f"no completions for {shell!r} available" if shell else "no shell given"
            raise UsageError(msg, hint="Use one of: " + ", ".join(SCRIPTS))
        self.io.write(SCRIPTS[shell], type=OutputType.RAW)


def offers(application: Application, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Completions of the last word, each with a description. Empty where a file name is possible."""
    *before, current = words or ("",)
    options = _spellings(application.definition.options)
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
            options |= _spellings(command.options)
    if waiting is not None:
        found = _values(waiting, Path(directory))
    elif current.startswith("-"):
        found = {name: each.description for name, each in options.items()}
    elif command is None:
        found = {name: each.description for name, each in application.all().items()}
    else:
        found = _values(command.arguments[-1], Path(directory)) if command.arguments else {}
    return ((name, text) for name, text in found.items() if name.startswith(current))


def _spellings(options: Iterable[Option]) -> dict[str, Option]:
    found: dict[str, Option] = {}
    for each in options:
        short = (each.shortcut or "").split("|")
        found |= dict.fromkeys((f"--{each.name}", *(f"-{one}" for one in short if one)), each)
    return found


def _values(of: Option | Argument, directory: Path) -> dict[str, str]:
    if not isinstance(of, Value | Operand):
        return {}
    if of.names is None:
        return dict.fromkeys(of.choices, "")
    from publish_all.commands.context import list_names

    # Bash inserts a name without quotes, so `$(…)` in it would run.
    return {name: "" for name in list_names(of.names, directory) if re.fullmatch(r"[\w.+-]+", name)}
