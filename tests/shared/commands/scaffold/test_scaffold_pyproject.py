from __future__ import annotations

import pytest

from publish_all._toml import loads
from publish_all.commands.scaffold.choices import NewRepository, NewVariant, Settings, VersionChoice
from publish_all.commands.scaffold.pyproject import wired
from publish_all.commands.scaffold.pyproject import with_settings as with_these_settings
from publish_all.config.model import VersionSource
from publish_all.errors import ConfigurationError

POETRY = """\
# A comment.
[build-system]
requires = ["poetry-core>=2.0"]  # keep
build-backend = "poetry.core.masonry.api"

[project]
name = "demo"
version = "1.0"   # the version
"""
HATCH = """\
[build-system]
requires = [
    "hatchling>=1.27",
]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
"""
GIT = VersionChoice(source=VersionSource.GIT)


def with_settings(text, **settings):
    return with_these_settings(text, Settings(**settings))


def test_adds_tables_at_the_end_and_leaves_the_rest():
    text = with_settings(
        POETRY,
        publish_to=("corp", "pypi"),
        repositories=(NewRepository(name="corp", url="https://a/legacy/", index_url="https://a/simple/"),),
        version=VersionChoice(sync=("demo/__init__.py",)),
        variants=(NewVariant(name="x", project="demo-x", pyproject="configs/x.toml"),),
        layout={"packages/demo": "demo"},
        include_base=True,
    )
    assert text.startswith(POETRY)
    assert loads(text)["tool"]["publish-all"] == {
        "publish-to": ["corp", "pypi"],
        "include-base": True,
        "repositories": {"corp": {"url": "https://a/legacy/", "index-url": "https://a/simple/"}},
        "version": {"sync": ["demo/__init__.py"]},
        "variant-defaults": {"layout": {"packages/demo": "demo"}},
        "variants": {"x": {"pyproject": "configs/x.toml"}},
    }


def test_a_long_list_has_a_line_for_each_of_its_values():
    paths = tuple(f"packages/number-{number}/pyproject.toml" for number in range(4))
    text = with_settings(POETRY, publish_to=("pypi",), version=GIT._replace(sync=paths))
    assert "sync = [\n" + "".join(f'    "{each}",\n' for each in paths) + "]\n" in text


def test_makes_a_file_where_there_is_none():
    assert with_settings("", publish_to=("pypi",)) == '[tool.publish-all]\npublish-to = ["pypi"]\n'


def test_keeps_what_is_stated_already():
    text = with_settings(
        '[tool.publish-all]\npublish-to = ["pypi"] # mine\n[tool.publish-all.variants.x]\n',
        publish_to=("pypi",),
        variants=(NewVariant(name="x", project="demo-x", pyproject="configs/x.toml"),),
    )
    assert text.count("[tool.publish-all.variants.x]") == 1
    assert "# mine" in text
    assert "pyproject" not in text


def test_changes_the_destinations_that_are_stated():
    text = with_settings('[tool.publish-all]\npublish-to = ["pypi"] # mine\n', publish_to=("pypi", "github"))
    assert text == '[tool.publish-all]\npublish-to = ["pypi", "github"] # mine\n'


def test_wires_a_poetry_project_to_its_version_source():
    assert (
        with_settings(POETRY, publish_to=("pypi",), version=GIT)
        == """\
# A comment.
[build-system]
requires = ["poetry-core>=2.0", "publish-all"]  # keep
build-backend = "publish_all.backends.poetry_core"

[project]
name = "demo"
dynamic = ["version"]

[tool.publish-all]
publish-to = ["pypi"]

[tool.publish-all.version]
source = "git"
"""
    )


def test_wires_a_hatch_project_to_its_version_source():
    text = wired(HATCH)
    assert loads(text) == {
        "build-system": {"requires": ["hatchling>=1.27", "publish-all"], "build-backend": "hatchling.build"},
        "project": {"name": "demo", "dynamic": ["version"]},
        "tool": {"hatch": {"version": {"source": "publish-all"}}},
    }
    assert wired(text) == text


def test_takes_the_place_of_another_version_source_of_hatch():
    text = wired(
        HATCH.replace('version = "1.0"', 'dynamic = ["version"]') + '[tool.hatch.version]\npath = "a.py"\n'
    )
    assert loads(text)["tool"]["hatch"]["version"] == {"source": "publish-all"}


def test_takes_the_place_of_hatch_vcs():
    text = wired(
        HATCH.replace('version = "1.0"', 'dynamic = ["version"]').replace(
            "]\nbuild", '    "hatch_vcs >=0.4",\n]\nbuild'
        )
        + '[tool.hatch.version]\nsource = "vcs"\n'
    )
    assert loads(text)["build-system"]["requires"] == ["hatchling>=1.27", "publish-all"]
    assert loads(text)["tool"]["hatch"]["version"] == {"source": "publish-all"}


def test_takes_the_place_of_poetry_dynamic_versioning():
    text = wired(
        '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.poetry]\nversion = "0.0.0"\n'
        "[tool.poetry-dynamic-versioning]\nenable = true\n[build-system]\n"
        'requires = ["poetry-core>=2", "poetry-dynamic-versioning>=1,<2"]\n'
        'build-backend = "poetry_dynamic_versioning.backend"\n'
    )
    assert loads(text) == {
        "project": {"name": "demo", "dynamic": ["version"]},
        "tool": {"poetry": {}},
        "build-system": {
            "requires": ["poetry-core>=2", "publish-all"],
            "build-backend": "publish_all.backends.poetry_core",
        },
    }


def test_adds_to_what_is_dynamic_already():
    text = wired(HATCH.replace('version = "1.0"', 'version = "1.0"\ndynamic = ["readme"]'))
    assert loads(text)["project"] == {"name": "demo", "dynamic": ["readme", "version"]}


def test_a_project_of_poetry_alone_loses_its_static_version():
    text = wired(
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
        '[tool.poetry]\nname = "demo"\nversion = "1.0"\n'
    )
    assert loads(text)["tool"]["poetry"] == {"name": "demo"}


def test_keeps_line_ends():
    text = with_settings(POETRY.replace("\n", "\r\n"), publish_to=("pypi",), version=GIT)
    assert text.count("\n") == text.count("\r\n")


def test_a_backend_that_takes_no_version_of_ours_is_an_error():
    with pytest.raises(ConfigurationError, match=r"flit_core\.buildapi cannot take its version"):
        wired('[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n')


def test_a_table_that_leaves_no_room_is_an_error():
    text = "tool.publish-all = {publish-to = ['pypi']}\n"
    with pytest.raises(ConfigurationError, match="cannot be added"):
        with_settings(text, publish_to=("pypi",), layout={"a": "b"})


@pytest.mark.parametrize("name", ['a"b', "a.b", "é", "back\\slash", "a b"])
def test_writes_any_name_and_path_as_toml_means_it(name):
    variant = NewVariant(name=name, project="x", pyproject=f"configs/{name}.toml", layout={name: name})
    text = with_settings("", publish_to=("pypi",), variants=(variant,))
    assert loads(text)["tool"]["publish-all"]["variants"] == {
        name: {"pyproject": f"configs/{name}.toml", "layout": {name: name}}
    }
