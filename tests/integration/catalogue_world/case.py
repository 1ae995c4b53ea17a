"""One case of the catalogue: how a failure comes about, what makes it go away, and what only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from catalogue_world.world import World

Change = Callable[[World], object]


def nothing(world: World) -> None:
    del world


@dataclass(frozen=True, kw_only=True)
class Case:
    """`break_it` makes the failure in a world that is in order, `next_step` is what the finding advises.

    `lookalike` changes a world that is in order in a way that is near the failure, and is none. With
    `lookalike_exit` the lookalike is a failure of another kind. `exits` is how publish ends, None where
    the finding does not keep it from anything.
    """

    code: str
    break_it: Change
    next_step: Change
    lookalike: Change
    exits: int | None = None
    says: str = ""
    lookalike_exit: int = 0
