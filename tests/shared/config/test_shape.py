"""Tables that are not ours, in another form than their tools know."""

from __future__ import annotations

from pathlib import Path

import pytest

from publish_all._toml import loads
from publish_all.config.parse import check_shape
from publish_all.errors import ConfigurationError

WRONG = [
    ("project = 3", "pyproject.toml: project: must be a table, not the number 3"),
    ("build-system = 'x'", "pyproject.toml: build-system: must be a table, not the string 'x'"),
    ("tool = []", "pyproject.toml: tool: must be a table, not a list"),
    ("[project]\nversion = 1", "pyproject.toml: project.version: must be a string, not the number 1"),
    (
        "[project]\ndynamic = 3",
        "pyproject.toml: project.dynamic: must be a list of strings, not the number 3",
    ),
    ("[project]\ndependencies = ['a', 3]", "pyproject.toml: project.dependencies[1]: must be a string"),
    (
        "[project]\noptional-dependencies = []",
        "pyproject.toml: project.optional-dependencies: must be a table",
    ),
    ("[project]\noptional-dependencies = { a = 'b' }", "project.optional-dependencies.a: must be a list"),
    ("[project]\nurls = 'x'", "pyproject.toml: project.urls: must be a table"),
    ("[build-system]\nrequires = 'x'", "pyproject.toml: build-system.requires: must be a list of strings"),
    ("[tool]\npoetry = 3", "pyproject.toml: tool.poetry: must be a table"),
    ("[tool.poetry]\ndependencies = []", "pyproject.toml: tool.poetry.dependencies: must be a table"),
    ("[tool.poetry]\npackages = 'x'", "pyproject.toml: tool.poetry.packages: must be a list"),
]


def told(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_shape(loads(text), Path("pyproject.toml"))
    return caught.value.message


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_names_the_key_and_its_type(text: str, message: str) -> None:
    assert message in told(text)


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(told("tool = 1\n[project]\nname = 1\nkeywords = 'k'").splitlines()) == 3


def test_what_nothing_here_goes_into_is_not_ours_to_check() -> None:
    pyproject = loads("[project]\ndescription = 3\nreadme = 1\n[tool.poetry]\nreadme = 3")
    check_shape(pyproject, Path("pyproject.toml"))
