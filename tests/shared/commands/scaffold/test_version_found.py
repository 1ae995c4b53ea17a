from __future__ import annotations

import pytest

from publish_all._toml import loads
from publish_all.commands.scaffold.choices import NewVariant, VersionChoice
from publish_all.commands.scaffold.version_found import attributes, choose, suggest_version
from publish_all.config.model import VersionSource

HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
POETRY = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
OPEN = '[project]\nname = "demo"\ndynamic = ["version"]\n'
STATIC = '[project]\nname = "demo"\nversion = "1.0"\n'
INIT = {"src/demo/__init__.py": '__version__ = "1.0"\n'}
VARIANTS = [
    NewVariant(name="a", project="demo-a", pyproject="configs/a.toml"),
    NewVariant(name="b", project="demo-b", pyproject="configs/b.toml"),
    NewVariant(name="c", project="demo-c", pyproject="pyproject.c.toml"),
]


@pytest.fixture
def tree(tmp_path):
    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("pyproject", "files", "expected"),
    [
        (HATCH + STATIC, {}, VersionChoice()),
        (HATCH + STATIC, INIT, VersionChoice(sync=("src/demo/__init__.py",))),
        (HATCH + OPEN, INIT, VersionChoice(source=VersionSource.ATTRIBUTE, path="src/demo/__init__.py")),
        (POETRY + OPEN, {}, VersionChoice(source=VersionSource.GIT)),
        (HATCH + OPEN + '[tool.hatch.version]\npath = "src/demo/__init__.py"\n', INIT, VersionChoice()),
        ("", {**INIT, "setup.py": "setup(version='1.0')"}, VersionChoice(sync=("src/demo/__init__.py",))),
        ("", {**INIT, "setup.py": "setup(version=find())"}, VersionChoice()),
    ],
)
def test_suggests_what_goes_with_the_version_as_it_is(tree, pyproject, files, expected):
    root = tree(files)
    assert suggest_version(root, loads(pyproject), name="demo", variants=()) == expected


def test_files_of_variants_are_kept_in_step(tree):
    made = suggest_version(tree({}), loads(HATCH + STATIC), name="demo", variants=VARIANTS)
    assert made.sync == ("configs/*.toml", "pyproject.c.toml")


def test_finds_literal_versions_the_project_s_own_first(tree):
    root = tree(
        {
            "another/__init__.py": '__version__ = "2"\n',
            "my_demo/__init__.py": "from my_demo._version import __version__\n",
            "my_demo/_version.py": '__version__ = "1"\n',
            "dynamic/__init__.py": "__version__ = version('demo')\n",
            "tests/__init__.py": '__version__ = "9"\n',
            ".hidden/__init__.py": '__version__ = "9"\n',
        }
    )
    assert attributes(root, "my-demo") == ("my_demo/_version.py", "another/__init__.py")


@pytest.mark.parametrize(
    ("source", "path", "sync"),
    [
        (VersionSource.GIT, None, ("src/demo/__init__.py", "configs/*.toml")),
        (VersionSource.ATTRIBUTE, "src/demo/__init__.py", ("configs/*.toml",)),
        (VersionSource.PROJECT, None, ("src/demo/__init__.py", "configs/*.toml")),
    ],
)
def test_another_source_keeps_the_other_places(tree, source, path, sync):
    suggested = VersionChoice(sync=("src/demo/__init__.py", "configs/*.toml"))
    made = choose(source, suggested, root=tree(INIT), name="demo", tag_prefix="x")
    assert made == VersionChoice(source=source, path=path, sync=sync, tag_prefix="x")
