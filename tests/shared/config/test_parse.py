from __future__ import annotations

import pytest

from publish_all.config.kinds import LEGACY
from publish_all.config.model import (
    Compression,
    SyncPlace,
    VersionConfig,
    VersionSource,
    When,
)

FULL = """\
[project]
name = "kindling"

[tool.publish-all]
publish-to = ["pypi", "github"]
dist-dir = "out"
include-base = true
before-publish = ["make test"]
private = true

[tool.publish-all.repositories.github]
owner = "sep"
link = "sep/spark-kindling-framework"

[tool.publish-all.repositories.corp]
kind = "legacy"
url = "https://pypi.corp.example/legacy/"
index-url = "https://pypi.corp.example/simple/"
username = "__token__"
attestations = "never"
trusted-publishing = "always"

[tool.publish-all.version]
source = "git"
path = "src/kindling/__init__.py"
tag-prefix = ""
scheme = "post"
local = "node-and-date"
dirty = "error"
shallow = "allow"
fallback = "0.0.0"
sync = ["pyproject.toml", { path = "docs/conf.py", pattern = "release = \\"{version}\\"" }]

[tool.publish-all.variant-defaults]
layout = { "packages/kindling" = "kindling" }

[tool.publish-all.variants.synapse]
name = "kindling-synapse"
pyproject = "build-configs/synapse.toml"

[tool.publish-all.wheels]
"py3-none-win_amd64" = { force-include = { "build/tool.exe" = "kindling/tool.exe" } }
"""


def test_reads_every_key_of_the_project(parse):
    config = parse(FULL)

    assert config.publish_to == ("pypi", "github")
    assert config.dist_dir == "out"
    assert config.include_base is True
    assert config.before_publish == ("make test",)
    assert config.private is True
    assert config.pyproject["project"] == {"name": "kindling"}
    assert config.variant_defaults.layout == {"packages/kindling": "kindling"}
    assert config.variants["synapse"].pyproject == "build-configs/synapse.toml"
    assert config.wheels["py3-none-win_amd64"].force_include == {"build/tool.exe": "kindling/tool.exe"}


def test_reads_every_key_of_a_repository(parse):
    corp = parse(FULL).repositories["corp"]

    assert corp.kind is LEGACY
    assert corp.url == "https://pypi.corp.example/legacy/"
    assert corp.index_url == "https://pypi.corp.example/simple/"
    assert corp.username == "__token__"
    assert corp.attestations is When.NEVER
    assert corp.trusted_publishing is When.ALWAYS
    assert corp.origin == "pyproject.toml:17"
    assert corp.origins["username"] == "pyproject.toml:19"


def test_reads_every_key_of_the_version(parse):
    assert parse(FULL).version == VersionConfig(
        source=VersionSource.GIT,
        path="src/kindling/__init__.py",
        tag_prefix="",
        scheme="post",
        local="node-and-date",
        dirty="error",
        shallow="allow",
        fallback="0.0.0",
        sync=(
            SyncPlace(path="pyproject.toml"),
            SyncPlace(path="docs/conf.py", pattern='release = "{version}"'),
        ),
    )


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'", "[tool.publish-all]", "[tool.other]\nkey = 1"])
def test_a_project_that_states_nothing_has_all_defaults(parse, text):
    config = parse(text)

    assert config.publish_to == ("pypi",)
    assert config.dist_dir == "dist"
    assert config.include_base is False
    assert config.before_publish == ()
    assert config.private is False
    assert dict(config.repositories) == {}
    assert config.version == VersionConfig()
    assert dict(config.variants) == {}
    assert config.variant_defaults.variant is None


def test_an_empty_publish_to_is_not_the_default(parse):
    assert parse("[tool.publish-all]\npublish-to = []").publish_to == ()


