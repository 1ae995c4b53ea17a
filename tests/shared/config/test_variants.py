from __future__ import annotations

import pytest

HEAD = "[tool.publish-all.variants.synapse]\n"


def variant(parse, text):
    return parse(HEAD + text).variants["synapse"]


def test_reads_every_key_of_a_variant(parse):
    found = variant(
        parse,
        """
name = "kindling-synapse"
overlay = "build-configs/synapse-overlay.toml"
layout = { "packages/kindling" = "kindling" }
extend-dependencies = ["azure-synapse>=1"]
exclude-dependencies = ["delta-spark"]
include = ["a/**"]
exclude = ["kindling/databricks/**"]
force-include = { "notebooks" = "kindling/notebooks" }
tool.poetry.packages = [{ include = "kindling", from = "packages" }]
publish-to = ["github"]
local-version = "cu126"
sdist = true
dependency-groups.dev = ["pytest", { include-group = "docs" }]

[tool.publish-all.variants.synapse.wheels]
"py3-none-manylinux_2_28_x86_64" = { include = ["i"], exclude = ["e"], force-include = { "b/tool" = "k/tool" } }
""",
    )

    assert found.variant == "synapse"
    assert found.name == "kindling-synapse"
    assert found.overlay == "build-configs/synapse-overlay.toml"
    assert found.pyproject is None
    assert found.layout == {"packages/kindling": "kindling"}
    assert found.extend_dependencies == ("azure-synapse>=1",)
    assert found.exclude_dependencies == ("delta-spark",)
    assert found.include == ("a/**",)
    assert found.exclude == ("kindling/databricks/**",)
    assert found.force_include == {"notebooks": "kindling/notebooks"}
    assert found.tool == {"poetry": {"packages": [{"include": "kindling", "from": "packages"}]}}
    assert found.publish_to == ("github",)
    assert found.local_version == "cu126"
    assert found.sdist is True
    assert found.dependency_groups == {"dev": ["pytest", {"include-group": "docs"}]}
    wheel = found.wheels["py3-none-manylinux_2_28_x86_64"]
    assert (wheel.include, wheel.exclude, wheel.force_include) == (("i",), ("e",), {"b/tool": "k/tool"})


