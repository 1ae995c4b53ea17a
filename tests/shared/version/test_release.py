"""What keeps a version from being published, and the step that makes a release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from publish_all.config.load import load_project
from publish_all.errors import UsageError, VersionError
from publish_all.version.change import carry_out, plan_release
from publish_all.version.guard import release_findings
from publish_all.version.version_source import resolve_version

GIT = '[tool.publish-all.version]\nsource = "git"\n'
DYNAMIC = '[project]\nname = "demo"\ndynamic = ["version"]\n'
STATIC = '[project]\nname = "demo"\nversion = "1.2.3"\n'


class Repository:
    """A repository of its own, with one commit of these files; `now` is its version."""

    def __init__(self, root: Path, states: Any, files: dict[str, str]) -> None:
        self.root = root
        self._states = states
        self.environment = states.environment
        root.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write(files)
        self.commit()

    def git(self, *arguments: str) -> str:
        return str(self._states.git(self.root, *arguments))

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.root / name).write_text(text)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "work")

    @property
    def config(self) -> Any:
        return load_project(self.root)

    def findings(self, **more: Any) -> list[str]:
        resolved = resolve_version(self.config, environment=self.environment)
        options = {"pypi": True, "ask_remote": False, "environment": self.environment} | more
        return [f"{each.slug}: {each.message}" for each in release_findings(self.config, resolved, **options)]

    def release(self, version: str, current: str | None = None) -> Any:
        now = Version(current) if current else None
        plan = plan_release(self.config, version, current=now, environment=self.environment)
        carry_out(self.config, plan, environment=self.environment)
        return plan


@pytest.fixture
def make(tmp_path: Path, git_states: Any) -> Any:
    def repository(name: str = "work", **files: str) -> Repository:
        names = {key.replace("__", "."): text for key, text in files.items()}
        return Repository(tmp_path / name, git_states, names)

    return repository


def test_nothing_speaks_against_a_tagged_clean_tree(make: Any) -> None:
    repository = make(pyproject__toml=DYNAMIC + GIT)
    repository.git("tag", "v1.2.3")
    assert repository.findings() == []


def test_a_project_outside_git_is_not_held_up(tmp_path: Path, git_states: Any) -> None:
    (tmp_path / "pyproject.toml").write_text(STATIC)
    config = load_project(tmp_path)
    resolved = resolve_version(config, environment={})
    assert release_findings(config, resolved, pypi=True, environment=git_states.environment) == ()


def test_a_dirty_tree_is_refused_for_pypi_unless_allowed(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    repository.write({"pyproject.toml": STATIC + "\n"})
    assert repository.findings() == ["dirty-tree: there are uncommitted changes"]
    assert repository.findings(allow_dirty=True) == []
    assert repository.findings(pypi=False) == []


def test_places_that_disagree_are_named(make: Any) -> None:
    table = '[tool.publish-all.version]\nsync = ["demo.py"]\n'
    repository = make(pyproject__toml=STATIC + table, demo__py='\n__version__ = "1.2.2"\n')
    assert repository.findings() == ["version-differs: demo.py:2 has 1.2.2, but the version is 1.2.3"]


def test_places_of_a_git_version_are_compared_only_where_it_is_tagged(make: Any) -> None:
    table = GIT + 'sync = ["demo.py"]\n'
    repository = make(pyproject__toml=DYNAMIC + table, demo__py='__version__ = "1.2.2"\n')
    repository.git("tag", "v1.2.3")
    assert repository.findings() == ["version-differs: demo.py:1 has 1.2.2, but the version is 1.2.3"]
    repository.commit()
    assert repository.findings() == []


def test_a_tag_of_head_that_says_otherwise(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    repository.git("tag", "v1.2.4")
    assert repository.findings() == [
        "tag-says-otherwise: HEAD has the tag v1.2.4, but the version is 1.2.3 (project)"
    ]


@pytest.mark.parametrize(
    ("pyproject", "depth", "expected"),
    [
        ('[tool.hatch.version]\nsource = "vcs"\n', ("--depth", "1"), ["PA237"]),
        ('[tool.hatch.version]\nsource = "vcs"\n', (), []),
        ('[tool.hatch.version]\npath = "demo.py"\n', ("--depth", "1"), []),
    ],
)
def test_a_version_that_the_backend_counts_in_a_shallow_clone_is_refused(
    make, tmp_path, pyproject, depth, expected
):
    hatchling = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    repository = make(pyproject__toml=DYNAMIC + hatchling + pyproject, demo__py='__version__ = "0.1.dev1"\n')
    repository.git("tag", "v1.0")
    repository.commit()
    repository.git("clone", "--quiet", *depth, repository.root.as_uri(), str(tmp_path / "clone"))
    config, environment = load_project(tmp_path / "clone"), repository.environment
    resolved = resolve_version(config, environment=environment, ask_backend=lambda: "0.1.dev1")
    found = release_findings(config, resolved, pypi=True, ask_remote=False, environment=environment)
    assert [each.code for each in found] == expected


def test_a_commit_after_the_tag_of_its_version(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    repository.git("tag", "-a", "v1.2.3", "-m", "released")
    tagged = repository.git("rev-parse", "HEAD").strip()
    repository.commit()
    head = repository.git("rev-parse", "HEAD").strip()
    says = f"tag-elsewhere: the tag v1.2.3 is on the commit {tagged[:9]}, but HEAD is {head[:9]}"
    assert repository.findings() == [says]
    repository.git("tag", "v1.2.4")
    assert repository.findings() == [
        "tag-says-otherwise: HEAD has the tag v1.2.4, but the version is 1.2.3 (project)"
    ]
    repository.git("tag", "-d", "v1.2.4")
    repository.write({"pyproject.toml": STATIC.replace("1.2.3", "1.2.4")})
    repository.commit()
    assert repository.findings() == []


def test_the_tag_on_the_remote(make: Any) -> None:
    origin = make("origin", pyproject__toml=STATIC)
    repository = make(pyproject__toml=STATIC)
    repository.git("tag", "v1.2.3")
    assert repository.findings(ask_remote=True) == []

    repository.git("remote", "add", "origin", str(origin.root))
    assert repository.findings(ask_remote=True) == [
        "tag-not-pushed: the remote origin does not have the tag v1.2.3"
    ]

    repository.git("push", "--quiet", "origin", "v1.2.3")
    assert repository.findings(ask_remote=True) == []

    repository.git("tag", "-f", "-a", "-m", "again", "v1.2.3")
    (found,) = repository.findings(ask_remote=True)
    assert found.startswith("tag-differs-from-remote: the tag v1.2.3 is ")

    repository.git("remote", "set-url", "origin", str(origin.root / "nowhere"))
    (found,) = repository.findings(ask_remote=True)
    assert found.startswith(
        "remote-not-asked: the tag v1.2.3 could not be checked on the remote origin: fatal:"
    )


def test_a_release_writes_commits_and_tags(make: Any) -> None:
    table = '[tool.publish-all.version]\nsource = "attribute"\npath = "demo.py"\nsync = ["other.toml"]\n'
    repository = make(
        pyproject__toml=DYNAMIC + table,
        demo__py='__version__ = "1.2.3"\n',
        other__toml='project.version = "1.0"\n',
    )
    plan = repository.release("v1.3.0", current="1.2.3")
    assert (plan.tag, plan.since, plan.commit_message, plan.tag_message) == (
        "v1.3.0",
        None,
        "Release 1.3.0",
        "demo 1.3.0",
    )
    assert [each.where for each in plan.changes] == ["demo.py:1", "other.toml:1"]
    assert plan.push == "git push --atomic origin main v1.3.0"
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("show", "HEAD:demo.py") == '__version__ = "1.3.0"'
    assert repository.git("show", "HEAD:other.toml") == 'project.version = "1.3.0"'
    assert repository.git("cat-file", "-t", "v1.3.0") == "tag"
    assert repository.git("rev-parse", "v1.3.0^{}") == repository.git("rev-parse", "HEAD")
    assert repository.findings() == []


def test_the_first_release_of_a_git_version_is_a_tag_alone(make: Any) -> None:
    repository = make(pyproject__toml=DYNAMIC + GIT)
    before = repository.git("rev-parse", "HEAD")
    plan = repository.release("0.1.0")
    assert plan.changes == ()
    assert repository.git("rev-parse", "v0.1.0^{}") == before
    assert resolve_version(repository.config, environment=repository.environment).text == "0.1.0"


def test_tags_go_on_as_the_last_was_written(make: Any) -> None:
    repository = make(pyproject__toml=DYNAMIC + GIT)
    repository.git("tag", "0.1.0")
    repository.commit()
    assert repository.release("0.2.0").tag == "0.2.0"


def test_a_literal_prefix_stays(make: Any) -> None:
    repository = make(pyproject__toml=DYNAMIC + GIT + 'tag-prefix = "core-"\n')
    repository.git("tag", "v9.0")
    assert repository.release("0.2.0").tag == "core-0.2.0"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.3.0", "1.3.0 is not higher than 1.3.0, which was released as v1.3.0"),
        ("1.3", "1.3 is not higher than 1.3.0, which was released as v1.3.0"),
        ("1.3.0rc1", "1.3.0rc1 is not higher than 1.3.0"),
        ("2.0", "the tag 2.0.0 already exists"),
        ("1.4.0+x", "1.4.0+x is a local version"),
        ("next", "'next' is not a PEP 440 version"),
    ],
)
def test_a_release_refuses_versions(version: str, message: str, make: Any) -> None:
    repository = make(pyproject__toml=DYNAMIC + GIT)
    repository.git("tag", "v1.3.0")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit()
    repository.git("tag", "2.0.0")
    repository.git("checkout", "--quiet", "main")
    with pytest.raises(UsageError) as caught:
        repository.release(version)
    assert message in str(caught.value)


def test_a_release_refuses_to_go_back(make: Any) -> None:
    with pytest.raises(UsageError, match=r"1\.2\.2 is lower than the current version 1\.2\.3"):
        make(pyproject__toml=STATIC).release("1.2.2", current="1.2.3")


def test_what_is_written_but_not_tagged_may_be_released(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    assert repository.release("1.2.3", current="1.2.3").changes == ()
    assert repository.findings() == []


def test_a_release_refuses_a_dirty_tree(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    repository.write({"pyproject.toml": STATIC + "\n"})
    with pytest.raises(UsageError, match="uncommitted changes"):
        repository.release("1.3.0", current="1.2.3")


def test_a_release_needs_a_repository_with_a_commit(tmp_path: Path, git_states: Any) -> None:
    (tmp_path / "pyproject.toml").write_text(STATIC)
    config = load_project(tmp_path)
    with pytest.raises(VersionError, match="nothing to tag"):
        plan_release(config, "1.3.0", current=None, environment=git_states.environment)
    git_states.git(tmp_path, "init", "--quiet")
    with pytest.raises(VersionError, match="no commit to tag yet"):
        plan_release(config, "1.3.0", current=None, environment=git_states.environment)


@pytest.mark.skipif("WINEPREFIX" in os.environ, reason="the host's git runs no hook that wine has made")
def test_a_commit_that_is_refused_leaves_everything_as_it_was(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    hook = repository.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    before = repository.git("rev-parse", "HEAD")
    with pytest.raises(VersionError, match="git commit failed, and the files were restored: not today"):
        repository.release("1.3.0", current="1.2.3")
    assert (repository.root / "pyproject.toml").read_text() == STATIC
    assert repository.git("status", "--porcelain") == ""
    assert (repository.git("rev-parse", "HEAD"), repository.git("tag")) == (before, "")


def test_git_that_does_not_know_who_commits_is_told_how(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    repository.git("config", "user.useConfigOnly", "true")
    who = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    repository.environment = {name: each for name, each in repository.environment.items() if name not in who}
    with pytest.raises(VersionError) as caught:
        repository.release("1.3.0", current="1.2.3")
    assert "git config --global user.email" in (caught.value.hint or "")


def test_a_plan_changes_nothing(make: Any) -> None:
    repository = make(pyproject__toml=STATIC)
    plan_release(repository.config, "1.3.0", current=Version("1.2.3"), environment=repository.environment)
    assert (repository.root / "pyproject.toml").read_text() == STATIC
    assert repository.git("tag") == ""
