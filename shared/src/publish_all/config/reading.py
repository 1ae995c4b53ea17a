"""Read values of TOML, and report problems with their key paths.

A reader converts a value. For a wrong value, it reports a problem and returns None.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from publish_all.config.problems import KeyPath, Problems, did_you_mean, dotted

T = TypeVar("T")

Check: TypeAlias = "Callable[[str], str | None]"
"""Returns the problem with a string, None if it is valid."""


class Value(NamedTuple):
    """One value, its key path, and the collected problems of its file."""

    value: Any
    path: KeyPath
    problems: Problems

    def add(self, message: str, *, hint: str = "") -> None:
        """Report a problem."""
        self.problems.add(self.path, message, hint=hint)

    def at(self, key: str | int) -> Value:
        return Value(self.value[key], (*self.path, key), self.problems)

    def items(self) -> Iterator[Value]:
        return (self.at(index) for index in range(len(self.value)))


Reader: TypeAlias = Callable[[Value], Any]


def text(check: Check | None = None) -> Reader:
    def read(found: Value) -> str | None:
        if not isinstance(found.value, str):
            trouble: str | None = f"must be a string, not {describe(found.value)}"
        else:
            trouble = check(found.value) if check is not None else None
        if trouble:
            found.add(trouble)
        return found.value if not trouble else None

    return read


def texts(check: Check | None = None) -> Reader:
    return items(text(check), of_strings=True)


def flag(found: Value) -> bool | None:
    if isinstance(found.value, bool):
        return found.value
    found.add(f"must be true or false, not {describe(found.value)}")
    return None


@dataclass(frozen=True)
class Choice:
    """One of several values, by their names in TOML."""

    options: Mapping[str, Any]

    def __call__(self, found: Value) -> Any:
        if isinstance(found.value, str) and found.value in self.options:
            return self.options[found.value]
        trouble = f"must be a string, not {describe(found.value)}"
        if isinstance(found.value, str):
            known = ", ".join(self.options)
            trouble = f"must be one of {known}, not {found.value!r}{did_you_mean(found.value, self.options)}"
        found.add(trouble)
        return None


def choice(*names: str) -> Choice:
    return Choice({each: each for each in names})


def member(of: type[enum.Enum]) -> Choice:
    return Choice({each.value: each for each in of})


def items(read: Reader, *, of_strings: bool = False) -> Reader:
    def read_all(found: Value) -> tuple[Any, ...] | None:
        if not isinstance(found.value, list):
            single = ' (use ["…"] for a single string)' if of_strings and isinstance(found.value, str) else ""
            kind = "a list of strings" if of_strings else "a list"
            found.add(f"must be {kind}, not {describe(found.value)}{single}")
            return None
        return tuple(each for item in found.items() if (each := read(item)) is not None)

    return read_all


def table(found: Value) -> Mapping[str, Any]:
    """A table, unchanged. Other values are reported, and give an empty table."""
    if isinstance(found.value, dict):
        return found.value
    tables = isinstance(found.value, list) and any(isinstance(each, dict) for each in found.value)
    instead = f" (use [{dotted(found.path)}.NAME])" if tables else ""
    found.add(f"must be a table, not {describe(found.value)}{instead}")
    return {}


def mapping(read: Reader, check_key: Check | None = None) -> Reader:
    """A table with any keys, whose values are read with `read`."""

    def read_all(found: Value) -> Mapping[str, Any]:
        stated = table(found)
        if check_key is not None:
            for trouble in filter(None, map(check_key, stated)):
                found.add(trouble)
        values = {key: read(found.at(key)) for key in stated}
        return MappingProxyType({key: value for key, value in values.items() if value is not None})

    return read_all


def fields(
    found: Value, readers: Mapping[str, Reader], *, refused: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, Any]:
    """The values of a table by key. Wrong values and unknown keys are reported and left out.

    `refused` has messages and hints for keys that are not allowed in this table.
    """
    stated = {}
    for key in table(found):
        if refused is not None and key in refused:
            message, hint = refused[key]
            found.at(key).add(message, hint=hint)
        elif key not in readers:
            meant = did_you_mean(key, readers)
            known = f"Known keys: {', '.join(sorted(readers))}."
            found.at(key).add(f"unknown key{meant}", hint="" if meant else known)
        elif (value := readers[key](found.at(key))) is not None:
            stated[key] = value
    return stated


def build(model: Callable[..., T], stated: Mapping[str, Any], **given: Any) -> T:
    """Create a model from values by TOML key."""
    return model(**{field_of(key): value for key, value in stated.items()}, **given)


def field_of(key: str) -> str:
    """The field of a model for a key."""
    return key.replace("-", "_")


class Key(NamedTuple):
    """A key of a table: its reader, and its description. `default` describes a default that is not in the model."""

    name: str
    read: Reader
    meaning: str
    type: str = "string"
    default: str | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values, empty if any value is allowed."""
        return tuple(self.read.options) if isinstance(self.read, Choice) else ()

    @property
    def shown_type(self) -> str:
        return ", ".join(f'"{each}"' for each in self.choices) or self.type


def describe(value: Any) -> str:
    """The type of a value, as TOML calls it."""
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
