"""`python -m fastorm.admin FILE`: the tables of an SQLite file, and their first rows."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console
from rich.table import Table

from fastorm import Database

ROWS = 10


async def show(path: str, console: Console) -> None:
    async with Database(f"sqlite:///{path}") as database:
        for name in await database.tables():
            table = Table(title=name, show_header=False)
            for row in await database.rows(name, ROWS):
                table.add_row(*map(str, row))
            console.print(table)


if __name__ == "__main__":
    asyncio.run(show(sys.argv[1], Console()))
