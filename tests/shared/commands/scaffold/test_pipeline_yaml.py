from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from publish_all.commands.scaffold.pipeline import Noted, yaml_lines

# What a file in UTF-8 may hold as YAML, but for line ends of other kinds than \n.
TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)


def read_back(value):
    return YAML(typ="safe", pure=True).load("\n".join(yaml_lines({"key": value})) + "\n")["key"]


@given(TEXT)
def test_any_text_is_the_same_text(text):
    assert read_back(text) == text
    assert read_back([text, {"a": text}]) == [text, {"a": text}]
    assert read_back(Noted(text, "said so")) == text


@given(st.lists(TEXT, max_size=4))
def test_any_texts_are_the_same_list(texts):
    assert read_back(tuple(texts)) == texts


@given(st.lists(TEXT.map(str.strip).filter(bool), min_size=2, max_size=3))
def test_any_commands_are_the_same_lines(commands):
    assert read_back("\n".join(commands)).splitlines() == commands


def test_values_of_all_kinds_with_comments():
    value = {
        "a": {"b": Noted(0, "none")},
        "# more": None,
        "c": [{"d": True, "e": ("x", "y z")}],
        "f": Noted({}, "empty"),
    }
    assert "\n".join(yaml_lines(value)) == (
        "a:\n  b: 0 # none\n# more\nc:\n  - d: true\n    e: [x, 'y z']\nf: {} # empty"
    )


@pytest.mark.parametrize(
    "text", ["dist/", "Tests and lint", "kindling-synapse", "publish.yml", 'uvx --from "$X" y']
)
def test_plain_words_stand_without_quotes(text):
    assert list(yaml_lines({"a": text})) == [f"a: {text}"]


@pytest.mark.parametrize(
    "text", ["on", "No", "1.0", "", "a: b", "- a", "a #b", "*a", "{a}", "null", "~", "a:", ".inf"]
)
def test_what_yaml_reads_as_something_else_is_quoted(text):
    assert list(yaml_lines({"a": text})) == [f"a: '{text}'"]
