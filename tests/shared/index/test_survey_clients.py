from __future__ import annotations

import pytest

from publish_all.config.tools import Tool
from publish_all.index.survey import Place, clients_of, places


@pytest.mark.parametrize(
    ("command", "tools"),
    [
        ("pip install x", [Tool.PIP]),
        ("/usr/bin/pip3.12 install x", [Tool.PIP]),
        (r"C:\Python\Scripts\pip.exe install x", [Tool.PIP]),
        ("python3.11 -I -m pip install x", [Tool.PIP]),
        ("py -3 -m uv pip install x", [Tool.UV]),
        ("python pip.pyz install x", [Tool.PIP]),
        ("python -c pass", [None]),
        ("uv pip install x", [Tool.UV]),
        ("uv run --with requests pip install x", [Tool.UV, Tool.PIP]),
        ("uv run --frozen -- make install", [Tool.UV, None]),
        ("uv --quiet run python -m pip install x", [Tool.UV, Tool.PIP]),
        ("uvx poetry install", [Tool.UV, Tool.POETRY]),
        ("uv tool run --from pip==24 pip install x", [Tool.UV, Tool.PIP]),
        ("poetry run pip install x", [Tool.POETRY, Tool.PIP]),
        ("make install", [None]),
    ],
)
def test_finds_the_installers_of_a_command(command: str, tools: list[Tool | None]) -> None:
    assert [each.tool for each in clients_of(command.split())] == tools


def test_the_words_of_the_inner_command_are_its_own() -> None:
    outer, inner = clients_of(["uv", "run", "-p", "3.12", "pytest", "-f", "x"])
    assert outer.arguments == ("run", "-p", "3.12")
    assert inner.arguments == ("-f", "x")
    # The word after an option may be its value, so what follows is looked at as uv's.
    (alone,) = clients_of(["uv", "run", "--frozen", "pytest"])
    assert alone.arguments == ("run", "--frozen", "pytest")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("install -i https://x/ a", "--index-url"),
        ("install -qi https://x/ a", "--index-url"),
        ("install --extra-index-url=https://x/ a", "--extra-index-url"),
        ("install --extra-i https://x/ a", "--extra-index-url"),
        ("install --pypi-url https://x/", "--pypi-url"),
        ("add --index https://x/ a", "--index"),
    ],
)
def test_finds_options_that_name_other_indexes(words: str, option: str) -> None:
    text = f"here: {option} https://x/ is another index, which would be asked for private names"
    default = option in {"--index-url", "--pypi-url"}
    assert [*places(words.split(), "here")] == [Place(text, "https://x/", default)]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("install -Uf wheels a", "--find-links"),
        ("--isolated install a", "--isolated"),
        ("add --no-index a", "--no-index"),
    ],
)
def test_finds_options_that_name_other_places(words: str, option: str) -> None:
    assert [*places(words.split(), "here")] == [Place(f"here: {option} would install from other places")]


def test_finds_no_places_in_other_options() -> None:
    words = "install --pre --no-cache-dir --user -r requirements.txt --progress-bar off a"
    assert [*places(words.split(), "here")] == []


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("uv lock", "uv lock"),
        ("uv -q add kindling", "uv add"),
        ("/usr/bin/uv.exe sync", "uv sync"),
        ("uv sync --frozen", None),
        ("uv run --locked pytest", None),
        ("uv pip install kindling", None),
        ("uv pip compile requirements.in", "uv pip"),
        ("poetry lock", "poetry lock"),
        ("pip install kindling", None),
        ("python3.12 -m pip lock kindling", "pip lock"),
        ("tox -e py312", None),
    ],
)
def test_knows_commands_that_write_a_lock_file(command: str, part: str | None) -> None:
    assert clients_of(command.split())[0].locks == part
