from __future__ import annotations

import pytest

from publish_all._toml import loads
from publish_all.commands.scaffold.testing import commands_of, is_tested, tool_of

HATCH = '[build-system]\nbuild-backend = "hatchling.build"\n'


@pytest.mark.parametrize(
    ("pyproject", "files", "expected"),
    [
        ("", (), ()),
        ("", ("tests/",), ("uvx --with . pytest",)),
        ("[tool.ruff]\n", (), ("uvx ruff check .",)),
        (HATCH, ("test/", "ruff.toml"), ("uvx ruff check .", "uvx hatch test")),
        ("[tool.poetry]\nname = 'x'\n", ("tests/",), ("uvx poetry install", "uvx poetry run pytest")),
        (HATCH, ("tests/", "uv.lock"), ("uv run --locked pytest",)),
        ("", ("tests/", "noxfile.py"), ("uvx nox",)),
        ("[tool.tox]\nenv_list = []\n", ("tests/",), ("uvx tox run",)),
    ],
)
def test_guesses_how_a_project_is_tested(tmp_path, pyproject, files, expected):
    for each in files:
        path = tmp_path / each
        path.mkdir() if each.endswith("/") else path.write_text("")
    assert commands_of(tmp_path, loads(pyproject)) == expected


@pytest.mark.parametrize(
    ("command", "tool"),
    [
        ("pytest -q tests", "pytest"),
        ("hatch test --cover", "pytest"),
        ("hatch fmt --check", "ruff"),
        ("hatch run types:check", "hatch run types:check"),
        ("make test", "make test"),
        ("just lint", "just lint"),
        ("tox", "tox"),
        ("make", None),
        ("make latest", None),
        ("hatch run build", None),
        ("hatch build", None),
        ("pip install pytest", None),
    ],
)
def test_knows_what_tests_and_lints(command, tool):
    assert tool_of(command.split()) == tool


@pytest.mark.parametrize(
    ("tool", "tests", "tested"),
    [
        ("pytest", (), False),
        ("pytest", ("uvx hatch test",), True),
        ("coverage", ("uv run --locked pytest",), True),
        ("mypy", ("uvx ruff check .", "uvx hatch test"), False),
        ("mypy", ("uvx nox",), True),
        ("make test", ("make test",), True),
    ],
)
def test_knows_what_is_tested_already(tool, tests, tested):
    assert is_tested(tool, tests) is tested
