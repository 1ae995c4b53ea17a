"""The pages of the reference that are made from the code are what the code says now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from publish_all.cli.registry import COMMANDS, load

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = generator()


@pytest.mark.parametrize("page", MADE.PAGES)
def test_the_committed_page_is_what_the_code_says(page):
    assert (ROOT / page).read_text(encoding="utf-8") == MADE.fresh(page), (
        "write it anew with: .venv/bin/python tools/reference.py"
    )


def test_the_commands_page_tells_of_every_command_and_option():
    text = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        section = text.split(f"\n## publish-all {name}\n")[1].split("\n## ")[0]
        assert "**Examples**" in section
        assert "**Exit codes:**" in section
        for option in load(name).options:
            assert f"--{option.name}" in section


def test_the_check_ends_with_1_and_names_the_page_that_is_not_up_to_date(monkeypatch, tmp_path, capsys):
    for page in MADE.PAGES:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_text((ROOT / page).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(MADE, "ROOT", tmp_path)
    assert MADE.main(["--check"]) == 0
    page = tmp_path / "docs/reference/exit-codes.md"
    page.write_text(page.read_text(encoding="utf-8").replace("already exists", "is new"), encoding="utf-8")
    assert MADE.main(["--check"]) == 1
    assert "exit-codes.md" in capsys.readouterr().err
    assert MADE.main([]) == 0
    assert MADE.main(["--check"]) == 0
