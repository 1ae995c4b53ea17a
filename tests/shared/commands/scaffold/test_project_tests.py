from __future__ import annotations

import pytest

from publish_all._toml import loads
from publish_all.commands.scaffold.found import commands_that_test

HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
POETRY = "[tool.poetry]\nname = 'x'\n"
EXTRAS = "[project.optional-dependencies]\ndocs = ['sphinx']\ndev = ['pytest-cov>=4', 'ruff']\n"
GROUPS = "[dependency-groups]\ndev = ['ruff', {include-group = 'test'}]\ntest = ['pytest']\n"
SETUP = "from setuptools import setup\nsetup(name='x', extras_require={'testing': ['pytest']})\n"
SETUP_CFG = "[options.extras_require]\ntest =\n    pytest\n    mock\n"
TESTS = {"tests/test_x.py": ""}


@pytest.mark.parametrize(
    ("pyproject", "files", "expected"),
    [
        ("", {}, ()),
        ("", {"tests/__init__.py": ""}, ()),  # pytest fails where it finds none
        ("[tool.ruff]\n", {}, ()),
        ("", {"noxfile.py": ""}, ("uvx nox --no-error-on-missing-interpreters",)),
        ("[tool.tox]\nenv_list = []\n", {}, ("uvx tox run --skip-missing-interpreters true",)),
        ("", {"tox.ini": "[testenv]\n"}, ("uvx tox run --skip-missing-interpreters true",)),
        ("", {"tox.ini": "[flake8]\n"}, ()),
        ("", {"test_x.py": ""}, ("uv pip install -e . pytest", "uv run --no-project pytest")),
        ("[tool.pytest.ini_options]\ntestpaths = 'x/checks'\n", {"x/checks/a_test.py": ""},
         ("uv pip install -e . pytest", "uv run --no-project pytest")),
        (EXTRAS, TESTS, ("uv pip install -e '.[dev]' pytest", "uv run --no-project pytest")),
        (GROUPS, TESTS, ("uv pip install -e . --group test --group dev pytest", "uv run --no-project pytest")),
        ("", {**TESTS, "setup.py": SETUP}, ("uv pip install -e '.[testing]' pytest", "uv run --no-project pytest")),
        ("", {**TESTS, "setup.cfg": SETUP_CFG}, ("uv pip install -e '.[test]' pytest", "uv run --no-project pytest")),
        ("", {**TESTS, "requirements-dev.txt": "# tests\npytest==8.*\n"},
         ("uv pip install -e . -r requirements-dev.txt pytest", "uv run --no-project pytest")),
        ("", {**TESTS, "requirements.txt": "requests\n"}, ("uv pip install -e . pytest", "uv run --no-project pytest")),
        (POETRY, TESTS, ("uv pip install -e . pytest", "uv run --no-project pytest")),
        (POETRY + "[tool.poetry.group.dev.dependencies]\npytest = '*'\n", TESTS,
         ("uvx poetry install --all-groups", "uvx poetry run pytest")),
        (POETRY + EXTRAS, TESTS, ("uv pip install -e '.[dev]' pytest", "uv run --no-project pytest")),
        (HATCHLING, TESTS, ("uvx hatch test",)),
        (HATCHLING + EXTRAS, TESTS, ("uv pip install -e '.[dev]' pytest", "uv run --no-project pytest")),
        (HATCHLING + "[tool.hatch.envs.default]\ndependencies = ['pytest']\n", TESTS,
         ("uvx hatch run default:pytest",)),
    ],
)  # fmt: skip
def test_tests_a_project_with_what_it_has(tmp_path, pyproject, files, expected):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    commands = commands_that_test(tmp_path, loads(pyproject))
    assert commands == (("uv venv", *expected) if expected[:1] and "pip" in expected[0] else expected)


@pytest.mark.parametrize(
    "broken",
    ["setup(extras_require={'a': x})", "setup(extras_require=[1])", "setup(", "setup(extras_require={1: 2})"],
)
def test_what_can_t_be_read_is_passed_over(tmp_path, broken):
    (tmp_path / "setup.py").write_text(broken)
    (tmp_path / "setup.cfg").write_text("[options")
    (tmp_path / "test_x.py").write_text("")
    assert commands_that_test(tmp_path, {})[-1] == "uv run --no-project pytest"
