"""The simple part of shell scripts: commands one after the other, `for` loops, variables. Nothing runs.

What is not simple (pipes, here-documents, `while`, `case`, command substitution but for `basename`) is
given as a command that holds what stands there, so that a reader can say that it was not understood.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from publish_all._values import dataclass

Glob: TypeAlias = Callable[[str], Sequence[str]]
"""The paths that a pattern names, empty for none."""

ENTER, LEAVE = "(", ")"
"""The words of commands that begin and end a subshell, in which `cd` has no effect outside."""

_BASENAME = re.compile(
    r"""\$\(\s*basename\s+(?P<path>"[^"]*"|'[^']*'|\S+?)(?:\s+(?P<suffix>[^\s)]+))?\s*\)"""
)
_VARIABLE = re.compile(
    r"@basename\[(?P<path>[^~\]]*)~(?P<suffix>[^\]]*)\]@"
    r"|\$\{(?P<braced>\w+)(?P<operation>##\*/|%%?[^}]*)?\}|\$(?P<plain>\w+)"
)
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_LIMIT = 1000  # commands of one script, with loops unrolled


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command as it would run: `words` expanded, `line` counted from 1 in the script, `plain` if understood."""

    words: tuple[str, ...]
    line: int
    plain: bool = True

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class _For:
    name: str
    words: tuple[str, ...]
    body: tuple[_Node, ...]
    line: int


_Node: TypeAlias = "Command | _For"
_BREAKS = frozenset({";", "&&", "||", "\n"})
_OPERATORS = frozenset("();<>|&")


def commands_of(
    script: str, *, variables: Mapping[str, str], glob: Glob = lambda _: ()
) -> tuple[Command, ...]:
    """All commands in order, loops unrolled. `variables` are those of the environment."""
    nodes = _Parser(tuple(_tokens(script))).parse()
    found: list[Command] = []
    for command in _run(nodes, dict(variables), glob):
        found.append(command)
        if len(found) >= _LIMIT:
            break
    return tuple(found)


def _tokens(script: str) -> Iterator[_Token]:
    line = 1
    for text, height in _logical_lines(script):
        lexer = shlex.shlex(_basename_as_word(_without_comment(text)), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""  # it would take one inside a word too, as in ${path##*/}
        try:
            for token in list(lexer):
                yield _Token(token, line)
        except ValueError:  # a quote that is not closed on this line
            yield _Token("|", line)
            yield _Token(text.strip(), line)
        yield _Token("\n", line)
        line += height


def _logical_lines(script: str) -> Iterator[tuple[str, int]]:
    """Lines with those that a backslash continues, and how many lines each takes up."""
    gathered, height = "", 0
    for line in script.splitlines():
        height += 1
        if line.rstrip().endswith("\\"):
            gathered += line.rstrip()[:-1] + " "
            continue
        yield gathered + line, height
        gathered, height = "", 0
    if gathered:
        yield gathered, height


def _without_comment(text: str) -> str:
    quote = ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and (index == 0 or text[index - 1].isspace()):
            return text[:index]
    return text


def _basename_as_word(text: str) -> str:
    """`$(basename "$f" .toml)` as one word without blanks, to be worked out when `$f` is known."""

    def word(match: re.Match[str]) -> str:
        return f"@basename[{match['path'].strip(chr(34) + chr(39))}~{match['suffix'] or ''}]@"

    return _BASENAME.sub(word, text)


class _Parser:
    """Recursive descent over tokens."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0

    def parse(self, *ends: str) -> tuple[_Node, ...]:
        """Nodes up to one of the words `ends`, or to the end."""
        nodes: list[_Node] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.text in ends:
                break
            self._at += 1
            if token.text in _BREAKS or token.text in {"then", "fi", "do", "done", "else"}:
                continue
            nodes.append(self._node(token))
        return tuple(nodes)

    def _node(self, token: _Token) -> _Node:
        match token.text:
            case "(" | ")":
                return Command((token.text,), token.line)
            case "for":
                return self._loop(token)
            case "if" | "elif" | "while" | "until" | "case":
                return Command((token.text, *self._rest()), token.line, plain=False)
            case _:
                return self._simple(token)

    def _simple(self, first: _Token) -> Command:
        words, plain = [first.text], not set(first.text) <= _OPERATORS
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.text in _BREAKS or token.text in {"(", ")"}:
                break
            self._at += 1
            if ">" in token.text and set(token.text) <= _OPERATORS:
                self._at += 1  # where the output goes changes nothing here
                words = words[:-1] if words[-1] in {"1", "2"} else words
                continue
            words.append(token.text)
            if set(token.text) <= _OPERATORS:
                plain = False
        return Command(tuple(words), first.line, plain=plain)

    def _loop(self, start: _Token) -> _Node:
        head = self._rest()
        if len(head) < 2 or head[1] != "in":
            return Command(("for", *head), start.line, plain=False)
        body = self.parse("done")
        self._at += 1
        return _For(head[0], head[2:], body, start.line)

    def _rest(self) -> tuple[str, ...]:
        words: list[str] = []
        while self._at < len(self._tokens) and self._tokens[self._at].text not in _BREAKS:
            words.append(self._tokens[self._at].text)
            self._at += 1
        return tuple(words)


def _run(nodes: Sequence[_Node], variables: dict[str, str], glob: Glob) -> Iterator[Command]:
    for node in nodes:
        if isinstance(node, _For):
            words = [part for word in node.words for part in expanded(word, variables).split()]
            for value in (path for word in words for path in (glob(word) or (word,))):
                variables[node.name] = value
                yield from _run(node.body, variables, glob)
            continue
        words_now = [expanded(word, variables) for word in node.words]
        if words_now[0] == "export":
            words_now = words_now[1:]
        rest = tuple(itertools.dropwhile(lambda word: _assigned(word, variables), words_now))
        if rest:
            yield Command(rest, node.line, plain=node.plain)


def _assigned(word: str, variables: dict[str, str]) -> bool:
    """Whether the word assigned a variable, which it has then."""
    match = _ASSIGNMENT.fullmatch(word)
    if match is not None:
        variables[match["name"]] = match["value"]
    return match is not None


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """The word with the values of variables that are known; others stay as they are written."""

    def value(match: re.Match[str]) -> str:
        if match["path"] is not None:
            name = posixpath.basename(expanded(match["path"], variables))
            return name.removesuffix(match["suffix"])
        known = variables.get(match["braced"] or match["plain"])
        if known is None:
            return match[0]
        operation = match["operation"] or ""
        if operation.startswith("##"):
            return posixpath.basename(known)
        return _without_suffix(known, operation.lstrip("%")) if operation else known

    return _VARIABLE.sub(value, word)


def _without_suffix(text: str, pattern: str) -> str:
    """`${f%.toml}` and `${f%.*}`."""
    if pattern == ".*":
        return text.rpartition(".")[0] or text
    return text.removesuffix(pattern)
