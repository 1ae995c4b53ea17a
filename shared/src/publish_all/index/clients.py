"""Which installers a command starts, and which of its options name other places than our index. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from publish_all._urls import shown_or_raw
from publish_all.config.tools import Tool


class Client(NamedTuple):
    """A program that a command starts; `tool` is None for one that is not known. `program` are the words that start it, `arguments` those after them."""

    tool: Tool | None
    program: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def subcommand(self) -> str:
        """The first word that is neither an option nor its value; empty if there is none."""
        for before, word in zip(("", *self.arguments), self.arguments, strict=False):
            if not word.startswith("-") and before not in _WITH_VALUE:
                return word
        return ""

    @property
    def locks(self) -> str | None:
        """The command if it writes a lock file, as `uv lock`; else None."""
        words = self.arguments
        name = "pip" if self.tool is Tool.PIP else _name(self.program[-1]) if self.program else ""
        if name not in _LOCKERS or "--frozen" in words or "--locked" in words:
            return None
        writes = self.subcommand in _LOCKS or "compile" in words or name == "pip-compile"
        return f"{name} {self.subcommand}".strip() if writes else None


class Place(NamedTuple):
    """Another place to install from, as a `text` for the user.

    `url` is that of an index, which can be a fallback of ours; with `default` it takes PyPI's place.
    """

    text: str
    url: str = ""
    default: bool = False


_WITH_VALUE = ("-C", "-P", "--directory", "--project", "--config-file", "--cache-dir", "--color")
_LOCKERS = ("uv", "poetry", "pdm", "pipenv", "pip", "pip-compile")
_LOCKS = ("lock", "add", "remove", "sync", "update", "upgrade")
_NAMES = ((Tool.PIP, r"pip[0-9.]*(\.pyz)?"), (Tool.UV, r"uvx?"), (Tool.POETRY, r"poetry"))
_FLAGS = "qvnUIhV"  # short options of pip and uv without a value, which can come before one in the same word
_DEFAULT_INDEXES = ("--index-url", "--pypi-url", "--default-index")
_INDEXES = (*_DEFAULT_INDEXES, "--extra-index-url", "--index")
_OTHERS = ("--find-links", "--no-index", "--proxy", "--isolated", "--config-file", "--torch-backend")
_SHORT = {"i": "--index-url", "f": "--find-links"}
# pip takes any beginning of a name that is not the beginning of two, so these say nothing yet.
_AMBIGUOUS = 4


def clients_of(command: Sequence[str]) -> tuple[Client, ...]:
    """The program of a command, then the one that it runs (`uv run pip install …`), and so on."""
    program, arguments = _split(command)
    name = _name(program[-1]) if program else ""
    tool = next((tool for tool, pattern in _NAMES if re.fullmatch(pattern, name)), None)
    client = Client(tool, program, arguments)
    inner = _inner(client)
    if inner is None:
        return (client,)
    outer = client._replace(arguments=arguments[: len(arguments) - len(inner)])
    return (outer, *clients_of(inner))


def places(words: Sequence[str], where: str) -> Iterator[Place]:
    """The options among the words that name other places, also in pip's abbreviations."""
    for word, after in zip(words, (*words[1:], ""), strict=False):
        short = re.fullmatch(rf"-[{_FLAGS}]*([if])=?(.*)", word, re.DOTALL)
        name, equals, value = word.partition("=")
        option = _full_name(name) if short is None else _SHORT[short[1]]
        if short is not None:
            value = short[2] or after
        elif not equals:
            value = after
        if option in _INDEXES:
            text = f"{where}: {option} {shown_or_raw(value)} is another index, which would be asked for private names"
            yield Place(text, value, option in _DEFAULT_INDEXES)
        elif option is not None:
            yield Place(f"{where}: {option} would install from other places")


def _full_name(name: str) -> str | None:
    every = (*_INDEXES, *_OTHERS)
    if name in every:
        return name
    if not name.startswith("--") or len(name) < _AMBIGUOUS:
        return None
    return next((each for each in every if each.startswith(name)), None)


def _split(command: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that start the program (`python -m pip`), and the rest."""
    words = tuple(command)
    if words and re.fullmatch(r"(python|pypy)[0-9.]*|py", _name(words[0])):
        for position, word in enumerate(words[1:], start=1):
            if word == "-m" and position + 1 < len(words):
                return words[: position + 2], words[position + 2 :]
            if not word.startswith("-") and word.endswith(".pyz"):
                return words[: position + 1], words[position + 1 :]
    return words[:1], words[1:]


def _name(word: str) -> str:
    return posixpath.basename(word.replace("\\", "/")).lower().removesuffix(".exe")


def _inner(client: Client) -> tuple[str, ...] | None:
    """The command that `uv run`, `uvx` or `poetry run` is given, where it certainly begins.

    After an option the next word may be its value, so the command begins at the first word that follows
    none, or after `--`.
    """
    words = client.arguments
    uvx = client.tool is Tool.UV and _name(client.program[-1]) == "uvx"
    tool_run = client.tool is Tool.UV and client.subcommand == "tool" and "run" in words
    runs = client.tool in {Tool.UV, Tool.POETRY} and client.subcommand == "run"
    if not uvx and not tool_run and not runs:
        return None
    start = 0 if uvx else words.index("run") + 1
    for position in range(start, len(words)):
        before = words[position - 1] if position > start else ""
        if words[position] == "--":
            return words[position + 1 :] or None
        if not words[position].startswith("-") and (not before.startswith("-") or "=" in before):
            return words[position:]
    return None
