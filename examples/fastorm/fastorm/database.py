"""The database: runs queries on the backend that its URL names."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit

from fastorm.backends.backend import Backend
from fastorm.models import COLUMN_TYPES, Model
from fastorm.query import Query

Row = TypeVar("Row", bound=Model)


class Database:
    """`sqlite:///path`, `sqlite:///:memory:` or `postgresql://user@host/name`."""

    def __init__(self, url: str) -> None:
        self.backend = _backend(url)

    async def __aenter__(self) -> Database:
        await self.backend.connect()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.backend.close()

    async def create(self, *models: type[Model]) -> None:
        for model in models:
            columns = ", ".join(
                f"{name} {self.backend.primary_key if name == 'id' else COLUMN_TYPES[kind]}"
                for name, kind in model.columns.items()
            )
            await self.backend.execute(f"CREATE TABLE IF NOT EXISTS {model.table} ({columns})", ())

    async def insert(self, *rows: Model) -> None:
        for row in rows:
            values = row.values()
            places = ", ".join("?" for _ in values)
            text = f"INSERT INTO {row.table} ({', '.join(values)}) VALUES ({places})"
            await self.backend.execute(text, tuple(values.values()))

    async def fetch(self, query: Query[Row]) -> list[Row]:
        found = await self.backend.fetch(query.sql(), query.parameters)
        return [query.model(**dict(zip(query.model.columns, values))) for values in found]

    async def first(self, query: Query[Row]) -> Row | None:
        found = await self.fetch(query.limit(1))
        return found[0] if found else None

    async def tables(self) -> list[str]:
        return [name for (name,) in await self.backend.fetch(self.backend.list_tables, ())]

    async def rows(self, table: str, count: int) -> list[tuple[Any, ...]]:
        return await self.backend.fetch(f"SELECT * FROM {table} LIMIT {count:d}", ())


def _backend(url: str) -> Backend:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from fastorm.backends.sqlite import SQLite

        return SQLite(parts.path.removeprefix("/"))
    if parts.scheme == "postgresql":
        try:
            from fastorm.backends.postgres import Postgres
        except ModuleNotFoundError as error:
            raise RuntimeError("there is no PostgreSQL driver: pip install fastorm-postgres") from error
        return Postgres(url)
    raise ValueError(f"no backend for {url!r}")
