"""The simple part of shell scripts: commands one after the other, `for` loops over words, variables. Nothing runs.

Other constructs (pipes, here-documents, `while`, `case`, quotes over several lines) become commands that are
not plain, so that the caller can report them.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_OPERATOR = re.compile(r"[()]|;;?|&&|\|\||[<>&|]+")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_LIMIT = 1000  # commands of one script, with loops unrolled


class Command(NamedTuple):
    """One simple command as it would run: `words` expanded, `line` counted from 1 in the script, `plain` if understood.

    The words `(` and `)` begin and end a subshell.
    """

    words: tuple[str, ...]
    line: int
    plain: bool = True


def commands_of(script: str, variables: Mapping[str, str]) -> tuple[Command, ...]:
    """All commands in order, loops unrolled. `variables` are those of the environment."""
    commands = [each for text, line in _lines(script) for each in _commands_in(text, line)]
    return tuple(itertools.islice(_run(commands, dict(variables)), _LIMIT))


def _lines(script: str) -> Iterator[tuple[str, int]]:
    """Lines, joined where a backslash continues them, and where each begins."""
    text, start = "", 1
    for number, line in enumerate(script.splitlines(), 1):
        start = start if text else number
        text += line.rstrip()
        if text.endswith("\\"):
            text = text[:-1] + " "
        else:
            yield text, start
            text = ""
    yield text, start


def _commands_in(text: str, line: int) -> Iterator[Command]:
    """The commands of one line as they are written."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = [part for token in lexer for part in _OPERATOR.findall(token) or [token] if token.strip()]
    except ValueError:  # a quote that is not closed on this line
        yield Command((text.strip(),), line, plain=False)
        return
    words: list[str] = []
    plain, target = True, False
    for token in [*tokens, ";"]:
        if token in {";", ";;", "&&", "||", "(", ")"}:
            if words:
                yield Command(tuple(words), line, plain)
            if token in {"(", ")"}:
                yield Command((token,), line)
            words, plain, target = [], True, False
        elif target:  # where the output goes changes nothing here
            target = False
        elif token.startswith(">"):
            target, words = True, words[:-1] if words[-1:] in (["1"], ["2"]) else words
        elif words or token not in {"do", "then", "else", "fi"}:
            words.append(token)
            special = _OPERATOR.fullmatch(token) or words[0] in {"if", "elif", "while", "until", "case"}
            plain = plain and not special


def _run(commands: Sequence[Command], variables: dict[str, str]) -> Iterator[Command]:
    at = 0
    while at < len(commands):
        words, line, plain = commands[at]
        at += 1
        if words[0] == "for" and words[2:3] == ("in",):
            end = _end_of_loop(commands, at)
            for value in [part for word in words[3:] for part in expanded(word, variables).split()]:
                variables[words[1]] = value
                yield from _run(commands[at:end], variables)
            at = end + 1
        elif words != ("done",):
            now = [expanded(word, variables) for word in words]
            now = now[now[0] == "export" :]
            while now and (assigned := _ASSIGNMENT.fullmatch(now[0])):
                variables[assigned["name"]] = assigned["value"]
                del now[0]
            if now:
                yield Command(tuple(now), line, plain and words[0] != "for")


def _end_of_loop(commands: Sequence[Command], at: int) -> int:
    """Where the `done` of a loop is whose first command is at `at`."""
    depth = 1
    for index in range(at, len(commands)):
        first = commands[index].words[0]
        depth += (first in {"for", "while", "until"}) - (first == "done")
        if not depth:
            return index
    return len(commands)


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """The word with the values of variables that are known; others stay as they are written."""
    return _VARIABLE.sub(lambda match: variables.get(match["braced"] or match["plain"], match[0]), word)
