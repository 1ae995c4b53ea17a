"""The keys as they are told are the keys as they are read."""

from __future__ import annotations

import re

import pytest

from publish_all.commands.config import SECTIONS
from publish_all.config.model import ProjectConfig, VersionConfig

STATED = {
    "[tool.publish-all]": "[tool.publish-all]",
    "[tool.publish-all.repositories.NAME]": "[tool.publish-all.repositories.corp]",
    "[tool.publish-all.version]": "[tool.publish-all.version]",
    "[tool.publish-all.workspace]": "[tool.publish-all.workspace]",
    "[tool.publish-all.variants.NAME]": "[tool.publish-all.variants.a]",
    "[tool.publish-all.variants.NAME.wheels.TAG]": '[tool.publish-all.variants.a.wheels."py3-none-any"]',
}
SECTION = {each.table: each for each in SECTIONS}
CHOICES = [(each.table, key) for each in SECTIONS for key in each.keys if key.choices]
PROJECT_KEYS = {
    "description", "readme", "requires-python", "license", "license-files", "authors", "maintainers",
    "keywords", "classifiers", "urls", "scripts", "gui-scripts", "entry-points", "dependencies",
    "optional-dependencies", "import-names", "import-namespaces",
}  # fmt: skip


def names(table):
    return {each.name for each in SECTION[table].keys}


def known(trouble, table):
    hint = trouble(f"{STATED[table]}\nzzz = 1").hint
    return set(hint.removeprefix("Known keys: ").removesuffix(".").split(", "))


@pytest.mark.parametrize("table", [each for each in STATED if "variants.NAME]" not in each])
def test_the_keys_told_are_the_keys_known(trouble, table):
    assert names(table) == known(trouble, table)


def test_the_keys_told_of_a_variant_are_the_keys_known(trouble):
    told = names("[tool.publish-all.variants.NAME]") - {"any `[project]` key", "tool.*"}
    assert told | PROJECT_KEYS | {"tool"} == known(trouble, "[tool.publish-all.variants.NAME]")


@pytest.mark.parametrize(("table", "key"), CHOICES, ids=[f"{key.name}" for _, key in CHOICES])
def test_the_choices_told_are_the_choices_known(trouble, parse, table, key):
    message = trouble(f'{STATED[table]}\n{key.name} = "zzz"').message
    told = re.search(r"must be one of (.*?), not 'zzz'", message)
    assert told is not None
    assert tuple(told[1].split(", ")) == key.choices
    for choice in key.choices:
        url = 'url = "https://pypi.corp.example/legacy/"' if "corp" in STATED[table] else ""
        beside = 'path = "a.py"' if choice == "attribute" else url if key.name != "kind" else ""
        parse(f'{STATED[table]}\n{beside}\n{key.name} = "{choice}"')


def test_defaults_come_from_the_model():
    told = {key.name: key.default for key in SECTION["[tool.publish-all]"].keys}
    assert told["dist-dir"] == f'"{ProjectConfig.__dataclass_fields__["dist_dir"].default}"'
    assert told["publish-to"] == '["pypi"]'
    assert told["include-base"] == "false"
    assert told["compression"] == '"default"'
    version = {key.name: key.default for key in SECTION["[tool.publish-all.version]"].keys}
    assert version["tag-prefix"] == f'"{VersionConfig().tag_prefix}"'
    assert version["fallback"] is None


def test_a_type_is_told_as_its_choices_where_there_are_any():
    keys = {key.name: key for key in SECTION["[tool.publish-all.version]"].keys}
    assert keys["scheme"].shown_type == '"guess", "post"'
    assert keys["path"].shown_type == "path"
