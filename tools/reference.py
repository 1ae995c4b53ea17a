"""Generate the parts of docs/reference about commands and configuration from the code.

    python tools/reference.py           # writes the pages
    python tools/reference.py --check   # lists the pages that are not up to date, and exits with 1

The text between `<!-- generated: NAME -->` and `<!-- end: NAME -->` is generated. The rest of a page is written
by hand.
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from cleo.commands.command import Command
from cleo.io.inputs.argument import Argument
from cleo.io.inputs.option import Option

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.options import CONNECTION, EXIT_CODES, VARIABLES, Operand, Value
from publish_all.cli.registry import GROUPS
from publish_all.commands.config import SECTIONS, Key, Section

ROOT = Path(__file__).parents[1]
PAGES = ("docs/reference/commands.md", "docs/reference/configuration.md", "docs/reference/exit-codes.md")
_MADE = re.compile(r"(<!-- generated: ([^>]+?) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_STYLE = re.compile(r"<(/?)[a-z0-9]*>")


def main(arguments: list[str]) -> int:
    stale = [page for page in PAGES if fresh(page) != (ROOT / page).read_text(encoding="utf-8")]
    if "--check" in arguments:
        for page in stale:
            print(f"{page} is not up to date: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for page in stale:
        (ROOT / page).write_text(fresh(page), encoding="utf-8", newline="\n")
        print(f"wrote {page}")
    return 0


def fresh(page: str) -> str:
    """The text of a page with new generated parts. Raises `KeyError` for an unknown part."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return _MADE.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], text)


def commands_overview() -> str:
    application = PublishAllApplication()
    lines = []
    for title, names in GROUPS.items():
        lines += [f"**{title}**", ""]
        lines += [
            f"- [`{name}`](#publish-all-{name}): {_prose(application.find(name).description)}"
            for name in names
        ]
        lines.append("")
    return "\n".join(["", *lines, ""])


def command_pages() -> str:
    application = PublishAllApplication()
    names = [name for group in GROUPS.values() for name in group]
    return "\n" + "\n".join(line for name in names for line in _page(application.find(name), name))


def shared_options() -> str:
    return "\n" + "\n".join(_entries(map(_option, PublishAllApplication().definition.options))) + "\n"


def exit_codes() -> str:
    return _table(("code", "means"), ((f"`{code}`", text) for code, text in EXIT_CODES.items()))


def variables() -> str:
    return _table(("variable", "is"), ((f"`{name}`", text) for name, text in VARIABLES.items()))


def _page(command: Command, name: str) -> Iterator[str]:
    called_as = f"publish-all {name}"
    text, _, examples = _STYLE.sub("", command.help.replace("{command_full_name}", called_as)).partition(
        "Examples:\n"
    )
    usage = " ".join([called_as, "[options]", *map(_usage, command.arguments)])
    yield from (f"## {called_as}", "", _prose(f"{command.description}."), "", "```text", usage, "```", "")
    yield from (_prose(" ".join(text.split())), "")
    if command.arguments:
        yield from (
            "**Arguments**",
            "",
            *_entries((_word(each), each.description) for each in command.arguments),
        )
    reach = [each for each in command.options if each in CONNECTION]
    own = [each for each in command.options if each not in reach]
    for title, options in (("Options", own), ("To reach the repository", reach)):
        if options:
            yield from (f"**{title}**", "", *_entries(map(_option, options)))
    lines = (f"$ {each.strip()}" for each in examples.splitlines() if each.strip())
    yield from ("**Examples**", "", "```console", *lines, "```", "")
    codes = (f"`{code}` {EXIT_CODES[code]}" for code in getattr(command, "exit_codes", ()))
    yield from ("**Exit codes:** " + " · ".join(codes) + ".", "")
    if getattr(command, "variables", ()):
        yield from ("**Environment:** " + ", ".join(f"`{each}`" for each in command.variables) + ".", "")


def _word(argument: Argument) -> str:
    word = argument.word if isinstance(argument, Operand) else argument.name.upper()
    return word + ("…" if argument.is_list() else "")


def _usage(argument: Argument) -> str:
    return _word(argument) if argument.is_required() else f"[{_word(argument)}]"


def _option(option: Option) -> tuple[str, str]:
    short = f"-{option.shortcut.split('|')[0]}, " if option.shortcut else ""
    word = f" {option.word}" if isinstance(option, Value) else ""
    default = f" Default: `{option.default}`." if word and option.default else ""
    several = " May be given several times." if option.is_list() else ""
    return f"{short}--{option.name}{word}", f"{option.description}{several}{default}"


def _entries(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"- `{synopsis}`: {_prose(text)}" for synopsis, text in entries)
    yield ""


def keys_of(section: Section) -> str:
    rows = ((_name(key), _type(key), _default(key), key.meaning) for key in section.keys)
    return _table(("key", "type", "default", "meaning"), rows)


def _name(key: Key) -> str:
    return key.name if "`" in key.name else f"`{key.name}`"


def _type(key: Key) -> str:
    return ", ".join(f'`"{each}"`' for each in key.choices) or key.type


def _default(key: Key) -> str:
    stated = key.default or ""
    return stated if "`" in stated or not stated else f"`{stated}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n" + "".join("|" + "|".join(map(_padded, line)) + "|\n" for line in lines) + "\n"


def _padded(text: str) -> str:
    return f" {_cell(text)} " if text else " "


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|")


def _prose(text: str) -> str:
    """Escape HTML and emphasis outside of backticks."""
    pieces, last = [], 0
    for code in _CODE.finditer(text):
        pieces += [_escaped(text[last : code.start()]), code[0]]
        last = code.end()
    return "".join([*pieces, _escaped(text[last:])])


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


PARTS: Mapping[str, Callable[[], str]] = {
    "overview": commands_overview,
    "commands": command_pages,
    "options of all commands": shared_options,
    "exit codes": exit_codes,
    "variables": variables,
    **{section.table: lambda section=section: keys_of(section) for section in SECTIONS},
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
