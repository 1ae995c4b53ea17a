"""Collects all problems of a configuration file, so that they are reported together, and suggests names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from publish_all.errors import ConfigurationError

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""The keys of the path to a value. A number is an index of a list."""

_LINE = re.compile(r":(\d+)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: KeyPath) -> str:
    """The path as TOML writes it: `tool.publish-all.variants."a b".exclude[1]`."""
    written = ""
    for key in path:
        if isinstance(key, int):
            written += f"[{key}]"
        else:
            written += f".{key}" if _BARE.fullmatch(key) else f'."{key}"'
    return written.removeprefix(".")


@dataclass(eq=False)
class Problems:
    """Collects problems of one file and raises them as one `ConfigurationError`.

    `origins` maps dotted key paths to `file:line`. A key without an origin has that of the table or list
    around it.
    """

    file: str
    origins: Mapping[str, str] = field(default_factory=dict)
    _found: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, path: KeyPath, message: str, *, hint: str = "") -> None:
        origin = self.origin(path)
        where = f"{origin}: {dotted(path)}" if path else origin
        line = _LINE.search(origin)
        self._found.append((int(line[1]) if line else 0, _one_line(f"{where}: {message}"), hint))

    def origin(self, path: KeyPath) -> str:
        """`pyproject.toml:12`, or the file alone."""
        for length in range(len(path), 0, -1):
            stated = self.origins.get(dotted(path[:length]))
            if stated is not None:
                return stated
        return self.file

    def raise_if_any(self) -> None:
        """Raise `ConfigurationError` with one problem per line, in the order of the file."""
        if not self._found:
            return
        (_, headline, hint), *others = sorted(self._found, key=lambda found: found[0])
        # The hint of the first line is not repeated.
        further = [
            f"{message} ({other})" if other and other != hint else message for _, message, other in others
        ]
        raise ConfigurationError("\n".join([headline, *further]), hint=hint or None)


def _one_line(text: str) -> str:
    """The text without control characters, which keys and values of TOML can contain."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar known name, None if no name is similar."""
    from difflib import get_close_matches

    asked = _folded(name)
    by_folded = {_folded(each): each for each in known}
    begun = [each for each in by_folded if len(asked) > 2 and each.startswith(asked)]
    shuffled = [each for each in by_folded if sorted(each) == sorted(asked)]
    matches = begun or shuffled or get_close_matches(asked, by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def _folded(name: str) -> str:
    return name.casefold().replace("_", "-")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    meant = nearest(name, known)
    return "" if meant is None else f"; did you mean {meant!r}?"
