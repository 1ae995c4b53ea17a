"""Completion scripts for bash, zsh and fish, made from the commands.

All options, choices and descriptions stand in the script; only names of repositories and build variants
are asked of `publish-all completions --names`, when they are wanted.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from cleo.application import Application
from cleo.io.inputs.option import Option

from publish_all._values import dataclass
from publish_all.cli.help import overview
from publish_all.cli.values import Offer, Value, value_of_argument, value_of_option

PROGRAM = "publish-all"
_NAMES = {Offer.REPOSITORY: "repositories", Offer.VARIANT: "variants"}


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletedOption:
    """`value` is None for a flag."""

    name: str
    shortcut: str | None
    text: str
    value: Value | None
    repeated: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        return (*((f"-{self.shortcut}",) if self.shortcut else ()), f"--{self.name}")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletedCommand:
    """`argument` is what its arguments are, None if it takes none."""

    name: str
    text: str
    options: tuple[CompletedOption, ...]
    argument: Value | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """All that a shell can complete. `common` are the options of all commands."""

    commands: tuple[CompletedCommand, ...]
    common: tuple[CompletedOption, ...]


def completed(application: Application | None) -> Completed:
    names = [(name, text) for group in overview(application).values() for name, text in group.items()]
    if application is None:
        return Completed(commands=(), common=())
    return Completed(
        commands=tuple(_command(application, name, text) for name, text in sorted(names)),
        common=tuple(map(_option, application.definition.options)),
    )


def _command(application: Application, name: str, text: str) -> CompletedCommand:
    command = application.find(name)
    arguments = [value_of_argument(each.name) for each in command.definition.arguments]
    return CompletedCommand(
        name=name,
        text=text,
        options=tuple(map(_option, getattr(command, "options", ()))),
        argument=arguments[-1] if arguments else None,
    )


def _option(option: Option) -> CompletedOption:
    return CompletedOption(
        name=option.name,
        shortcut=option.shortcut.split("|")[0] if option.shortcut else None,
        text=option.description,
        value=value_of_option(option),
        repeated=option.is_list(),
    )


def bash(known: Completed) -> str:
    """For bash 3.2 (the one of macOS) and later; without the bash-completion package."""
    cases = "".join(_bash_case(each, known.common) for each in known.commands)
    values = "|".join(each for option in known.common if option.value for each in option.spellings)
    return f"""\
# bash completion of {PROGRAM}. In ~/.bashrc: source <({PROGRAM} completions bash)
_publish_all_names() {{
    {PROGRAM} "${{folder[@]}}" completions --names "$1" 2>/dev/null
}}

