"""Write what docs/reference says of commands and configuration from the code itself.

    python tools/reference.py           # writes the pages
    python tools/reference.py --check   # says which ones are not up to date, and ends with 1

In a page, what stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->` is made here; the rest
is written by hand.
"""
# ruff: noqa: INP001, T201 - a script, which talks on stdout

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.help import common_options, overview
from publish_all.cli.manual import EXIT_CODES, VARIABLES, Entry, Page, page_of
from publish_all.config.reference import SECTIONS, Key, Section

ROOT = Path(__file__).parents[1]
PAGES = ("docs/reference/commands.md", "docs/reference/configuration.md", "docs/reference/exit-codes.md")
_MADE = re.compile(r"(<!-- generated: ([^>]+?) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)
_CODE = re.compile(r"`[^`]*`")


def main(arguments: list[str]) -> int:
    stale = [page for page in PAGES if fresh(page) != (ROOT / page).read_text(encoding="utf-8")]
    if "--check" in arguments:
        for page in stale:
            print(f"{page} is not what the code says: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for page in stale:
        (ROOT / page).write_text(fresh(page), encoding="utf-8", newline="\n")
        print(f"wrote {page}")
    return 0


def fresh(page: str) -> str:
    """The text of a page with its generated parts made anew. Raises `KeyError` for one that nobody makes."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return _MADE.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], text)


def commands_overview() -> str:
    lines = []
    for title, commands in overview(PublishAllApplication()).items():
        lines += [f"**{title}**", ""]
        lines += [f"- [`{name}`](#publish-all-{name}): {_prose(text)}" for name, text in commands.items()]
        lines.append("")
    return "\n".join(["", *lines, ""])


def command_pages() -> str:
    application = PublishAllApplication()
    names = [name for commands in overview(application).values() for name in commands]
    pages = [page_of(application.find(name), called_as=f"publish-all {name}") for name in names]
    return "\n" + "\n".join(line for page in pages for line in _page(page))


def shared_options() -> str:
    return "\n" + "\n".join(_entries(common_options(PublishAllApplication()))) + "\n"


def exit_codes() -> str:
    return _table(("code", "means"), ((f"`{code}`", text) for code, text in EXIT_CODES.items()))


def variables() -> str:
    return _table(("variable", "is"), ((f"`{name}`", text) for name, text in VARIABLES.items()))


def _page(page: Page) -> Iterator[str]:
    yield from (f"## {page.called_as}", "", _prose(page.summary), "", "```text", page.usage, "```", "")
    yield from (_prose(" ".join(page.text.split())), "")
    if page.arguments:
        yield from ("**Arguments**", "", *_entries(page.arguments))
    for title, entries in page.options.items():
        yield from (f"**{title}**", "", *_entries(entries))
    yield from ("**Examples**", "", "```console", *(f"$ {each}" for each in page.examples), "```", "")
    codes = (f"`{code}` {text}" for code, text in page.exit_codes.items())
    yield from ("**Exit codes:** " + " · ".join(codes) + ".", "")
    if page.variables:
        yield from ("**Environment:** " + ", ".join(f"`{each}`" for each in page.variables) + ".", "")


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        default = f" Default: `{entry.default}`." if entry.default is not None else ""
        yield f"- `{entry.synopsis}`: {_prose(entry.text)}{default}"
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
    """What would be taken for HTML or emphasis outside of backticks, escaped."""
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
