"""The standard library's TOML reader, or its backport on Python 3.10, and helpers for its tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

if sys.version_info >= (3, 11):
    from tomllib import TOMLDecodeError, loads
else:
    from tomli import TOMLDecodeError, loads

__all__ = ["TOMLDecodeError", "Table", "copied", "loads", "merged", "read_if_valid", "table", "tables"]

Table: TypeAlias = dict[str, Any]


def read_if_valid(path: Path) -> Mapping[str, Any]:
    """The content of another tool's file; empty if the file is missing or broken."""
    try:
        return loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}


def table(values: Any, *path: str) -> Mapping[str, Any]:
    """The table at a key path; an empty one where there is none."""
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def tables(values: Any) -> tuple[Mapping[str, Any], ...]:
    """The tables in an array; empty for other values."""
    return tuple(each for each in values if isinstance(each, Mapping)) if isinstance(values, list) else ()


def copied(values: Mapping[str, Any]) -> Table:
    """A deep copy in plain dicts and lists."""
    return {key: copied_value(value) for key, value in values.items()}


def copied_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return copied(value)
    return [copied_value(each) for each in value] if isinstance(value, list | tuple) else value


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """`over` laid over `base`: tables key by key, everything else (lists too) replaced. Neither is changed."""
    result = copied(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            result[key] = merged(table(result, key), value)
        else:
            result[key] = copied_value(value)
    return result
