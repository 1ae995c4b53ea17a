"""The simple part of shell scripts: commands one after the other, `for` loops over words, variables. Nothing runs.

A command that is more than that (a pipe, a condition, a quote over several lines) becomes a single word with its
whole text. The caller knows no command of this name, and reports it.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping

_OPERATOR = re.compile(r"[()]|[;&|<>]+")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=([^|&<]*)")
_COMPOUND = frozenset({"if", "elif", "while", "until", "case"})
_LIMIT = 1000  # commands of one script, with loops unrolled

Command = tuple[str, ...]
"""The words of a command as it would run, with variables expanded. The words `(` and `)` begin and end a subshell."""


def commands_of(script: str, variables: Mapping[str, str]) -> list[Command]:
    """All commands in order, loops unrolled. `variables` are those of the environment."""
    lines = script.replace("\\\n", " ").splitlines()
    commands = itertools.chain.from_iterable(map(_commands_in, lines))
    return list(itertools.islice(_run(commands, dict(variables)), _LIMIT))


def _commands_in(line: str) -> Iterator[Command]:
    """The commands of one line as they are written."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = [part for token in lexer for part in _OPERATOR.findall(token) or [token] if token.strip()]
    except ValueError:  # a quote that is not closed on this line
        yield (line.strip(),)
        return
    words: list[str] = []
    plain, redirected = True, False
    for token in [*tokens, ";"]:
        if token in {";", ";;", "&&", "||", "(", ")"}:
            if words:
                yield tuple(words) if plain else (" ".join(words),)
            if token in {"(", ")"}:
                yield (token,)
            words, plain, redirected = [], True, False
        elif token.startswith(">") or redirected:  # where the output goes changes nothing here
            redirected = True
        elif words or token not in {"do", "then", "else", "fi"}:
            words.append(token)
            plain = plain and words[0] not in _COMPOUND and not _OPERATOR.fullmatch(token)


def _run(commands: Iterator[Command], variables: dict[str, str]) -> Iterator[Command]:
    for command in commands:
        words = command
        if words[0] == "for" and words[2:3] == ("in",):
            body = list(_body(commands))
            for value in " ".join(expanded(word, variables) for word in words[3:]).split():
                variables[words[1]] = value
                yield from _run(iter(body), variables)
            continue
        words = words[words[0] == "export" :]
        while words and (assigned := _ASSIGNMENT.fullmatch(words[0])):
            variables[assigned[1]] = expanded(assigned[2], variables)
            words = words[1:]
        if words and words != ("done",):
            yield tuple(expanded(word, variables) for word in words)


def _body(commands: Iterator[Command]) -> Iterator[Command]:
    """The commands up to the `done` of a loop that has begun."""
    depth = 1
    for words in commands:
        first = words[0].partition(" ")[0]
        depth += (first in {"for", "while", "until"}) - (first == "done")
        if not depth:
            return
        yield words


def expanded(word: str, variables: Mapping[str, str]) -> str:
    """The word with the values of variables that are known; others stay as they are written."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), word)
