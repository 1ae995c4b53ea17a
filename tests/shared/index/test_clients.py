from __future__ import annotations

import pytest

from publish_all.config.tools import Tool
from publish_all.index.clients import clients_of, names_index, places


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
    ("words", "found"),
    [
        ("install -i https://x/ a", [("--index-url", "https://x/")]),
        ("install -qif https://x/ a", [("--index-url", "f")]),
        ("install -Uf wheels a", [("--find-links", "wheels")]),
        ("install --extra-index-url=https://x/ a", [("--extra-index-url", "https://x/")]),
        ("install --extra-i https://x/ a", [("--extra-index-url", "https://x/")]),
        ("--isolated install a", [("--isolated", "install")]),
        ("install --pypi-url https://x/", [("--pypi-url", "https://x/")]),
        ("add --index corp=https://x/ a", [("--index", "corp=https://x/")]),
        ("install --pre --no-cache-dir --user -r requirements.txt --progress-bar off a", []),
    ],
)
def test_finds_options_that_name_other_places(words: str, found: list[tuple[str, str]]) -> None:
    assert [(each.option, each.value) for each in places(words.split(), "here")] == found


def test_only_an_index_can_be_a_fallback() -> None:
    index, links = places(["-i", "https://x/", "-f", "wheels"], "here")
    assert names_index(index)
    assert not names_index(links)
