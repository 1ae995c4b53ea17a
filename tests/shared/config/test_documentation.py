"""The configuration that the documentation shows is right, and the reference names every key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from publish_all.config.kinds import KINDS
from publish_all.config.known import user_repositories
from publish_all.config.parse import FIELDS

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference" / "configuration.md"

_BLOCK = re.compile(r"^( *)```toml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def blocks():
    files = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    for path in files:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if "tool.publish-all" in match[2]:
                yield pytest.param(match[2], id=f"{path.relative_to(ROOT).as_posix()}:{line}")


@pytest.mark.parametrize("block", list(blocks()))
def test_what_the_documentation_shows_is_right(parse, block):
    lines = block.splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())

    parse("\n".join(line[indent:] for line in lines))


def test_the_users_own_file_in_the_reference_is_right(tmp_path):
    shown = [
        text
        for _, text in _BLOCK.findall(REFERENCE.read_text(encoding="utf-8"))
        if text.startswith("[repositories")
    ]
    path = tmp_path / "config.toml"
    path.write_text(shown[0])

    assert "github" in user_repositories(path)


def documented(section):
    """The keys in the first table of a section."""
    text = REFERENCE.read_text(encoding="utf-8").split(f"\n## `{section}`\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z.*-]+)` \|", text, re.MULTILINE))


def known_keys(error):
    return set(error.hint.removeprefix("Known keys: ").removesuffix(".").split(", "))


def test_the_reference_names_every_key_of_the_project(trouble):
    assert documented("[tool.publish-all]") == known_keys(trouble("[tool.publish-all]\nzzz = 1"))


def test_the_reference_names_every_key_of_the_version(trouble):
    assert documented("[tool.publish-all.version]") == known_keys(
        trouble("[tool.publish-all.version]\nzzz = 1")
    )


def test_the_reference_names_every_key_and_kind_of_a_repository():
    text = REFERENCE.read_text(encoding="utf-8")

    assert set(FIELDS) <= documented("[tool.publish-all.repositories.NAME]")
    assert all(f'`"{kind}"`' in text for kind in KINDS)


def test_the_reference_names_every_key_of_a_variant(trouble):
    known = known_keys(trouble("[tool.publish-all.variants.a]\nzzz = 1"))
    text = REFERENCE.read_text(encoding="utf-8")
    project_keys = set(re.findall(r"`([a-z-]+)`", text.split("The `[project]` keys are ")[1].split(". ")[0]))

    assert documented("[tool.publish-all.variants.NAME]") | project_keys == known - {"tool"} | {"tool.*"}
