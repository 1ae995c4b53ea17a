"""The checks of what is planned (`commands.prepare`): each file for those repositories that it goes to."""

from __future__ import annotations

from upload_fakes.repository import distribution

from publish_all.commands.files import FoundFiles
from publish_all.commands.prepare import run_checks

FILES = (distribution("a", "1.0+cu126", variant="cuda"), distribution("b", variant="plain"))


def with_local_versions(**to: tuple[bool, frozenset[str]]) -> list[str]:
    result = run_checks([FoundFiles(distributions=FILES, built=True)], to)
    return [
        each.name for each in result.subjects if any(found.slug == "local-version" for found in each.findings)
    ]


def test_a_file_is_checked_for_those_destinations_only_that_it_goes_to() -> None:
    every = frozenset(each.filename for each in FILES)
    corp = (False, every)
    assert with_local_versions(pypi=(True, frozenset({FILES[1].filename})), corp=corp) == []
    assert with_local_versions(pypi=(True, every), corp=corp) == [FILES[0].filename]
