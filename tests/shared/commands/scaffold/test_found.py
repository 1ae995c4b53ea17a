from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.scaffold.choices import NewVariant, Service, VersionChoice
from publish_all.commands.scaffold.found import InitOptions, look, version_choice
from publish_all.config.folders import Folders, HostFolders
from publish_all.config.model import VersionSource
from publish_all.errors import ConfigurationError

POETRY = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'


@pytest.fixture
def looking(tmp_path):
    hosts = HostFolders(
        **{name: tmp_path / "home" / name for name in ("poetry", "hatch", "uv", "pdm", "pypirc")}
    )
    folders = Folders(config=tmp_path / "config.toml", data=tmp_path, hosts=hosts)

    def run(files, *, remote="", folder="", pypirc=""):
        root = tmp_path / "repository"
        (root / ".git").mkdir(parents=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if pypirc:
            hosts.pypirc.parent.mkdir()
            hosts.pypirc.write_text(pypirc)

        def git(command, *, cwd, environment, timeout):
            if command == ("git", "tag", "--list"):
                return CompletedProcess(command, 0, "v0.9\nnightly\n", "")
            assert command == ("git", "remote", "get-url", "origin")
            return CompletedProcess(command, 0 if remote else 2, remote + "\n", "")

        runtime = Runtime(environment={}, home=tmp_path, run=git, folders=folders)
        return look(InitOptions(directory=root / folder, runtime=runtime))

    return run


def full(name, packages=""):
    return f'[tool.poetry]\nname = "{name}"\n{packages}\n{POETRY}'


def test_tells_where_the_project_is_and_whose(looking):
    found = looking(
        {"python/pyproject.toml": '[project]\nname = "demo"\n'},
        remote="git@github.com:sep/kindling.git",
        folder="python",
    )
    assert (found.name, found.subfolder, found.link) == ("demo", "python", "sep/kindling")
    assert found.service is Service.GITHUB


@pytest.mark.parametrize(
    ("remote", "files", "service", "link"),
    [
        ("https://gitlab.com/group/sub/demo.git", {}, Service.GITLAB, "group/sub/demo"),
        ("git@gitlab.corp.example:group/demo.git", {}, Service.GITLAB, "group/demo"),
        ("", {".gitlab-ci.yml": ""}, Service.GITLAB, None),
        ("", {".github/workflows/ci.yml": "jobs: {}\n"}, Service.GITHUB, None),
        ("https://bitbucket.org/a/b", {}, None, None),
    ],
)
def test_tells_whose_ci_it_is(looking, remote, files, service, link):
    found = looking({"pyproject.toml": "", **files}, remote=remote)
    assert (found.service, found.link) == (service, link)


def test_finds_full_pyprojects_of_variants(looking):
    found = looking(
        {
            "pyproject.toml": '[project]\nname = "demo"\n',
            "build-configs/spark.toml": full("demo-spark"),
            "build-configs/settings.toml": "a = 1\n",
            "build-configs/broken.toml": "a = \n",
            "other/pyproject.toml": full("other"),
            "pyproject.fabric.toml": full("demo-fabric"),
        }
    )
    assert found.variants == (
        NewVariant(name="fabric", project="demo-fabric", pyproject="pyproject.fabric.toml"),
        NewVariant(name="spark", project="demo-spark", pyproject="build-configs/spark.toml"),
    )


def test_variants_that_are_configured_are_not_found_again(looking):
    found = looking(
        {
            "pyproject.toml": '[project]\nname = "demo"\n[tool.publish-all.variants.a]\npyproject = "configs/a.toml"\n',
            "configs/a.toml": full("demo-a"),
        }
    )
    assert found.variants == ()


def test_knows_the_repositories_of_other_tools_with_the_index_of_poetry(looking):
    found = looking(
        {
            "pyproject.toml": '[tool.poetry]\nname = "demo"\n[[tool.poetry.source]]\nname = "corp"\n'
            'url = "https://pypi.corp.example/simple/"\n'
        },
        pypirc="[distutils]\nindex-servers = corp\n[corp]\nrepository = https://pypi.corp.example/legacy/\n"
        "username = bob\npassword = hunter2\n",
    )
    (corp,) = found.known
    assert (corp.name, corp.url) == ("corp", "https://pypi.corp.example/legacy/")
    assert corp.index_url == "https://pypi.corp.example/simple/"
    assert "hunter2" not in repr(found)


def test_a_project_may_have_no_pyproject(looking):
    found = looking({"setup.py": "from setuptools import setup\nsetup(name='demo')\n"})
    assert (found.name, found.text) == ("demo", "")
    assert "a pyproject.toml is created" in found.notes[0]


def test_no_project_at_all_is_an_error(looking):
    with pytest.raises(ConfigurationError, match="no Python project found"):
        looking({"README.md": ""})


def test_a_git_that_is_not_there_tells_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\n')

    def absent(*_arguments, **_keywords):
        raise FileNotFoundError

    runtime = Runtime(environment={}, home=Path(tmp_path), run=absent)
    assert look(InitOptions(directory=tmp_path, runtime=runtime)).link is None


def test_files_of_the_same_name_are_different_variants(looking):
    found = looking(
        {
            "pyproject.toml": '[project]\nname = "demo"\n',
            "cpu/linux.toml": full("demo-cpu"),
            "gpu/linux.toml": full("demo-gpu"),
            "gpu/mac.toml": full("demo-mac"),
        }
    )
    assert [each.name for each in found.variants] == ["cpu-linux", "gpu-linux", "mac"]


HATCH = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


OPEN = '[project]\nname = "demo"\ndynamic = ["version"]\n'
STATIC = '[project]\nname = "demo"\nversion = "1.0"\n'
INIT = {"src/demo/__init__.py": '__version__ = "1.0"\n'}


SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


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
        (
            "",
            {
                **INIT,
                "setup.py": "setup(version=re.search('__version__ = \"(.+)\"', read('src/demo/__init__.py'))[1])",
            },
            VersionChoice(sync=("src/demo/__init__.py",)),
        ),
        (
            SETUPTOOLS,
            {
                "demo/__version__.py": "__version__ = '1.0'\n",
                "setup.py": "exec(open('demo/__version__.py').read(), about)\nsetup(version=about['__version__'])",
            },
            VersionChoice(sync=("demo/__version__.py",)),
        ),
    ],
)
def test_suggests_what_goes_with_the_version_as_it_is(looking, pyproject, files, expected):
    shown = {"pyproject.toml": pyproject} if pyproject else {}
    assert version_choice(looking({**shown, **files})) == expected


