"""What PyPI's own server does to uploads, measured on it, and what a publish makes of that."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from catalogue_world.world import NAME, World

VARIANTS = tuple(f"v{number}" for number in range(8))


@pytest.mark.parametrize("known", [False, True], ids=["new projects", "projects that are there"])
def test_projects_are_created_one_at_a_time_and_all_else_side_by_side(
    make_world: Callable[[str], World], known: bool
) -> None:
    """8 projects with 2 files each. The database deadlocks where one is created beside any other upload."""
    world = make_world("many")
    world.no_files()
    tables = (f'[tool.publish-all.variants.{each}]\nname = "{NAME}-{each}"\n' for each in VARIANTS)
    world.project(more="".join(tables))
    for each in VARIANTS:
        world.wheel(name=f"{NAME}-{each}", variant=each, package=each)
        world.sdist(name=f"{NAME}-{each}", variant=each)
        if known:
            world.pypi.has(f"{NAME}-{each}", f"{NAME}-{each}-0.9.tar.gz")
    world.pypi.seconds = 0.2
    began = time.monotonic()
    met = world.publish()
    seconds = time.monotonic() - began
    assert met.exit_code == 0, met
    assert (len(world.pypi.uploads), world.pypi.deadlocks) == (16, 0)
    assert world.pypi.most_at_once > 4
    serial = 16 * world.pypi.seconds
    assert seconds < serial * (0.5 if known else 0.9), "not faster than one after the other"
