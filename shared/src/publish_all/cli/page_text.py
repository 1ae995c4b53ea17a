"""A page of the manual, and the overview of all commands, for a terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from cleo.formatters.formatter import Formatter

from publish_all.cli.manual import Entry, Page

if TYPE_CHECKING:
    from publish_all.config.reference import Key, Section

_LINK = re.compile(r"\[([^]]+)\]\(#[^)]*\)")
_WIDEST = 96
_COLUMN = 26
"""How wide the left column gets at most; what is longer has a line of its own."""


def page_text(page: Page, common: Iterable[Entry], *, width: int) -> str:
    """The page in cleo's markup, wrapped to `width` columns. `common` are the options of all commands."""
    width = min(width, _WIDEST)
    lines = [*_wrapped(page.summary, width), "", _heading("Usage"), f"  {_escaped(page.usage)}"]
    if page.text:
        lines += ["", *_prose(page.text, width)]
    lines += _table("Arguments", page.arguments, width)
    for title, entries in page.options.items():
        lines += _table(title, entries, width)
    lines += _table("Options of all commands", common, width)
    if page.examples:
        lines += ["", _heading("Examples"), *(f"  <c1>{_escaped(each)}</c1>" for each in page.examples)]
    lines += _facts("Exit codes", {str(code): text for code, text in page.exit_codes.items()}, width)
    lines += _facts("Environment", page.variables, width)
    return "\n".join(lines)


def overview_text(
    groups: Iterable[tuple[str, Mapping[str, str]]], common: Iterable[Entry], *, name: str, width: int
) -> str:
    """All commands with a line for each, in groups."""
    width = min(width, _WIDEST)
    lines = [_heading("Usage"), f"  {name} COMMAND [options] [arguments]"]
    known = list(groups)
    column = max((len(each) for _, commands in known for each in commands), default=0)
    for title, commands in known:
        lines += _facts(title, commands, width, column=column)
    lines += _table("Options of all commands", common, width)
    return "\n".join([*lines, "", f"<c1>{name} COMMAND --help</c1> tells all of a command, with examples."])


def keys_text(sections: Iterable[Section], *, width: int) -> str:
    """All keys of the configuration, table by table."""
    width = min(width, _WIDEST)
    pieces = []
    for section in sections:
        facts = {key.name: _told_key(key) for key in section.keys}
        _, heading, *lines = _facts(section.table, facts, width)
        pieces.append("\n".join([heading.replace(":</b>", "</b>"), *lines]))
    return "\n\n".join(pieces)


def _told_key(key: Key) -> str:
    default = f"; default: {key.default}" if key.default is not None else ""
    facts = f"({key.shown_type}{default})".replace("`", "")
    return f"{_LINK.sub(lambda link: link[1], key.meaning)} {facts}"


def terminal_width() -> int:
    return shutil.get_terminal_size().columns


def _table(title: str, entries: Iterable[Entry], width: int) -> list[str]:
    return _facts(title, {each.synopsis: _told(each) for each in entries}, width)


def _told(entry: Entry) -> str:
    return entry.text + (f" (default: {entry.default})" if entry.default is not None else "")


def _facts(title: str, facts: Mapping[str, str], width: int, *, column: int = 0) -> list[str]:
    """A heading and two columns, the left one at least `column` wide; or nothing."""
    if not facts:
        return []
    column = max(min(max(map(len, facts)), _COLUMN), column)
    return ["", _heading(title), *(line for pair in facts.items() for line in _fact(*pair, column, width))]


def _fact(term: str, text: str, column: int, width: int) -> Iterator[str]:
    indent = " " * (column + 4)
    first, *rest = textwrap.wrap(text, max(width - len(indent), 20), break_on_hyphens=False) or [""]
    if len(term) > column:
        yield f"  <c1>{_escaped(term)}</c1>"
        yield indent + _escaped(first)
    else:
        yield f"  <c1>{_escaped(term)}</c1>{' ' * (column - len(term) + 2)}{_escaped(first)}"
    for line in rest:
        yield indent + _escaped(line)


def _prose(text: str, width: int) -> Iterator[str]:
    for place, paragraph in enumerate(text.split("\n\n")):
        if place:
            yield ""
        yield from _wrapped(" ".join(paragraph.split()), width)


def _wrapped(text: str, width: int) -> list[str]:
    return [_escaped(line) for line in textwrap.wrap(text, width, break_on_hyphens=False)]


def _heading(title: str) -> str:
    return f"<b>{title}:</b>"


def _escaped(text: str) -> str:
    return Formatter.escape(text)
