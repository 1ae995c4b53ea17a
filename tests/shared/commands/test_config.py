from __future__ import annotations

import pytest

from publish_all import _toml
from publish_all.commands.config import COLUMNS, list_repositories, show_config
from publish_all.commands.context import Runtime
from publish_all.config.folders import Folders, HostFolders
from publish_all.errors import ConfigurationError

TEXT = """\
[project]
name = "kindling"
classifiers = ["Private :: Do Not Upload"]

[tool.publish-all]
publish-to = ["corp", "github"]

[tool.publish-all.repositories.corp]
url = "https://corp.example/legacy/"

[tool.publish-all.version]
source = "git"
sync = ["a.py", { path = "b.py", pattern = "v {version}" }]

[tool.publish-all.variant-defaults]
layout = { "packages/kindling" = "kindling" }

[tool.publish-all.variants.synapse]
extend-dependencies = ["azure"]
tool.poetry.packages = [{ include = "kindling" }]
"""


def plain(value):
    return _toml.loads(f"value = {value}")["value"]


@pytest.fixture
def folders(tmp_path):
    user = tmp_path / "user"
    user.mkdir()
    names = ("poetry", "hatch", "uv", "pdm", "pypirc")
    return Folders(
        config=user / "config.toml",
        data=user / "data",
        hosts=HostFolders(**{name: user / f"{name}.toml" for name in names}),
    )


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(TEXT)
    return folder


@pytest.fixture
def show(project, folders, tmp_path, heard):
    def show(**environment):
        runtime = Runtime(environment=environment, home=tmp_path, folders=folders, listener=heard.append)
        return show_config(project, runtime=runtime)

    return show


@pytest.fixture
def heard():
    return []


@pytest.fixture
def listed(project, folders, tmp_path, heard):
    def listed(directory=None, **environment):
        heard.clear()
        runtime = Runtime(environment=environment, home=tmp_path, folders=folders, listener=heard.append)
        rows = list_repositories(directory or project, runtime=runtime)
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    return listed


def test_shows_each_value_and_where_it_comes_from(show, folders, project):
    folders.config.write_text("[repositories.corp]\nurl = 'https://corp.example/legacy/'\nusername = 'me'\n")

    result = show(PUBLISH_ALL_REPOSITORIES_GITHUB_URL="containers.ghes.example/{owner}")

    shown = {each.key.removeprefix("tool.publish-all."): (plain(each.value), each.origin) for each in result}
    assert shown == {
        "publish-to": (["corp", "github"], "pyproject.toml:6"),
        "dist-dir": ("dist", "default"),
        "include-base": (False, "default"),
        "before-publish": ([], "default"),
        "build-environment": ([], "default"),
        "private": (True, "classifier 'Private ::'"),
        "compression": ("default", "default"),
        "version.source": ("git", "pyproject.toml:12"),
        "version.tag-prefix": ("v", "default"),
        "version.scheme": ("guess", "default"),
        "version.local": ("none", "default"),
        "version.dirty": ("allow", "default"),
        "version.shallow": ("error", "default"),
        "version.sync": (["a.py", {"path": "b.py", "pattern": "v {version}"}], "pyproject.toml:13"),
        "repositories.corp.kind": ("legacy", "default"),
        "repositories.corp.url": ("https://corp.example/legacy/", "pyproject.toml:9"),
        "repositories.corp.username": ("me", f"{folders.config}:3"),
        "repositories.corp.attestations": ("auto", "default"),
        "repositories.corp.trusted-publishing": ("auto", "default"),
        "repositories.github.kind": ("oci", "built in"),
        "repositories.github.url": (
            "containers.ghes.example/{owner}",
            "environment PUBLISH_ALL_REPOSITORIES_GITHUB_URL",
        ),
        "repositories.github.attestations": ("auto", "default"),
        "repositories.github.trusted-publishing": ("auto", "default"),
        "variant-defaults.layout": ({"packages/kindling": "kindling"}, "pyproject.toml:16"),
        "variants.synapse.extend-dependencies": (["azure"], "pyproject.toml:19"),
        "variants.synapse.tool": ({"poetry": {"packages": [{"include": "kindling"}]}}, "pyproject.toml:20"),
    }


def test_a_private_that_is_stated_has_its_line(show, project):
    (project / "pyproject.toml").write_text("[tool.publish-all]\nprivate = true\n")

    assert ("tool.publish-all.private", "pyproject.toml:2") in {(each.key, each.origin) for each in show()}


def test_a_platform_wheel_is_shown_by_its_tag(show, project):
    (project / "pyproject.toml").write_text("[tool.publish-all.wheels]\npy3-none-any = { include = ['a'] }\n")

    last = show()[-1]

    assert (last.key, plain(last.value)) == ("tool.publish-all.wheels.py3-none-any", {"include": ["a"]})


def test_a_variant_that_states_nothing_is_shown_all_the_same(show, project):
    (project / "pyproject.toml").write_text("[tool.publish-all.variants.a]\n")

    last = show()[-1]

    assert (last.key, plain(last.value), last.origin) == (
        "tool.publish-all.variants.a",
        {},
        "pyproject.toml:1",
    )


def test_an_unknown_destination_is_an_error(show, project):
    (project / "pyproject.toml").write_text("[tool.publish-all]\npublish-to = ['gihub']\n")

    with pytest.raises(
        ConfigurationError, match=r"pyproject\.toml:2: .*'gihub' found; did you mean 'github'\?"
    ):
        show()


def test_notes_are_passed_on(show, folders, heard):
    folders.hosts.poetry.write_text("[")

    show()
    assert "poetry.toml" in heard[0].message


def test_lists_the_repositories_of_the_project_first(listed, folders):
    rows = [tuple(each[key] for key in ("name", "also", "kind", "url", "origin")) for each in listed()]

    assert rows == [
        ("corp", "", "legacy", "https://corp.example/legacy/", "pyproject.toml:9"),
        ("pypi", "main", "legacy", "https://upload.pypi.org/legacy/", "built in"),
        ("testpypi", "test", "legacy", "https://test.pypi.org/legacy/", "built in"),
        ("github", "", "oci", "ghcr.io/{owner}", "built in"),
        ("releases", "", "github-release", "https://api.github.com/repos/{owner}/{repository}", "built in"),
        ("local", "", "directory", str(folders.data / "index"), "built in"),
    ]


def test_lists_names_that_are_refused_and_why(listed, folders, heard):
    folders.hosts.pypirc.write_text("[test]\nrepository = https://t.example/\n")

    result = listed()

    refused = [each.message for each in heard if "is ambiguous" in each.message]
    assert [each.partition(":")[0] for each in refused] == ["test"]
    assert {each["name"]: each["also"] for each in result}["testpypi"] == ""


def test_lists_outside_of_a_project(listed, tmp_path):
    rows = listed(tmp_path, POETRY_REPOSITORIES_CORP_URL="https://x/")

    assert [each["name"] for each in rows] == ["corp", "pypi", "testpypi", "github", "releases", "local"]
    assert rows[0]["origin"] == "environment POETRY_REPOSITORIES_CORP_URL"
