from publish_all.variants.difference import differences, summary, unified_diff
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


def test_tells_each_key_that_differs():
    assert [str(each) for each in differences(BASE, variant(exclude=("d/**",)))] == [
        'project.name: "kindling" → "kindling-x"',
        'project.dependencies: ["a", "b"] → ["b", "c"]',
        "no project.keywords",
        'project.license = "MIT"',
        'exclude = ["d/**"]',
    ]


def test_sums_up_lists_by_their_items_and_leaves_out_what_has_a_column():
    assert summary(BASE, variant(force_include={"n": "k/n"})) == (
        "dependencies +c -a",
        "no keywords",
        'license = "MIT"',
        'force-include {n = "k/n"}',
    )


def test_the_diff_is_of_toml_and_names_the_variant():
    text = unified_diff(BASE, variant())
    assert "+++ pyproject.toml (x)" in text
    assert '-name = "kindling"\n+name = "kindling-x"' in text
    assert "publish-all" not in text


def test_nothing_differs_where_nothing_is_changed():
    same = variant(pyproject={"project": BASE["project"]})
    assert differences(BASE, same) == ()
    assert unified_diff(BASE, same) == ""


def test_long_values_are_shortened():
    (found,) = differences({"a": ""}, variant(pyproject={"a": "x" * 200}))
    assert found.variant is not None
    assert len(found.variant) == 60
