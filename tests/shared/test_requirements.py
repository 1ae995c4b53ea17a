"""The requirements of the three distributions fit each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import publish_all
from publish_all._toml import loads
from publish_all.builders.build_environment import _WORKER_REQUIRES

ROOT = Path(__file__).parents[2]


def project(distribution):
    return loads((ROOT / distribution / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("plugin", ["poetry_plugin", "hatch_plugin"])
def test_a_plugin_takes_this_publish_all_and_the_next_fixes_and_no_other(plugin):
    """Plugins import `publish_all.commands`, which may change with each minor version."""
    (ours,) = (
        each for each in map(Requirement, project(plugin)["dependencies"]) if each.name == "publish-all"
    )
    present = Version(publish_all.__version__)
    assert ours.extras == {"cli"}
    assert ours.specifier.contains(present)
    assert ours.specifier.contains(f"{present.major}.{present.minor}.99")
    assert not ours.specifier.contains(f"{present.major}.{present.minor + 1}.0")


def test_the_command_line_has_a_packaging_that_knows_metadata_2_5():
    (packaging,) = (
        each
        for each in map(Requirement, project("shared")["optional-dependencies"]["cli"])
        if each.name == "packaging"
    )
    assert not packaging.specifier.contains("25.0")
    assert packaging.specifier.contains("26.0")


def test_a_build_worker_requires_what_the_light_publish_all_requires():
    assert set(map(Requirement, _WORKER_REQUIRES)) == set(map(Requirement, project("shared")["dependencies"]))
