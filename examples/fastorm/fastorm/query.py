"""Queries: values that say what is wanted. The database runs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True)
class Query(Generic[Row]):
    model: type[Row]
    conditions: tuple[str, ...] = ()
    parameters: tuple[Any, ...] = ()
    order: str | None = None
    count: int | None = None

    def where(self, condition: str, *parameters: Any) -> Query[Row]:
        return replace(
            self, conditions=(*self.conditions, condition), parameters=(*self.parameters, *parameters)
        )

    def order_by(self, column: str, *, descending: bool = False) -> Query[Row]:
        name = self._column(column)
        return replace(self, order=f"{name} DESC" if descending else name)

    def limit(self, count: int) -> Query[Row]:
        return replace(self, count=count)

    def sql(self) -> str:
        text = f"SELECT {', '.join(self.model.columns)} FROM {self.model.table}"
        if self.conditions:
            text += " WHERE " + " AND ".join(f"({each})" for each in self.conditions)
        if self.order:
            text += f" ORDER BY {self.order}"
        if self.count is not None:
            text += f" LIMIT {self.count:d}"
        return text

    def _column(self, name: str) -> str:
        if name not in self.model.columns:
            raise ValueError(f"{self.model.__name__} has no column {name}")
        return name
