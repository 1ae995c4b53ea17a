"""Steps from entities to an entity, run in the order of what they read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Pipe:
    reads: tuple[str, ...]
    writes: str
    transform: Callable[..., Rows]


_pipes: dict[str, Pipe] = {}


def pipe(*, reads: Iterable[str], writes: str) -> Callable[[Callable[..., Rows]], Callable[..., Rows]]:
    """Register a function as the pipe that writes an entity."""

    def register(transform: Callable[..., Rows]) -> Callable[..., Rows]:
        _pipes[writes] = Pipe(tuple(reads), writes, transform)
        return transform

    return register


def order() -> tuple[str, ...]:
    """The entities that pipes write, each after those it is made from."""
    graph = {name: pipe.reads for name, pipe in _pipes.items()}
    return tuple(name for name in TopologicalSorter(graph).static_order() if name in _pipes)


def run(wanted: str, sources: Mapping[str, Rows]) -> Rows:
    """The rows of an entity, from source rows and through as many pipes as it takes."""
    rows = dict(sources)
    for name in order():
        step = _pipes[name]
        if all(read in rows for read in step.reads):
            rows[name] = step.transform(*(rows[read] for read in step.reads))
    return rows[wanted]
