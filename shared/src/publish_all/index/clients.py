"""Which installers a command starts, and which of its options name other places than our index. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from publish_all.config.tools import Tool


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A program that a command starts; `tool` is None for one that is not known. `program` are the words that start it, `arguments` those after them."""

    tool: Tool | None
    program: tuple[str, ...]
    arguments: tuple[str, ...]

    @property
    def subcommand(self) -> str:
        """The first word that is a command of the tool; empty if there is none."""
        return next((each for each in self.arguments if each in _COMMANDS.get(self.tool, ())), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An option that names a place to install from, and its value. `where` is a file and line, or the command."""

    where: str
    option: str
    value: str = ""


_COMMANDS: Mapping[Tool | None, frozenset[str]] = {
    Tool.UV: frozenset(
        [
            "pip",
            "tool",
            "run",
            "sync",
            "lock",
            "add",
            "remove",
            "export",
            "tree",
            "version",
            "build",
            "venv",
            "python",
            "cache",
            "self",
            "auth",
            "publish",
            "init",
        ]
    ),
    Tool.POETRY: frozenset(["run", "install", "sync", "add", "remove", "update", "lock", "self", "build"]),
}
_NAMES = ((Tool.PIP, r"pip[0-9.]*(\.pyz)?"), (Tool.UV, r"uvx?"), (Tool.POETRY, r"poetry"))
_FLAGS = "qvnUIhV"  # short options of pip and uv without a value, which can come before one in the same word
_INDEXES = ("--index-url", "--pypi-url", "--extra-index-url", "--index", "--default-index")
_PLACES = (
    *_INDEXES,
    "--find-links",
    "--no-index",
    "--proxy",
    "--isolated",
    "--config-file",
    "--torch-backend",
)
_SHORT = {"i": "--index-url", "f": "--find-links"}
# pip takes any beginning of a name that is not the beginning of two, so these say nothing yet.
_AMBIGUOUS = 4


def clients_of(command: Sequence[str]) -> tuple[Client, ...]:
    """The program of a command, then the one that it runs (`uv run pip install …`), and so on."""
    program, arguments = _split(command)
    client = Client(tool=_tool_of(program), program=program, arguments=arguments)
    inner = _inner(client)
    if inner is None:
        return (client,)
    outer = Client(tool=client.tool, program=program, arguments=arguments[: len(arguments) - len(inner)])
    return (outer, *clients_of(inner))


def places(words: Sequence[str], where: str) -> Iterator[Place]:
    """The options among the words that name other places, also in pip's abbreviations."""
    for position, word in enumerate(words):
        after = words[position + 1] if position + 1 < len(words) else ""
        short = re.fullmatch(rf"-[{_FLAGS}]*([if])=?(.*)", word, re.DOTALL)
        if short is not None:
            yield Place(where=where, option=_SHORT[short[1]], value=short[2] or after)
            continue
        name, equals, value = word.partition("=")
        option = _full_name(name)
        if option is not None:
            yield Place(where=where, option=option, value=value if equals else after)


def names_index(place: Place) -> bool:
    """Whether it names a package index, which can be a fallback of ours."""
    return place.option in _INDEXES


def _full_name(name: str) -> str | None:
    if name in _PLACES:
        return name
    if not name.startswith("--") or len(name) < _AMBIGUOUS:
        return None
    return next((each for each in _PLACES if each.startswith(name)), None)


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


def _tool_of(program: Sequence[str]) -> Tool | None:
    name = _name(program[-1]) if program else ""
    return next((tool for tool, pattern in _NAMES if re.fullmatch(pattern, name)), None)


def _name(word: str) -> str:
    return posixpath.basename(word.replace("\\", "/")).lower().removesuffix(".exe")


def _inner(client: Client) -> tuple[str, ...] | None:
    """The command that `uv run`, `uvx` or `poetry run` is given, where it certainly begins.

    After an option the next word may be its value, so the command begins at the first word that follows
    none, or after `--`.
    """
    words = client.arguments
    uvx = client.tool is Tool.UV and _name(client.program[-1]) == "uvx"
    runs = uvx or (client.tool in {Tool.UV, Tool.POETRY} and client.subcommand == "run")
    tool_run = client.tool is Tool.UV and client.subcommand == "tool" and "run" in words
    if not runs and not tool_run:
        return None
    start = 0 if uvx else words.index("run") + 1
    for position in range(start, len(words)):
        before = words[position - 1] if position > start else ""
        if words[position] == "--":
            return words[position + 1 :] or None
        if not words[position].startswith("-") and (not before.startswith("-") or "=" in before):
            return words[position:]
    return None
