from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from publish_all.commands.scaffold.yaml_text import block, flow, scalar

# What a file in UTF-8 may hold as YAML, but for line ends of other kinds than \n.
TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)


def loaded(text):
    return YAML(typ="safe", pure=True).load(text)


@given(TEXT)
def test_any_text_is_the_same_scalar(text):
    assert loaded(f"key: {scalar(text)}\n") == {"key": text}


@given(st.lists(TEXT, max_size=4))
def test_any_texts_are_the_same_list(texts):
    assert loaded(f"key: {flow(texts)}\n") == {"key": texts}


@given(st.lists(TEXT.filter(lambda text: text.strip()), min_size=1, max_size=3))
def test_any_commands_are_the_same_lines(commands):
    assert loaded(f"run:{block(commands)}\n")["run"].strip().splitlines() == [
        each.strip() for each in commands
    ]


@pytest.mark.parametrize("text", ["dist/", "Tests and lint", "kindling-synapse", "publish.yml"])
def test_plain_words_stand_without_quotes(text):
    assert scalar(text) == text


@pytest.mark.parametrize("text", ["on", "No", "1.0", "", "a: b", "- a", "a #b", "*a", "{a}", "null", "~"])
def test_what_yaml_reads_as_something_else_is_quoted(text):
    assert scalar(text).startswith('"')