def test_a_variant_that_states_nothing_states_nothing(parse):
    found = variant(parse, "")

    assert (found.name, found.pyproject, found.overlay, found.publish_to, found.sdist) == (None,) * 5
    assert dict(found.project) == dict(found.tool) == dict(found.layout) == {}
    assert found.extend_dependencies == ()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("description", '"Kindling for Azure"', "Kindling for Azure"),
        ("readme", '"README.synapse.md"', "README.synapse.md"),
        (
            "readme",
            '{ file = "R", content-type = "text/plain" }',
            {"file": "R", "content-type": "text/plain"},
        ),
        ("requires-python", '">=3.10,<4"', ">=3.10,<4"),
        ("license", '"MIT"', "MIT"),
        ("license", '{ text = "MIT" }', {"text": "MIT"}),
        ("license-files", '["LICENSE*"]', ["LICENSE*"]),
        ("authors", '[{ name = "A", email = "a@x" }]', [{"name": "A", "email": "a@x"}]),
        ("maintainers", '[{ name = "A" }]', [{"name": "A"}]),
        ("keywords", '["spark"]', ["spark"]),
        ("classifiers", '["Private :: X"]', ["Private :: X"]),
        ("urls", '{ Home = "https://x" }', {"Home": "https://x"}),
        ("scripts", '{ k = "k:main" }', {"k": "k:main"}),
        ("gui-scripts", '{ k = "k:main" }', {"k": "k:main"}),
        ("entry-points", '{ g = { k = "k:main" } }', {"g": {"k": "k:main"}}),
        ("dependencies", '["a>=1; python_version < \\"4\\""]', ['a>=1; python_version < "4"']),
        ("dependencies", "[]", []),
        ("optional-dependencies", '{ all = ["b[x]"] }', {"all": ["b[x]"]}),
        ("import-names", '["kindling"]', ["kindling"]),
        ("import-namespaces", '["k"]', ["k"]),
    ],
)
def test_a_project_key_is_kept_as_toml_has_it(parse, key, text, value):
    assert variant(parse, f"{key} = {text}").project == {key: value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = '1'", "version: all build variants of a project share its version"),
        ("dynamic = []", "dynamic: unknown key"),
        ("name = '-x'", "name: '-x' is not a valid distribution name"),
        ("pyproject = 'a'\noverlay = 'b'", "overlay: cannot be combined with 'pyproject'"),
        ("pyproject = '/a'", "pyproject: '/a' must be relative to the root of the project"),
        ("dependencies = ['a >> 1']", "dependencies[0]: 'a >> 1' is not a dependency specifier (PEP 508)"),
        ("dependencies = 'a'", "dependencies: must be a list of strings, not the string 'a'"),
        ("extend-dependencies = ['ok', '?']", "extend-dependencies[1]: '?' is not a dependency specifier"),
        (
            "exclude-dependencies = ['a>=1']",
            "exclude-dependencies[0]: 'a>=1' is not a valid distribution name",
        ),
        ("optional-dependencies = { x = ['?'] }", "optional-dependencies.x[0]: '?' is not a dependency"),
        ("optional-dependencies = ['x']", "optional-dependencies: must be a table, not a list"),
        ("requires-python = '3.10'", "requires-python: '3.10' is not a version specifier"),
        ("description = 1", "description: must be a string, not the number 1"),
        ("authors = 'me'", "authors: must be a list, not the string 'me'"),
        ("authors = ['me']", "authors[0]: must be a table, not the string 'me'"),
        ("entry-points = { g = 'x' }", "entry-points.g: must be a table, not the string 'x'"),
        ("scripts = { k = 1 }", "scripts.k: must be a string, not the number 1"),
        ("dependency-groups = { dev = 'x' }", "dependency-groups.dev: must be a list, not the string 'x'"),
        ("layout = ['x']", "layout: must be a table, not a list"),
        ("layout = { 'a' = '../b' }", "layout.a: '../b' leaves the folder that it is relative to"),
        ("layout = { 'a/../../x' = 'b' }", "layout: 'a/../../x' leaves the folder that it is relative to"),
        ("layout = { 'a' = '..\\b' }", "layout.a: '..\\\\b' leaves the folder that it is relative to"),
        (
            "force-include = { '../x' = 'b' }",
            "force-include: '../x' leaves the folder that it is relative to",
        ),
        (
            "wheels.py3-none-any.force-include = { '../tool' = 'b' }",
            "wheels.py3-none-any.force-include: '../tool' leaves the folder",
        ),
        ("layout = { '/a' = 'b' }", "layout: '/a' must be relative to the root of the project"),
        ("force-include = { 'a' = '/b' }", "force-include.a: '/b' must be relative"),
        ("force-include = { 'a' = 'C:\\b' }", "force-include.a: 'C:\\\\b' must be relative"),
        ("force-include = { '' = 'b' }", "force-include: must not be empty"),
        ("include = 'x'", "include: must be a list of strings"),
        ("tool = 1", "tool: must be a table, not the number 1"),
        ("tool.poetry = 1", "tool.poetry: must be a table, not the number 1"),
        (
            "tool.publish-all.private = true",
            "tool.publish-all: a build variant cannot change [tool.publish-all]",
        ),
        ("sdist = 'no'", "sdist: must be true or false, not the string 'no'"),
        ("publish-to = ['x', 'X']", "publish-to: contains the repository 'x' twice (as 'X')"),
        ("local-version = '+cu126'", "local-version: '+cu126' is not a valid local version"),
        ("wheels = { any = {} }", "wheels.any: 'any' is not a valid wheel tag"),
        ("wheels.py3-none-any = []", "wheels.py3-none-any: must be a table, not a list"),
        (
            "wheels.py3-none-any.force = {}",
            "wheels.py3-none-any.force: unknown key; did you mean 'force-include'?",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key_path(trouble, text, message):
    assert f"tool.publish-all.variants.synapse.{message}" in trouble(HEAD + text).message


@pytest.mark.parametrize("name", ["a:b", "a,b", "a b", "", "a\\tb"])
def test_a_variant_name_is_without_marks_that_lists_need(trouble, name):
    error = trouble(f'[tool.publish-all.variants."{name}"]\n')

    assert "is not a valid name of a build variant" in error.message


def test_the_order_of_the_file_is_kept(parse):
    config = parse("".join(f"[tool.publish-all.variants.{name}]\n" for name in ("z", "a", "m")))

    assert list(config.variants) == ["z", "a", "m"]
