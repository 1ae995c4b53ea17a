"""`version --all`: one version for all members, or each its own; one commit for all that are released."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from publish_all.commands.build import list_variants
from publish_all.commands.context import Runtime
from publish_all.commands.version import VersionOptions, versions
from publish_all.errors import UsageError, VersionError

BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Of core 1.0 and app 2.0, where tags begin with their names."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "a@example.org")
    for name, version in (("core", "1.0"), ("core-v2", "3.0"), ("app", "2.0")):
        (tmp_path / name).mkdir()
        text = f'[project]\nname = "{name}"\nversion = "{version}"\n{BUILD}'
        (tmp_path / name / "pyproject.toml").write_text(text)
    (tmp_path / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["*"]\n')
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


def told(root: Path, *names: str, **more: object) -> dict[str, str]:
    options = VersionOptions(directory=root, members=names, **more)
    return {name: result.text for name, result in versions(options)}


def test_each_member_has_its_own(workspace):
    assert told(workspace) == {"app": "2.0", "core": "1.0", "core-v2": "3.0"}
    assert told(workspace, "core") == {"core": "1.0"}
    assert told(workspace, check=True) == told(workspace)


def test_the_root_alone_says_how_to_ask_for_its_members(workspace):
    with pytest.raises(VersionError) as caught:
        versions(VersionOptions(directory=workspace))
    assert "--all" in (caught.value.hint or "")


def test_a_release_is_one_commit_with_a_tag_for_each(workspace):
    seen = []
    before = git(workspace, "rev-list", "--count", "HEAD").strip()

    assert told(workspace, "core", "app", release="4.0", confirm=lambda plan: not seen.append(plan))

    assert git(workspace, "tag").split() == ["app-v4.0", "core-v4.0"]
    assert git(workspace, "rev-list", "--count", "HEAD").strip() == str(int(before) + 1)
    assert git(workspace, "log", "-1", "--format=%s").strip() == "Release app 4.0, core 4.0"
    (plan,) = seen
    assert plan.push.endswith(" app-v4.0 core-v4.0")
    assert told(workspace) == {"app": "4.0", "core": "4.0", "core-v2": "3.0"}


def test_members_with_one_tag_and_versions_in_one_file_are_released_together(workspace):
    (workspace / "versions.txt").write_text("core 1.0\napp 2.0\n")
    for name in ("core", "app"):
        file = workspace / name / "pyproject.toml"
        sync = f'sync = [{{ path = "../versions.txt", pattern = "{name} {{version}}" }}]'
        file.write_text(file.read_text() + f'[tool.publish-all.version]\ntag-prefix = "v"\n{sync}\n')
    commit(workspace)
    seen = []

    told(workspace, "core", "app", release="4.0", confirm=lambda plan: not seen.append(plan))

    assert git(workspace, "tag", "-n").split(maxsplit=1) == ["v4.0", "app 4.0, core 4.0\n"]
    assert (workspace / "versions.txt").read_text() == "core 4.0\napp 4.0\n"
    assert git(workspace, "status", "--porcelain") == ""
    (plan,) = seen
    assert plan.push.endswith(" v4.0")
    assert plan.push.count("v4.0") == 1
    assert [each.path for each in plan.changes] == ["app/pyproject.toml", "versions.txt"]


def test_what_is_released_already_is_left_out(workspace):
    told(workspace, "core", release="4.0")

    told(workspace, "core", "core-v2", release="4.0")

    assert git(workspace, "tag").split() == ["core-v2-v4.0", "core-v4.0"]
    with pytest.raises(UsageError, match="already"):
        told(workspace, "core", release="4.0")


def test_tags_of_one_member_do_not_count_for_another(workspace):
    git(workspace, "tag", "core-v2-v9.0")
    git(workspace, "tag", "core-v1.0")

    (core,) = versions(VersionOptions(directory=workspace, members=("core",), release="1.1", dry_run=True))
    (other,) = versions(
        VersionOptions(directory=workspace, members=("core-v2",), release="9.1", dry_run=True)
    )

    assert core[1].release.since == "core-v1.0"
    assert other[1].release.since == "core-v2-v9.0"


@pytest.mark.parametrize("root_is_project", [True, False])
def test_one_version_for_all_is_written_everywhere(workspace, root_is_project):
    project = f'[project]\nname = "whole"\nversion = "1.0"\n{BUILD}' if root_is_project else ""
    (workspace / "pyproject.toml").write_text(
        f'[tool.publish-all]\nworkspace = {{ members = ["core", "app"] }}\nversion = {{ tag-prefix = "v" }}\n{project}'
    )
    commit(workspace)
    findings = {name: result.exit_code for name, result in run(workspace, check=True)}
    assert findings == ({"whole": 4} if root_is_project else {"core": 4})

    told(workspace, release="5.0")

    assert git(workspace, "tag").split() == ["v5.0"]
    assert {*told(workspace).values()} == {"5.0"}
    assert [result.exit_code for _, result in run(workspace, check=True)] == [0]


def run(root: Path, **more: object):
    return versions(VersionOptions(directory=root, members=(), **more))


def test_a_version_from_git_is_tagged_once(workspace):
    (workspace / "pyproject.toml").write_text(
        '[tool.publish-all]\nworkspace = { members = ["core", "app"] }\nversion = { source = "git" }\n'
    )
    for name in ("core", "app"):
        (workspace / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\ndynamic = ["version"]\n{BUILD}[tool.hatch.version]\nsource = "publish-all"\n'
        )
    commit(workspace)

    told(workspace, release="5.0")

    assert git(workspace, "tag").split() == ["v5.0"]
    assert told(workspace) == {"app": "5.0", "core": "5.0"}


def test_a_release_requires_the_last_release_of_a_member_between_tags(workspace):
    (workspace / "pyproject.toml").write_text('[tool.publish-all.workspace]\nmembers = ["core", "app"]\n')
    for name, requires in (("core", []), ("app", ["core"])):
        (workspace / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\ndynamic = ["version"]\ndependencies = {requires}\n{BUILD}'
            f'[tool.publish-all.version]\nsource = "git"\ntag-prefix = "{name}-v"\n'
        )
    commit(workspace)
    git(workspace, "tag", "core-v1.4.0")
    git(workspace, "commit", "-q", "--allow-empty", "-m", "y")

    def required() -> list[str]:
        (found,) = list_variants(workspace / "app", runtime=Runtime())
        return found[0].pyproject["project"]["dependencies"]

    git(workspace, "tag", "app-v1.0")
    assert required() == ["core>=1.4,<2"]
    git(workspace, "commit", "-q", "--allow-empty", "-m", "z")
    assert required() == ["core>=1.4.1.dev2,<2"]
