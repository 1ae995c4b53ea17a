"""Reads one table of TOML, key by key, and reports what is wrong with it.

A key that nobody read is an unknown key, so what is known is written down once: where it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from publish_all.config.problems import KeyPath, Problems
from publish_all.config.suggest import did_you_mean, listing

Check: TypeAlias = "Callable[[str], str | None]"
"""Says what is wrong with a string, or None."""


class Table:
    """One table. A reader gives None for a key that is not there or is wrong, which is then reported."""

    def __init__(self, values: Mapping[str, Any], path: KeyPath, problems: Problems) -> None:
        self.values = values
        self.path = path
        self.problems = problems
        self._read: set[str] = set()
        self._refused: set[str] = set()

    def add(self, key: str, message: str, *, hint: str = "") -> None:
        """Report a problem of one key."""
        self.problems.add((*self.path, key), message, hint=hint)

    def has(self, key: str) -> bool:
        """Whether the key is there; it is then known, but not read."""
        self._read.add(key)
        return key in self.values

    def string(self, key: str, check: Check | None = None) -> str | None:
        if not self.has(key):
            return None
        return self._string(self.values[key], (*self.path, key), check)

    def strings(self, key: str, check: Check | None = None) -> tuple[str, ...] | None:
        if not self.has(key):
            return None
        return self._strings(self.values[key], (*self.path, key), check)

    def boolean(self, key: str) -> bool | None:
        if not self.has(key):
            return None
        value = self.values[key]
        if isinstance(value, bool):
            return value
        self.add(key, f"must be true or false, not {describe(value)}")
        return None

    def choice(self, key: str, choices: Iterable[str], *, reserved: Iterable[str] = ()) -> str | None:
        """One of a closed set; `reserved` values are refused with another message."""
        known, later = tuple(choices), tuple(reserved)

        def check(value: str) -> str | None:
            if value in known:
                return None
            if value in later:
                return f"{value!r} is reserved for a later version; it is one of: {', '.join(known)}"
            return f"must be one of {', '.join(known)}, not {value!r}{did_you_mean(value, known)}"

        return self.string(key, check)

    def table(self, key: str) -> Table | None:
        if not self.has(key):
            return None
        return self._table(self.values[key], (*self.path, key))

    def tables(self) -> Iterator[tuple[str, Table]]:
        """All keys, each of which is a table."""
        for key, value in self.values.items():
            self._read.add(key)
            if (table := self._table(value, (*self.path, key))) is not None:
                yield key, table

    def string_map(self, key: str, check: Check | None = None) -> Mapping[str, str] | None:
        """A table of strings, as `{ "from" = "to" }`; `check` is for the values."""
        if (table := self.table(key)) is None:
            return None
        found = {name: table.string(name, check) for name in table.values}
        return MappingProxyType({name: value for name, value in found.items() if value is not None})

    def strings_map(self, key: str, check: Check | None = None) -> Mapping[str, list[str]] | None:
        """A table of lists of strings."""
        if (table := self.table(key)) is None:
            return None
        found = {name: table.strings(name, check) for name in table.values}
        return MappingProxyType({name: list(value) for name, value in found.items() if value is not None})

    def raw(self, key: str) -> Any:
        """The value as it is, None when the key is not there."""
        return self.values[key] if self.has(key) else None

    def items(self, key: str) -> Iterator[tuple[int, Any]]:
        """The places and values of a list of anything."""
        value = self.raw(key)
        if isinstance(value, list):
            yield from enumerate(value)
        elif value is not None:
            self.add(key, f"must be a list, not {describe(value)}")

    def refuse(self, key: str, message: str, *, hint: str = "") -> None:
        """Report a key that is known, but must not be here."""
        if key in self.values:
            self._refused.add(key)
            self.add(key, message, hint=hint)

    def close(self) -> None:
        """Report the keys that nobody read."""
        known = self._read
        for key in self.values:
            if key not in known | self._refused:
                meant = did_you_mean(key, known)
                self.add(key, f"unknown key{meant}", hint="" if meant else f"Known here: {listing(known)}.")

    def _string(self, value: Any, path: KeyPath, check: Check | None) -> str | None:
        if not isinstance(value, str):
            self.problems.add(path, f"must be a string, not {describe(value)}")
            return None
        trouble = check(value) if check is not None else None
        if trouble is not None:
            self.problems.add(path, trouble)
            return None
        return value

    def _strings(self, value: Any, path: KeyPath, check: Check | None) -> tuple[str, ...] | None:
        if not isinstance(value, list):
            one = ' (write ["…"] for a single one)' if isinstance(value, str) else ""
            self.problems.add(path, f"must be a list of strings, not {describe(value)}{one}")
            return None
        found = [self._string(each, (*path, index), check) for index, each in enumerate(value)]
        return tuple(each for each in found if each is not None)

    def _table(self, value: Any, path: KeyPath) -> Table | None:
        if isinstance(value, dict):
            return Table(value, path, self.problems)
        self.problems.add(path, f"must be a table, not {describe(value)}")
        return None


def describe(value: Any) -> str:
    """What a value is, in the words of TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the string {value!r}"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
