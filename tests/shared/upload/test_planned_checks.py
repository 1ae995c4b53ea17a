"""The checks of what is planned (`commands.examine`): each file for those repositories that it goes to."""

from __future__ import annotations

from dataclasses import replace

from upload_fakes.repository import PYPI_LIKE, FakeRepository, distribution

from publish_all.commands.examine import check_planned
from publish_all.upload.plan import Destination, plan

PYPI = FakeRepository(name="pypi")
CORP = FakeRepository(name="corp", capabilities=replace(PYPI_LIKE, public=False))
FILES = (distribution("a", "1.0+cu126", variant="cuda"), distribution("b", variant="plain"))


def local_versions(*destinations: Destination) -> list[str]:
    result = check_planned(None, plan(FILES, destinations))
    return [
        each.name.partition("-")[0]
        for each in result.checked
        if any(found.slug == "local-version" for found in each.findings)
    ]


def test_a_file_is_checked_for_those_destinations_only_that_it_goes_to() -> None:
    narrowed = Destination(repository=PYPI, variants=frozenset({"plain"}))
    assert local_versions(narrowed, Destination(repository=CORP)) == []
    assert local_versions(Destination(repository=PYPI), Destination(repository=CORP)) == ["a"]