def test_files_of_variants_are_kept_in_step(looking):
    variants = [
        NewVariant(name=each, project=f"demo-{each}", pyproject=path)
        for each, path in {"a": "configs/a.toml", "b": "configs/b.toml", "c": "pyproject.c.toml"}.items()
    ]
    made = version_choice(looking({"pyproject.toml": HATCH + STATIC}), variants=variants)
    assert made.sync == ("configs/*.toml", "pyproject.c.toml")


@pytest.mark.parametrize(
    ("version", "sync"), [('path = "demo.py"', ("configs/*.toml",)), ('source = "vcs"', ())]
)
def test_nothing_is_kept_in_step_with_the_tags_of_another_tool(looking, version, sync):
    files = {"demo.py": '__version__ = "1.0"\n', "configs/a.toml": full("demo-a")}
    found = looking({"pyproject.toml": f"{HATCH}{OPEN}[tool.hatch.version]\n{version}\n", **files})
    assert version_choice(found, variants=found.variants).sync == sync


def test_finds_literal_versions_the_project_s_own_first(looking):
    found = looking(
        {
            "pyproject.toml": HATCH + STATIC.replace("demo", "my-demo"),
            "another/__init__.py": '__version__ = "2"\n',
            "my_demo/__init__.py": "from my_demo._version import __version__\n",
            "my_demo/_version.py": '__version__ = "1"\n',
            "dynamic/__init__.py": "__version__ = version('demo')\n",
            "tests/__init__.py": '__version__ = "9"\n',
            ".hidden/__init__.py": '__version__ = "9"\n',
        }
    )
    assert version_choice(found).sync == ("my_demo/_version.py", "another/__init__.py")


@pytest.mark.parametrize(
    ("source", "path", "sync"),
    [
        (VersionSource.GIT, None, ()),
        (VersionSource.ATTRIBUTE, "src/demo/__init__.py", ("src/demo/about.py",)),
    ],
)
def test_another_source_needs_other_places(looking, source, path, sync):
    """A tag is made without writing files, and variants then have our version."""
    more = {"src/demo/about.py": '__version__ = "1.0"\n', "configs/a.toml": full("demo-a")}
    found = looking({"pyproject.toml": HATCH + STATIC, **INIT, **more})
    made = version_choice(found, source=source, tag_prefix="x", variants=found.variants)
    assert made == VersionChoice(source=source, path=path, sync=sync, tag_prefix="x")
    assert found.tags == ("v0.9", "nightly")


def test_places_that_are_stated_stay(looking):
    stated = '[tool.publish-all.version]\nsync = ["a.py"]\n'
    found = looking({"pyproject.toml": HATCH + STATIC + stated, **INIT})
    for source in VersionSource:
        assert version_choice(found, source=source).sync == ("a.py",)