@pytest.mark.parametrize(
    "text",
    [
        "[project]\nclassifiers = ['Private :: Do Not Upload']",
        "[tool.poetry]\nclassifiers = ['Private :: Do Not Upload']",
        "[project]\nclassifiers = ['Private :: Do Not Upload']\n[tool.publish-all]\nprivate = false",
    ],
)
def test_a_private_classifier_makes_the_project_private(parse, text):
    assert parse(text).private is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("varaints = {}", "tool.publish-all.varaints: unknown key; did you mean 'variants'?"),
        ("publish_to = []", "tool.publish-all.publish_to: unknown key; did you mean 'publish-to'?"),
        ("Dist-Dir = 'x'", "tool.publish-all.Dist-Dir: unknown key; did you mean 'dist-dir'?"),
        ("zzz = 1", "tool.publish-all.zzz: unknown key"),
        ("repository.x = {}", "tool.publish-all.repository: unknown key; did you mean 'repositories'?"),
        ("version.sorce = 'git'", "tool.publish-all.version.sorce: unknown key; did you mean 'source'?"),
        (
            "variants.synapse.extend-dependency = []",
            "tool.publish-all.variants.synapse.extend-dependency: unknown key; did you mean 'extend-dependencies'?",
        ),
        (
            "variant-defaults.layuot = {}",
            "tool.publish-all.variant-defaults.layuot: unknown key; did you mean 'layout'?",
        ),
        (
            "repositories.corp.index_url = 'https://x'",
            "tool.publish-all.repositories.corp.index_url: unknown key; did you mean 'index-url'?",
        ),
        (
            "variants.'a.b'.wheels.py3-none-any.tag = 'x'",
            'tool.publish-all.variants."a.b".wheels.py3-none-any.tag: unknown key',
        ),
        (
            "version.sync = [{ path = 'a', patern = 'x{version}' }]",
            "tool.publish-all.version.sync[0].patern: unknown key; did you mean 'pattern'?",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one(trouble, text, message):
    error = trouble(f"[tool.publish-all]\n{text}\n")

    assert error.message == f"pyproject.toml:2: {message}"
    assert error.exit_code == 2


def test_an_unknown_key_that_is_near_to_none_lists_what_is_known(trouble):
    assert trouble("[tool.publish-all.version]\nzzz = 1").hint == (
        "Known keys: dirty, fallback, local, path, scheme, shallow, source, sync, tag-prefix."
    )


def test_a_misspelt_table_is_named_with_its_line(trouble):
    error = trouble("[project]\nname = 'x'\n\n[tool.publish-all.varaints.synapse]\nname = 'y'\n")

    assert (
        error.message == "pyproject.toml:4: tool.publish-all.varaints: unknown key; did you mean 'variants'?"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "publish-to = 'pypi'",
            "publish-to: must be a list of strings, not the string 'pypi' (use [\"…\"] for",
        ),
        ("publish-to = ['pypi', 1]", "publish-to[1]: must be a string, not the number 1"),
        ("publish-to = ['a b']", "publish-to[0]: 'a b' is not a valid repository name"),
        ("publish-to = ['pypi', 'PyPI']", "publish-to: contains the repository 'pypi' twice (as 'PyPI')"),
        ("publish-to = ['main', 'pypi']", "publish-to: contains the repository 'main' twice (as 'pypi')"),
        ("publish-to = ['corp', 'corp']", "publish-to: contains the repository 'corp' twice"),
        ("dist-dir = 1.5", "dist-dir: must be a string, not the number 1.5"),
        ("dist-dir = ''", "dist-dir: must not be empty"),
        ("dist-dir = 2026-01-01", "dist-dir: must be a string, not a date or time"),
        ("include-base = 'yes'", "include-base: must be true or false, not the string 'yes'"),
        ("include-base = 1", "include-base: must be true or false, not the number 1"),
        ("compression = 'best'", "compression: must be one of default, fast, not 'best'"),
        ("private = []", "private: must be true or false, not a list"),
        ("before-publish = [' ']", "before-publish[0]: must not be empty"),
        ("repositories = []", "repositories: must be a table, not a list"),
        (
            "repositories = [{ name = 'x' }]",
            "repositories: must be a table, not a list (use [tool.publish-all.repositories.NAME])",
        ),
        ("repositories.x = 'https://x'", "repositories.x: must be a table, not the string 'https://x'"),
        ("variants = true", "variants: must be a table, not true"),
        ("variants.a = 'x'", "variants.a: must be a table, not the string 'x'"),
        ("version = '1.0'", "version: must be a table, not the string '1.0'"),
        ("version.source = 'gti'", "must be one of project, git, attribute, not 'gti'; did you mean 'git'?"),
        ("version.scheme = 'x'", "version.scheme: must be one of guess, post, not 'x'"),
        ("version.local = 'nod'", "version.local: must be one of none, node, node-and-date, not 'nod'"),
        (
            "version.dirty = 'eror'",
            "version.dirty: must be one of allow, error, not 'eror'; did you mean 'error'?",
        ),
        ("version.shallow = ''", "version.shallow: must be one of error, allow, not ''"),
        ("version.fallback = 'x.y'", "version.fallback: 'x.y' is not a version (PEP 440)"),
        ("version.tag-prefix = 'v '", "version.tag-prefix: 'v ' is not a valid start of a git tag"),
        ("version.path = '/etc/x'", "version.path: '/etc/x' must be relative to the root of the project"),
        ("version.path = 'C:/x'", "version.path: 'C:/x' must be relative to the root of the project"),
        ("version.sync = 'x'", "version.sync: must be a list, not the string 'x'"),
        ("version.sync = [1]", "version.sync[0]: must be a table, not the number 1"),
        ("version.sync = ['/x']", "version.sync[0]: '/x' must be relative to the root of the project"),
        (
            "version.sync = ['a', 'x/**.toml']",
            "version.sync[1]: 'x/**.toml' has a ** that is not a complete part",
        ),
        (
            "version.sync = [{ path = '**.md', pattern = '{version}' }]",
            "version.sync[0].path: '**.md' has a **",
        ),
        ("version.source = 'attribute'", 'version.source: is "attribute", which needs a path'),
        ("version.sync = [{ pattern = '{version}' }]", "version.sync[0]: needs a 'path'"),
        (
            "version.sync = [{ path = 'x', pattern = 'x' }]",
            "version.sync[0].pattern: 'x' must contain {version} exactly",
        ),
        ("wheels.any = {}", "wheels.any: 'any' is not a valid wheel tag"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_path(trouble, text, message):
    error = trouble(f"[tool.publish-all]\n{text}\n")

    assert error.message.startswith("pyproject.toml:2: tool.publish-all.")
    assert message in error.message


@pytest.mark.parametrize("text", ["tool = 1", "[tool]\npublish-all = 1", "[[tool.publish-all]]\nx = 1"])
def test_a_tool_table_that_is_none_does_not_break_the_parser(parse, trouble, text):
    if text == "tool = 1":
        assert parse(text).publish_to == ("pypi",)
    else:
        assert "tool.publish-all: must be a table" in trouble(text).message


def test_all_problems_of_a_file_are_told_at_once_in_its_order(trouble):
    error = trouble("""\
[tool.publish-all.variants.a]
version = "1"

[tool.publish-all]
private = "no"
dits-dir = "x"
""")

    assert error.message.splitlines() == [
        "pyproject.toml:2: tool.publish-all.variants.a.version: all build variants of a project share its version",
        "pyproject.toml:5: tool.publish-all.private: must be true or false, not the string 'no'",
        "pyproject.toml:6: tool.publish-all.dits-dir: unknown key; did you mean 'dist-dir'?",
    ]
    assert error.hint == "Remove it, and set the version source in [tool.publish-all.version]."


def test_the_hint_of_a_further_problem_is_on_its_line(trouble):
    error = trouble("[tool.publish-all]\nprivate = 1\nzzz = 1\n")

    assert error.message.splitlines()[1].startswith(
        "pyproject.toml:3: tool.publish-all.zzz: unknown key (Known keys:"
    )
    assert error.hint is None


def test_control_characters_of_a_file_do_not_reach_the_terminal(trouble):
    error = trouble('[tool.publish-all]\n"a\\u001b[31m" = 1\n')

    assert "\x1b" not in error.message


def test_reads_how_files_are_compressed(parse):
    assert parse("[tool.publish-all]\ncompression = 'fast'").compression is Compression.FAST
    assert parse("").compression is Compression.DEFAULT


def test_tells_for_each_stated_key_where_it_is(parse):
    origins = parse(FULL).origins

    assert origins["tool.publish-all.publish-to"] == "pyproject.toml:5"
    assert origins["tool.publish-all.version.sync"] == "pyproject.toml:32"
    assert origins["tool.publish-all.variants.synapse"] == "pyproject.toml:37"
    assert origins["tool.publish-all.variants"] == "pyproject.toml:37"
    assert "project.name" not in origins
