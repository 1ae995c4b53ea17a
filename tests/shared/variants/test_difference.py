from publish_all.variants.difference import summary, unified_diff
from publish_all.variants.variant import BuildVariant

BASE = {
    "project": {"name": "kindling", "version": "1", "dependencies": ["a", "b"], "keywords": ["k"]},
    "tool": {"publish-all": {"private": True}},
}


def variant(**more):
    settings = {
        "name": "x",
        "project": "kindling-x",
        "version": "1",
        "pyproject": {
            "project": {"name": "kindling-x", "version": "1", "dependencies": ["b", "c"], "license": "MIT"}
        },
        "selection_name": "kindling",
        "layout": {},
        "force_include": {},
    }
    return BuildVariant(**{**settings, **more})


def test_sums_up_lists_by_their_items_and_leaves_out_what_has_a_column():
    assert summary(BASE, variant(force_include={"n": "k/n"})) == (
        "dependencies +c -a",
        "no keywords",
        'license = "MIT"',
        'force-include {"n": "k/n"}',
    )


def test_the_diff_is_of_toml_and_names_the_variant():
    text = unified_diff(BASE, variant())
    assert "+++ pyproject.toml (x)" in text
    assert '-name = "kindling"\n+name = "kindling-x"' in text
    assert "publish-all" not in text


def test_nothing_differs_where_nothing_is_changed():
    same = variant(pyproject={"project": BASE["project"]})
    assert summary(BASE, same) == ()
    assert unified_diff(BASE, same) == ""


def test_long_values_are_shortened():
    (found,) = summary({"a": ""}, variant(pyproject={"a": "x" * 200}))
    assert found == f'a = "{"x" * 58}…'


def test_how_the_version_gets_in_is_no_difference():
    dynamic = {
        "project": {"name": "kindling", "dynamic": ["version"]},
        "tool": {"hatch": {"version": {"path": "a"}}},
    }
    assert summary(dynamic, variant(pyproject={"project": {"name": "kindling-x", "version": "1"}})) == ()


def test_each_item_of_a_list_has_a_line_in_the_diff():
    text = unified_diff(BASE, variant())
    assert '-    "a",\n' in text
    assert '+    "c",\n' in text


def test_files_of_poetrys_style_are_compared_key_by_key_too():
    poetry = {"name": "k", "version": "1", "dependencies": {"python": "^3.10", "a": "^1"}, "license": "MIT"}
    other = {"name": "k-x", "version": "1", "dependencies": {"python": "^3.10", "b": "^2"}, "license": "BSD"}
    assert summary({"tool": {"poetry": poetry}}, variant(pyproject={"tool": {"poetry": other}})) == (
        "no dependencies.a",
        'dependencies.b = "^2"',
        'license = "BSD"',
    )
