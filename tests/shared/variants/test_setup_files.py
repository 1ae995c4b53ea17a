from __future__ import annotations

import pytest

from publish_all.config.model import ProjectConfig, VariantConfig, VersionConfig, VersionSource
from publish_all.errors import ConfigurationError
from publish_all.variants.resolve import resolve_variants
from publish_all.variants.setup_files import (
    fields_in,
    has_metadata_elsewhere,
    name_in_setup_files,
    stated_in_setup_py,
)

LEGACY = {"build-system": {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}}


@pytest.fixture
def resolved(tmp_path):
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = old.style\nversion = 1.0\n")

    def resolve(*variants, pyproject=LEGACY, source=VersionSource.PROJECT):
        config = ProjectConfig(
            root=tmp_path,
            pyproject=pyproject,
            variants={each.variant: each for each in variants},
            version=VersionConfig(source=source),
        )
        return resolve_variants(config, version="1.0")

    return resolve


@pytest.mark.parametrize(
    ("pyproject", "elsewhere"),
    [
        (LEGACY, True),
        ({}, True),
        ({**LEGACY, "project": {"name": "x"}}, False),
        ({"build-system": {"build-backend": "poetry.core.masonry.api"}, "tool": {"poetry": {}}}, False),
        ({"build-system": {"build-backend": "flit_core.buildapi"}, "tool": {"flit": {}}}, False),
        ({"build-system": {"build-backend": "pbr.build"}}, True),
    ],
)
def test_a_project_without_metadata_in_pyproject_has_it_elsewhere(pyproject, elsewhere):
    assert has_metadata_elsewhere(pyproject) is elsewhere


def test_the_project_itself_is_built_as_it_is(resolved):
    (base,) = resolved()
    assert (base.project, base.version) == ("old.style", "1.0")
    assert base.pyproject == LEGACY


def test_a_version_from_another_source_is_written_in(resolved):
    (base,) = resolved(source=VersionSource.GIT)
    assert base.pyproject["project"]["version"] == "1.0"
    assert base.pyproject["project"]["name"] == "old.style"


def test_a_variant_leaves_dynamic_what_it_does_not_state(resolved):
    (only,) = resolved(VariantConfig(variant="x", project={"description": "d"}))
    project = only.pyproject["project"]
    assert (project["name"], project["version"], project["description"]) == ("old.style-x", "1.0", "d")
    assert "dependencies" in project["dynamic"]
    assert not {"version", "description"} & set(project["dynamic"])


def test_dependencies_that_nobody_has_read_cannot_be_extended(resolved):
    with pytest.raises(ConfigurationError, match="are dynamic"):
        resolved(VariantConfig(variant="x", extend_dependencies=("attrs",)))


def test_tells_the_name_in_setup_files(tmp_path):
    assert name_in_setup_files(tmp_path) is None
    for text, name in (
        ("[metadata]\nname = 100%s\n", "100%s"),
        ("[options]\n", None),
        ("name = x\n", None),
        ("[metadata]\nname =\n", None),
    ):
        (tmp_path / "setup.cfg").write_text(text)
        assert name_in_setup_files(tmp_path) == name


def test_tells_which_fields_metadata_holds():
    metadata = "Metadata-Version: 2.4\nName: x\nVersion: 1\nSummary: s\nAuthor-email: a@b.c\n"
    always = {"scripts", "gui-scripts", "entry-points"}
    assert fields_in(metadata) == {"description", "authors", *always}
    assert fields_in("Requires-Dist: a\nProvides-Extra: e\n\nLong\n") == {
        "dependencies",
        "optional-dependencies",
        "readme",
        *always,
    }


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("from setuptools import setup\nsetup(name='demo', version='1.2')\n", "demo", "1.2"),
        ("import setuptools as s\nif True:\n    s.setup(name='demo', version=read())\n", "demo", None),
        ("setup(name=NAME)\n", None, None),
        ("setup(**arguments)\n", None, None),
        ("other(name='demo')\n", None, None),
        ("setup(name=1)\n", None, None),
        ("not python (\n", None, None),
    ],
)
def test_reads_what_is_literal_in_setup_py(tmp_path, text, name, version):
    (tmp_path / "setup.py").write_text(text)
    assert stated_in_setup_py(tmp_path, "name") == name
    assert stated_in_setup_py(tmp_path, "version") == version


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("NAME = 'demo'\nsetup(name=NAME)\n", "demo"),
        ("NAME = read()\nsetup(name=NAME)\n", None),
        (
            "about = {}\nexec(open('demo/__about__.py').read(), about)\nsetup(name=about['__title__'])\n",
            "demo-x",
        ),
        ("exec(read(join(here, '__about__.py')), about)\nsetup(name=about['__title__'])\n", "demo-x"),
        ("exec(open('demo/other.py').read(), about)\nsetup(name=about['__title__'])\n", None),
        ("setup(name=about['nothing'], py_modules=['__about__.py'])\n", None),
    ],
)
def test_reads_the_name_from_where_setup_py_has_it(tmp_path, text, name):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/__about__.py").write_text("__title__ = 'demo-x'\n")
    (tmp_path / "setup.py").write_text(text)
    assert name_in_setup_files(tmp_path) == name


def test_there_may_be_no_setup_py(tmp_path):
    assert stated_in_setup_py(tmp_path, "name") is None


def test_a_project_whose_name_is_in_setup_py_is_a_variant_of_itself(tmp_path):
    (tmp_path / "setup.py").write_text("from setuptools import setup\nsetup(name='demo-x')\n")
    (tmp_path / "pyproject.toml").write_text("")
    (itself,) = resolve_variants(ProjectConfig(root=tmp_path, pyproject={}), version="1.0")
    assert itself.project == "demo-x"
