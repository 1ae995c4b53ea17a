from __future__ import annotations

from pathlib import Path

import pytest

from publish_all.config.load import label, load_project, ordered
from publish_all.config.model import Pin, ProjectConfig, VersionSource
from publish_all.errors import ConfigurationError, UsageError

BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def project(folder: Path, name: str, more: str = "", *, dependencies: tuple[str, ...] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = {[*dependencies]!r}\n{more}\n{BUILD}'
    (folder / "pyproject.toml").write_text(text)
    return folder


def members(root: Path, *names: str) -> list[str]:
    return [label(each) for each in load_project(root, names).members]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Three members, of which app needs spark, and spark needs core."""
    project(tmp_path / "packages/app", "app", dependencies=("acme.spark>=1",))
    project(tmp_path / "packages/core", "core")
    project(tmp_path / "packages/spark", "Acme-Spark", dependencies=("core",))
    (tmp_path / "packages/notes").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "stated",
    [
        '[tool.publish-all.workspace]\nmembers = ["packages/*"]',
        '[tool.uv.workspace]\nmembers = ["packages/*"]',
        '[tool.hatch.envs.default]\nworkspace.members = ["packages/app", {path = "packages/core"}, "packages/s*"]',
        """\
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
app = {path = "packages/app"}
[tool.poetry.group.dev.dependencies]
core = {path = "packages/core", develop = true}
spark = [{path = "packages/spark"}]
""",
    ],
)
def test_reads_workspaces_of_all_tools_in_the_order_of_dependencies(packages, stated):
    (packages / "pyproject.toml").write_text(stated)

    assert members(packages) == ["core", "Acme-Spark", "app"]
    assert members(packages / "packages/core") == ["core", "Acme-Spark", "app"]
    assert members(packages, "app", "acme_spark") == ["Acme-Spark", "app"]
    assert label(load_project(packages / "packages/core")) == "core"


def test_the_root_is_a_member_if_it_is_built_and_what_is_excluded_is_none(packages):
    project(packages, "whole", '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/app"]')

    assert members(packages) == ["whole", "core", "Acme-Spark"]
    assert load_project(packages / "packages/app").siblings() == ()


def test_applications_of_uv_and_poetry_are_not_built(packages):
    (packages / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]')
    (packages / "packages/app/pyproject.toml").write_text('[project]\nname = "app"\nversion = "1"')
    (packages / "packages/spark/pyproject.toml").write_text("[tool.poetry]\npackage-mode = false")

    assert members(packages) == ["core"]


def test_circles_through_extras_are_broken_there(packages):
    extras = '[project.optional-dependencies]\nall = ["acme-spark"]'
    project(packages / "packages/core", "core", extras)
    (packages / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]')

    assert members(packages) == ["core", "Acme-Spark", "app"]


def test_members_inherit_what_they_do_not_state(packages):
    (packages / "pyproject.toml").write_text(
        '[tool.publish-all]\npublish-to = ["shelf"]\nworkspace = { members = ["packages/*"], pin = "exact" }\n'
        '[tool.publish-all.repositories.shelf]\nkind = "directory"\nurl = "shelf"\n'
        '[tool.publish-all.version]\nsource = "attribute"\npath = "version.py"\nsync = ["docs/conf.py"]\n'
    )
    project(
        packages / "packages/spark",
        "spark",
        '[tool.publish-all]\npublish-to = ["testpypi"]\nversion = { tag-prefix = "spark-" }',
    )

    core, spark = load_project(packages / "packages/core"), load_project(packages / "packages/spark")

    assert core.publish_to == ("shelf",)
    assert core.repositories["shelf"].url == str(packages / "shelf")
    assert core.version.source is VersionSource.ATTRIBUTE
    assert (core.root / str(core.version.path)).resolve() == packages / "version.py"
    assert core.version.sync == ()
    assert core.pin is Pin.EXACT
    assert core.origins["tool.publish-all.publish-to"] == f"{packages / 'pyproject.toml'}:2"
    assert spark.publish_to == ("testpypi",)
    assert spark.version.tag_prefix == "spark-"
    assert spark.version.source is VersionSource.PROJECT
    run = load_project(packages, ())
    assert run.publish_to == ("shelf", "testpypi")


def test_without_a_version_table_each_member_has_tags_of_its_own(packages):
    (packages / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]')

    assert load_project(packages / "packages/core").version.tag_prefix == "core-v"


def test_two_members_cannot_have_one_name(packages):
    (packages / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["packages/*"]')
    project(packages / "packages/twin", "Acme.spark")
    with pytest.raises(ConfigurationError, match=r"'Acme\.spark' has the same name as .*packages.spark"):
        load_project(packages, ())


def test_what_is_not_a_workspace_says_so(packages):
    with pytest.raises(ConfigurationError, match="no workspace found in"):
        load_project(packages / "packages/core", ())
    (packages / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["packages/none"]')
    with pytest.raises(ConfigurationError, match="'packages/none' is not a folder"):
        load_project(packages, ())
    (packages / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["packages/*"]')
    with pytest.raises(UsageError, match=r"has no member 'cor'.*did you mean 'core'") as caught:
        load_project(packages, ("cor",))
    assert caught.value.hint == "Members: core, Acme-Spark, app"


def test_two_members_cannot_mean_different_repositories_by_one_name(packages):
    table = '[tool.publish-all.repositories.corp]\nurl = "https://{}.example/"'
    project(packages / "packages/core", "core", table.format("one"))
    project(packages / "packages/app", "app", table.format("two"))
    (packages / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]')

    with pytest.raises(ConfigurationError, match="the repository 'corp' has another URL"):
        load_project(packages, ())


def test_an_order_exists_for_every_graph():
    assert list(ordered({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == ["c", "b", "a"]
    assert ordered({"a": set(), "b": {"a"}}, {"a": {"b"}}) == {"a": frozenset(), "b": frozenset({"a"})}


def test_a_large_graph_is_ordered_at_once():
    names = [f"m{number:03}" for number in range(200)]
    needs = {name: {*names[max(0, place - 5) : place]} for place, name in enumerate(names)}

    assert list(ordered(dict(reversed(needs.items())))) == names


def test_a_project_alone_has_no_members(tmp_path):
    config: ProjectConfig = load_project(project(tmp_path, "demo"))

    assert config.projects == (config,)
    assert config.version.tag_prefix == "v"