_publish_all() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command= options= offer= place folder=(-C .)
    if [[ "$cur" == "=" ]]; then
        cur=
    elif [[ "$prev" == "=" ]]; then
        prev="${{COMP_WORDS[COMP_CWORD-2]}}"
    fi
    for ((place = 1; place < COMP_CWORD; place++)); do
        case "${{COMP_WORDS[place]}}" in
            {values})
                ((place++))
                [[ "${{COMP_WORDS[place]}}" == "=" ]] && ((place++))
                folder=(-C "${{COMP_WORDS[place]}}") ;;
            -*) ;;
            *) command="${{COMP_WORDS[place]}}"; break ;;
        esac
    done
    COMPREPLY=()
    case "$command" in
        "")
            options={_quoted(each for option in known.common for each in option.spellings)}
            offer={_quoted(each.name for each in known.commands)}
            case "$prev" in
                {values}) offer=:folder ;;
            esac ;;
{cases}    esac
    # Not for all: a folder `build` would turn the command of that name into `build/`.
    [[ "$offer" == :f* ]] && compopt -o filenames 2>/dev/null
    case "$offer" in
        :file) COMPREPLY=($(compgen -f -- "$cur")) ;;
        :folder) COMPREPLY=($(compgen -d -- "$cur")) ;;
        :repositories|:variants) COMPREPLY=($(compgen -W "$(_publish_all_names "${{offer#:}}")" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -W "$offer" -- "$cur")) ;;
    esac
    if [[ "$cur" == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    fi
}}
complete -o bashdefault -F _publish_all {PROGRAM}
"""


def _bash_case(command: CompletedCommand, common: Iterable[CompletedOption]) -> str:
    every = [*command.options, *common]
    spellings = _quoted(each for option in every for each in option.spellings)
    values = "".join(
        f"                {'|'.join(option.spellings)}) offer={_bash_offer(option.value)} ;;\n"
        for option in every
        if option.value is not None
    )
    return (
        f"        {command.name})\n"
        f"            options={spellings}\n"
        f"            offer={_bash_offer(command.argument)}\n"
        f'            case "$prev" in\n{values}            esac ;;\n'
    )


def _bash_offer(value: Value | None) -> str:
    if value is None:
        return "''"
    if value.choices:
        return _quoted(value.choices)
    if value.offer in _NAMES:
        return f":{_NAMES[value.offer]}"
    return {Offer.FILE: ":file", Offer.FOLDER: ":folder"}.get(value.offer, "''")


def zsh(known: Completed) -> str:
    commands = "\n".join(f"        {_zsh_described(each.name, each.text)}" for each in known.commands)
    cases = "".join(_zsh_case(each, known.common) for each in known.commands)
    common = " \\\n".join(f"        {each}" for option in known.common for each in _zsh_specs(option))
    return f"""\
#compdef {PROGRAM}
# zsh completion of {PROGRAM}. In ~/.zshrc, after compinit: source <({PROGRAM} completions zsh)
_publish_all_names() {{
    local -a names
    names=(${{(f)"$({PROGRAM} -C "${{opt_args[-C]:-${{opt_args[--directory]:-.}}}}" completions --names $1 2>/dev/null)"}})
    compadd -a names
}}

_publish_all() {{
    local context state line
    local -a commands
    typeset -A opt_args
    commands=(
{commands}
    )
    _arguments -C \\
{common} \\
        '1: :->command' \\
        '*:: :->rest'
    case $state in
        command) _describe 'command' commands ;;
        rest)
            case $line[1] in
{cases}            esac ;;
    esac
}}

if [ "$funcstack[1]" = "_publish_all" ]; then
    _publish_all "$@"
else
    compdef _publish_all {PROGRAM}
fi
"""


def _zsh_case(command: CompletedCommand, common: Iterable[CompletedOption]) -> str:
    specs = [spec for option in (*command.options, *common) for spec in _zsh_specs(option)]
    if command.argument is not None:
        specs.append(shlex.quote(f"*:{command.argument.word}:{_zsh_action(command.argument)}"))
    lines = " \\\n".join(f"                    {each}" for each in specs)
    return f"                {command.name}) _arguments -s \\\n{lines} ;;\n"


def _zsh_specs(option: CompletedOption) -> Iterator[str]:
    text = _zsh_text(option.text)
    several = "*" if option.repeated else ""
    for spelling in option.spellings:
        if option.value is None:
            yield shlex.quote(f"{several}{spelling}[{text}]")
        else:
            joined = "=" if spelling.startswith("--") else ""
            action = _zsh_action(option.value)
            yield shlex.quote(f"{several}{spelling}{joined}[{text}]:{option.value.word}:{action}")


def _zsh_action(value: Value) -> str:
    if value.choices:
        return f"({' '.join(value.choices)})"
    if value.offer in _NAMES:
        return f" _publish_all_names {_NAMES[value.offer]}"  # with a blank, no options of compadd are put between
    if value.offer is Offer.COMMAND:
        return "{_describe command commands}"
    return {Offer.FILE: "_files", Offer.FOLDER: "_files -/"}.get(value.offer, " ")


def _zsh_described(name: str, text: str) -> str:
    return shlex.quote(f"{name}:{_zsh_text(text)}")


def _zsh_text(text: str) -> str:
    """What ends a description in a spec of `_arguments` is left out of it or escaped."""
    return text.replace("\\", "").replace("[", "(").replace("]", ")").replace(":", "\\:")


def fish(known: Completed) -> str:
    lines = [
        f"# fish completion of {PROGRAM}, for ~/.config/fish/completions/{PROGRAM}.fish",
        _FISH_FUNCTIONS,
        f"complete -c {PROGRAM} -f",
        *(_fish_option(option, condition=None) for option in known.common),
    ]
    for command in known.commands:
        lines += _fish_command(command)
    return "\n".join(lines) + "\n"


_FISH_FUNCTIONS = f"""\
function __publish_all_command
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word -C --directory
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __publish_all_names
    {PROGRAM} completions --names $argv[1] 2>/dev/null
end
"""


def _fish_command(command: CompletedCommand) -> Iterator[str]:
    yield f"complete -c {PROGRAM} -n 'not __publish_all_command >/dev/null' -a {command.name} -d {_fish(command.text)}"
    condition = f"contains -- {command.name} (__publish_all_command)"
    for option in command.options:
        yield _fish_option(option, condition=condition)
    if command.argument is not None and (offered := _fish_offer(command.argument)):
        yield f"complete -c {PROGRAM} -n {_fish(condition)} {offered}"


def _fish_option(option: CompletedOption, *, condition: str | None) -> str:
    parts = [f"complete -c {PROGRAM}"]
    if condition is not None:
        parts.append(f"-n {_fish(condition)}")
    if option.shortcut:
        parts.append(f"-s {option.shortcut}")
    parts.append(f"-l {option.name}")
    if option.value is not None:
        parts += ["-r", _fish_offer(option.value) or "-f"]
    return " ".join([*parts, f"-d {_fish(option.text)}"])


def _fish_offer(value: Value) -> str:
    if value.choices:
        return f"-f -a {_fish(' '.join(value.choices))}"
    if value.offer in _NAMES:
        return f"-f -a '(__publish_all_names {_NAMES[value.offer]})'"
    return {Offer.FILE: "-F", Offer.FOLDER: "-f -a '(__fish_complete_directories)'"}.get(value.offer, "")


def _fish(text: str) -> str:
    """In single quotes, in which only these two are special."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quoted(words: Iterable[str]) -> str:
    return shlex.quote(" ".join(words))


SCRIPTS: Mapping[str, Callable[[Completed], str]] = MappingProxyType({"bash": bash, "zsh": zsh, "fish": fish})
