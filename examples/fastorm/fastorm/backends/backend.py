"""What the database needs of a driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Backend(Protocol):
    primary_key: str
    list_tables: str

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def execute(self, text: str, parameters: Sequence[Any]) -> None: ...

    async def fetch(self, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]: ...
