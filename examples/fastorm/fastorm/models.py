"""Models: the columns of a table are the annotations of a class."""

from __future__ import annotations

import types
import typing
from typing import Any, ClassVar

from fastorm.query import Query

COLUMN_TYPES = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB", bool: "INTEGER"}


class Model:
    """A row. The column `id`, if there is one, is the primary key and given by the database."""

    columns: ClassVar[dict[str, type]]
    table: ClassVar[str]

    def __init_subclass__(cls, table: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.table = table or cls.__name__.lower()
        cls.columns = {
            name: _column_type(cls, name, hint)
            for name, hint in typing.get_type_hints(cls).items()
            if typing.get_origin(hint) is not ClassVar
        }

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.columns.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no column {', '.join(sorted(unknown))}")
        for name in self.columns:
            if name not in values and not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} needs a value for {name}")
            setattr(self, name, values.get(name, getattr(type(self), name, None)))

    @classmethod
    def where(cls, condition: str, *parameters: Any) -> Query[Any]:
        return Query(cls).where(condition, *parameters)

    @classmethod
    def all(cls) -> Query[Any]:
        return Query(cls)

    def values(self) -> dict[str, Any]:
        """What is to be stored: every column, but not an `id` that the database has yet to give."""
        stored = {name: getattr(self, name) for name in self.columns}
        if stored.get("id", ...) is None:
            del stored["id"]
        return stored

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.columns)
        return f"{type(self).__name__}({shown})"


def _column_type(model: type, name: str, hint: Any) -> type:
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    known = [option for option in options if option in COLUMN_TYPES]
    if len(known) != 1:
        raise TypeError(f"{model.__name__}.{name}: {hint} is not a type of a column")
    return known[0]
