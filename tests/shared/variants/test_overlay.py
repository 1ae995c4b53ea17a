import pytest

from publish_all._toml import merged
from publish_all.errors import ConfigurationError
from publish_all.variants import overlay

PROJECT = {"project": {"name": "kindling", "version": "1.0", "dependencies": ["a"]}}
POETRY = {"tool": {"poetry": {"name": "kindling", "version": "1.0", "dependencies": {"python": "^3.10"}}}}


def test_merges_tables_key_by_key_and_replaces_lists():
    base = {"tool": {"x": {"keep": 1, "list": [1, 2]}}, "project": {"name": "a"}}
    assert merged(base, {"tool": {"x": {"list": [3]}}}) == {
        "tool": {"x": {"keep": 1, "list": [3]}},
        "project": {"name": "a"},
    }


def test_merging_changes_neither_side():
    base, over = {"t": {"list": [1]}}, {"t": {"other": {"deep": [2]}}}
    result = merged(base, over)
    result["t"]["list"].append(9)
    result["t"]["other"]["deep"].append(9)
    assert (base, over) == ({"t": {"list": [1]}}, {"t": {"other": {"deep": [2]}}})


def test_a_value_in_place_of_a_table_and_a_table_in_place_of_a_value():
    assert merged({"a": {"b": 1}}, {"a": 2}) == {"a": 2}
    assert merged({"a": 2}, {"a": {"b": 1}}) == {"a": {"b": 1}}


@pytest.mark.parametrize("pyproject", [PROJECT, POETRY])
def test_reads_and_writes_name_and_version_in_either_style(pyproject):
    result = overlay.with_version(overlay.with_name(pyproject, "kindling-x"), "2.0")
    assert (overlay.name_of(result), overlay.static_version_of(result)) == ("kindling-x", "2.0")
    assert ("project" in result) == ("project" in pyproject)


def test_a_dynamic_version_is_none_that_is_stated():
    pyproject = {"project": {"name": "a", "dynamic": ["version"]}, "tool": {"poetry": {"version": "0.0.0"}}}
    assert overlay.static_version_of(pyproject) is None


def test_writing_the_version_removes_what_would_compute_another():
    pyproject = {
        "project": {"name": "a", "dynamic": ["version", "readme"]},
        "tool": {
            "hatch": {"version": {"source": "vcs"}, "build": {"x": 1}},
            "pdm": {"version": {"source": "scm"}},
            "setuptools": {"dynamic": {"version": {"attr": "a.v"}, "readme": {"file": "R"}}},
            "poetry-dynamic-versioning": {"enable": True},
        },
    }
    result = overlay.with_version(pyproject, "1.2")
    assert result == {
        "project": {"name": "a", "version": "1.2", "dynamic": ["readme"]},
        "tool": {"hatch": {"build": {"x": 1}}, "setuptools": {"dynamic": {"readme": {"file": "R"}}}},
    }


def test_renaming_renames_extras_that_name_the_project_itself():
    pyproject = {
        "project": {"name": "Kindling", "optional-dependencies": {"all": ["kindling[spark]>=1", "x"]}}
    }
    result = overlay.with_name(pyproject, "kindling-x")
    assert result["project"]["optional-dependencies"]["all"] == ["kindling-x[spark]>=1", "x"]


def test_inline_keys_replace_and_are_not_dynamic_any_more():
    pyproject = {"project": {"name": "a", "dynamic": ["description"], "keywords": ["k"]}}
    result = overlay.with_project_keys(pyproject, {"description": "d", "keywords": ["l"]}, where="w")
    assert result == {"project": {"name": "a", "keywords": ["l"], "description": "d"}}


def test_inline_keys_are_translated_where_the_metadata_is_in_tool_poetry():
    keys = {
        "description": "d",
        "readme": {"file": "R.md", "content-type": "text/markdown"},
        "license": {"text": "MIT"},
        "authors": [{"name": "A", "email": "a@b.c"}, {"name": "B"}],
        "urls": {"Homepage": "https://h", "Chat": "https://c"},
        "requires-python": ">=3.11",
        "entry-points": {"g": {"n": "m:f"}},
    }
    poetry = overlay.with_project_keys(POETRY, keys, where="w")["tool"]["poetry"]
    assert poetry == {
        "name": "kindling",
        "version": "1.0",
        "dependencies": {"python": ">=3.11"},
        "description": "d",
        "readme": "R.md",
        "license": "MIT",
        "authors": ["A <a@b.c>", "B"],
        "homepage": "https://h",
        "urls": {"Chat": "https://c"},
        "plugins": {"g": {"n": "m:f"}},
    }


def test_requires_python_takes_the_place_of_what_poetry_locks_for():
    pyproject = {
        "project": {"name": "a", "requires-python": ">=3.10"},
        "tool": {"poetry": {"dependencies": {"python": ">=3.10,<4", "attrs": "*"}}},
    }
    result = overlay.with_project_keys(pyproject, {"requires-python": ">=3.12"}, where="w")
    assert result["project"]["requires-python"] == ">=3.12"
    assert result["tool"]["poetry"]["dependencies"] == {"attrs": "*"}


@pytest.mark.parametrize(
    "keys", [{"gui-scripts": {"a": "b:c"}}, {"readme": {"text": "t"}}, {"license": {"file": "L"}}]
)
def test_keys_without_a_counterpart_in_tool_poetry_are_refused_by_key_path(keys):
    with pytest.raises(ConfigurationError, match=r"^tool\.publish-all\.variants\.x\."):
        overlay.with_project_keys(POETRY, keys, where="tool.publish-all.variants.x")
