"""Read values of TOML, collect their problems with key paths and lines, and suggest names.

A reader converts a value. For a wrong value, it reports a problem and returns None.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from publish_all.errors import ConfigurationError

T = TypeVar("T")

Check: TypeAlias = "Callable[[str], str | None]"
"""Returns the problem with a string, None if it is valid."""

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
        # Keys and values of TOML can contain control characters.
        whole = f"{where}: {message}"
        shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in whole)
        self._found.append((int(line[1]) if line else 0, shown, hint))

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


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar known name, None if no name is similar."""
    from difflib import get_close_matches

    by_folded = {each.casefold().replace("_", "-"): each for each in known}
    matches = get_close_matches(name.casefold().replace("_", "-"), by_folded, n=1, cutoff=0.5)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    meant = nearest(name, known)
    return "" if meant is None else f"; did you mean {meant!r}?"


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


Reader: TypeAlias = Callable[[Value], Any]


def text(check: Check | None = None) -> Reader:
    def read(found: Value) -> str | None:
        trouble = None
        if not isinstance(found.value, str):
            trouble = f"must be a string, not {describe(found.value)}"
        elif check is not None:
            trouble = check(found.value)
        if trouble is not None:
            found.add(trouble)
        return found.value if trouble is None else None

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
        shown = repr(found.value) if isinstance(found.value, str) else describe(found.value)
        near = did_you_mean(str(found.value), self.options)
        found.add(f"must be one of {', '.join(self.options)}, not {shown}{near}")
        return None


def choice(*options: str | enum.Enum) -> Choice:
    """One of these names, or of the values of these members of an enum."""
    return Choice({each.value if isinstance(each, enum.Enum) else each: each for each in options})


def items(read: Reader, *, of_strings: bool = False) -> Reader:
    def read_all(found: Value) -> tuple[Any, ...] | None:
        if not isinstance(found.value, list):
            single = ' (use ["…"] for a single string)' if of_strings and isinstance(found.value, str) else ""
            kind = "a list of strings" if of_strings else "a list"
            found.add(f"must be {kind}, not {describe(found.value)}{single}")
            return None
        values = (read(found.at(index)) for index in range(len(found.value)))
        return tuple(each for each in values if each is not None)

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
    found: Value,
    readers: Mapping[str, Reader],
    *,
    required: Iterable[str] = (),
    refused: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The values of a table by key. Wrong values, unknown keys and missing `required` ones are reported and left out.

    `refused` has messages and hints for keys that are not allowed in this table.
    """
    stated = {}
    for key in required:
        if isinstance(found.value, dict) and key not in found.value:
            found.add(f"needs a {key!r}")
    for key in table(found):
        if key in refused:
            message, hint = refused[key]
            found.at(key).add(message, hint=hint)
        elif key not in readers:
            meant = did_you_mean(key, readers)
            known = f"Known keys: {', '.join(sorted(readers))}."
            found.at(key).add(f"unknown key{meant}", hint="" if meant else known)
        elif (value := readers[key](found.at(key))) is not None:
            stated[key] = value
    return stated


def readers(keys: Iterable[Key]) -> dict[str, Reader]:
    """The readers of keys, by name, for `fields`."""
    return {key.name: key.read for key in keys}


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
