"""On which line of a TOML file each key is: a light scan, for messages and for `publish-all config`.

Not a parser: the text has been parsed before, so it is known to be TOML. Keys inside of inline tables
are not told apart from the key that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(
    r"""
    (?P<skip> [ \t\r]+ | \#[^\n]* )
  | (?P<text> \"{3} (?: \\. | [^\\] )*? \"{3,5} | '{3} .*? '{3,5} )
  | (?P<quoted> " (?: \\. | [^"\\\n] )* " | ' [^'\n]* ' )
  | (?P<bare> [A-Za-z0-9_-]+ )
  | (?P<newline> \n )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\])')


def key_lines(text: str) -> Mapping[tuple[str, ...], int]:
    """The line (from 1) of each table header and of each key: the first one, where several name it.

    A table that has no header of its own stands where its first key or table does.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, statement in _statements(text):
        if statement[0] == "[":
            table = _key(statement[1 : statement.index("]")])
            lines.setdefault(table, line)
        elif "=" in statement:
            lines.setdefault(table + _key(statement[: statement.index("=")]), line)
    for key, line in list(lines.items()):
        for length in range(1, len(key)):
            lines.setdefault(key[:length], line)
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each header or `key = value` as its tokens, with the line on which it begins."""
    line, start, depth = 1, 1, 0
    statement: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match.lastgroup == "newline" and depth == 0:
            if statement:
                yield start, statement
            statement = []
        elif match.lastgroup not in {"skip", "newline"}:
            start = start if statement else line
            statement.append(token)
            depth += (token in {"[", "{"}) - (token in {"]", "}"})
        line += token.count("\n")
    if statement:
        yield start, statement


def _key(tokens: list[str]) -> tuple[str, ...]:
    """A dotted key from its tokens; `[[` of an array of tables is its only other mark."""
    return tuple(_unquoted(token) for token in tokens if token not in {".", "[", "]"})


def _unquoted(token: str) -> str:
    if token.startswith('"'):
        return _ESCAPE.sub(r"\1", token[1:-1])
    return token[1:-1] if token.startswith("'") else token
