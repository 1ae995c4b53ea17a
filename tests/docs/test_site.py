"""The site: its pages and pictures are there, and what looks at the built site finds what is wrong with it."""

from __future__ import annotations

import importlib.util
import re
import sys
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from publish_all._toml import loads

ROOT = Path(__file__).parents[2]
SETTINGS = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


DIAGRAMS = tool("diagrams")
SITE = tool("site")


def pages(entry):
    if isinstance(entry, str):
        return {entry}
    values = entry.values() if isinstance(entry, dict) else entry
    return {page for each in values for page in pages(each)}


def test_every_dependency_is_accounted_for():
    project = loads((ROOT / "shared" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| ([a-z0-9.-]+) \|", page, re.MULTILINE))
    assert {Requirement(each).name for each in stated} - told == set()


def test_every_page_of_the_navigation_exists():
    listed = pages(SETTINGS["nav"])
    assert all((ROOT / "docs" / page).is_file() for page in listed)
    for folder in ("tutorial", "how-to", "reference", "explanation"):
        assert any(page.startswith(folder) for page in listed)


def test_what_belongs_to_a_list_is_indented_by_four():
    """Markdown of the site takes nothing less for a part of the list."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        indents = re.findall(r"^( +)```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert all(len(each) % 4 == 0 for each in indents), page


def test_the_site_asks_nobody_for_fonts():
    assert SETTINGS["theme"]["font"] is False


@pytest.mark.parametrize("name", DIAGRAMS.DIAGRAMS)
def test_the_committed_diagram_is_what_is_drawn(name):
    drawn = DIAGRAMS.DIAGRAMS[name]()
    assert (ROOT / "docs" / "assets" / f"{name}.svg").read_text(encoding="utf-8") == drawn, (
        "draw it anew with: .venv/bin/python tools/diagrams.py"
    )
    assert "<title" in drawn
    assert "<desc" in drawn


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text('<a href="a/#here">a</a> <a href="https://example.org">b</a>')
    (tmp_path / "a" / "index.html").write_text('<h1 id="here">A</h1><img src="../x.svg" alt="x">')
    (tmp_path / "x.svg").write_text("<svg/>")
    return tmp_path


def test_a_good_site_has_no_problems(site):
    assert list(SITE.problems(site)) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<a href="b/">', "links to b/, where nothing is"),
        ('<a href="a/#there">', "links to a/#there"),
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "loads //fonts.example/x.css"),
        ('<img src="x.svg">', "without a text"),
    ],
)
def test_what_is_wrong_with_a_site_is_told(site, text, words):
    (site / "index.html").write_text(text)
    (problem,) = SITE.problems(site)
    assert words in problem


def test_a_site_that_was_not_built_is_a_problem(tmp_path):
    assert list(SITE.problems(tmp_path))
