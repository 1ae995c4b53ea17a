"""SQLite, from the standard library, in one thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class SQLite:
    primary_key = "INTEGER PRIMARY KEY"
    list_tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"

    def __init__(self, path: str) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def connect(self) -> None:
        self._connection = await self._run(lambda: sqlite3.connect(self.path))

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._thread.shutdown()

    async def execute(self, text: str, parameters: Sequence[Any]) -> None:
        def work() -> None:
            with self._connection:
                self._connection.execute(text, parameters)

        await self._run(work)

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return await self._run(lambda: self._connection.execute(text, parameters).fetchall())

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
