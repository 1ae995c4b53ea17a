"""The simple part of shell scripts: commands one after the other, `for` loops over words, variables. Nothing runs.

Other constructs (pipes, here-documents, `while`, `case`, quotes over several lines) become commands that are
not plain, so that the caller can report them.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

Glob: TypeAlias = Callable[[str], Sequence[str]]
"""The paths that a pattern names, empty for none."""

ENTER, LEAVE = "(", ")"
"""The words of commands that begin and end a subshell, in which `cd` has no effect outside."""

_COMMENT = re.compile(r"""("[^"]*"|'[^']*')|(?:^|(?<=\s))#.*""")
_OPERATOR = re.compile(r"[()]|;;?|&&|\|\||[<>&|]+")
_BASENAME = re.compile(r'\$\(\s*basename\s+"?\$\{?(\w+)\}?"?(?:\s+([^\s)]+))?\s*\)')
# `@` is ours: the name of a path without a suffix, as `basename` gives it.
_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?P<operation>##\*/|%%?[^}]*|@[^}]*)?\}|\$(?P<plain>\w+)")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_LIMIT = 1000  # commands of one script, with loops unrolled


class Command(NamedTuple):
    """One simple command as it would run: `words` expanded, `line` counted from 1 in the script, `plain` if understood."""

    words: tuple[str, ...]
    line: int
    plain: bool = True

    @property
    def text(self) -> str:
        return " ".join(self.words)


def commands_of(
    script: str, *, variables: Mapping[str, str], glob: Glob = lambda _: ()
) -> tuple[Command, ...]:
    """All commands in order, loops unrolled. `variables` are those of the environment."""
    commands = [each for text, line in _lines(script) for each in _commands_in(text, line)]
    return tuple(itertools.islice(_run(commands, dict(variables), glob), _LIMIT))


def _lines(script: str) -> Iterator[tuple[str, int]]:
    """Lines without comments, joined where a backslash continues them, and where each begins."""
    text, start = "", 1
    for number, line in enumerate(script.splitlines(), 1):
        start = start if text else number
        text += _COMMENT.sub(lambda match: match[1] or "", line).rstrip()
        if text.endswith("\\"):
            text = text[:-1] + " "
        else:
            yield text, start
            text = ""
    yield text, start


def _commands_in(text: str, line: int) -> Iterator[Command]:
    """The commands of one line as they are written."""
    lexer = shlex.shlex(_BASENAME.sub(r"${\1@\2}", text), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        tokens = [part for token in lexer for part in _OPERATOR.findall(token) or [token] if token.strip()]
    except ValueError:  # a quote that is not closed on this line
        yield Command((text.strip(),), line, plain=False)
        return
    words: list[str] = []
    plain, target = True, False
    for token in [*tokens, ";"]:
        if token in {";", ";;", "&&", "||", ENTER, LEAVE}:
            if words:
                yield Command(tuple(words), line, plain)
            if token in {ENTER, LEAVE}:
                yield Command((token,), line)
            words, plain, target = [], True, False
        elif target:  # where the output goes changes nothing here
            target = False
        elif token.startswith(">"):
            target, words = True, words[:-1] if words[-1:] in (["1"], ["2"]) else words
        elif words or token not in {"do", "then", "else", "fi"}:
            words.append(token)
            plain = (
                plain
                and not _OPERATOR.fullmatch(token)
                and words[0] not in {"if", "elif", "while", "until", "case"}
            )


def _run(commands: Sequence[Command], variables: dict[str, str], glob: Glob) -> Iterator[Command]:
    at = 0
    while at < len(commands):
        words, line, plain = commands[at]
        at += 1
        if words[0] == "for" and words[2:3] == ("in",):
            end = _end_of_loop(commands, at)
            values = [part for word in words[3:] for part in _expanded(word, variables).split()]
            for value in (path for part in values for path in (glob(part) or (part,))):
                variables[words[1]] = value
                yield from _run(commands[at:end], variables, glob)
            at = end + 1
        elif words != ("done",):
            now = [_expanded(word, variables) for word in words]
            rest = tuple(
                itertools.dropwhile(lambda word: _assigned(word, variables), now[now[0] == "export" :])
            )
            if rest:
                yield Command(rest, line, plain and words[0] != "for")


def _end_of_loop(commands: Sequence[Command], at: int) -> int:
    """Where the `done` of a loop is whose first command is at `at`."""
    depth = 1
    for index in range(at, len(commands)):
        first = commands[index].words[0]
        depth += (first in {"for", "while", "until"}) - (first == "done")
        if not depth:
            return index
    return len(commands)


def _assigned(word: str, variables: dict[str, str]) -> bool:
    """Whether the word assigned a variable, which it has then."""
    match = _ASSIGNMENT.fullmatch(word)
    if match is not None:
        variables[match["name"]] = match["value"]
    return match is not None


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """The word with the values of variables that are known; others stay as they are written."""

    def value(match: re.Match[str]) -> str:
        known, operation = variables.get(match["braced"] or match["plain"]), match["operation"] or ""
        if known is None:
            return match[0]
        if operation.startswith(("##", "@")):
            return posixpath.basename(known).removesuffix(operation[1:])
        suffix = operation.lstrip("%")
        return posixpath.splitext(known)[0] if suffix == ".*" else known.removesuffix(suffix)

    return _VARIABLE.sub(value, word)
