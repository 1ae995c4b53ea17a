"""Tags that are not what they seem: renamed ones, ones that lead nowhere, and higher ones that are further away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from publish_all import _process
from publish_all._process import Completed
from publish_all.config.load import load_project
from publish_all.config.parse import parse_project
from publish_all.errors import UsageError
from publish_all.version.change import plan_release
from publish_all.version.git import Described, Untagged, describe
from publish_all.version.version_source import ResolvedVersion, resolve_version, version_for_build

NOWHERE = "1234567890123456789012345678901234567890"
VALUES = {
    "project": {"name": "demo", "dynamic": ["version"]},
    "tool": {"publish-all": {"version": {"source": "git"}}},
}


def said(root: Path, states: Any) -> Described:
    found = describe(root, prefix="v", environment=states.environment, run=_process.run)
    assert isinstance(found, Described)
    return found


def resolved(root: Path, states: Any) -> ResolvedVersion:
    return resolve_version(parse_project(VALUES, root=root), environment=states.environment)


def renamed(root: Path, states: Any, old: str, new: str, commit: str) -> None:
    """As `git tag NEW OLD; git tag -d OLD` does: the tag object still has the old name."""
    states.git(root, "tag", "-a", "-m", "x", old, states.commits[commit])
    states.git(root, "update-ref", f"refs/tags/{new}", f"refs/tags/{old}")
    states.git(root, "tag", "-d", old)


@pytest.mark.parametrize("old", ["v.1.2.3", "release", "v9.9", "v1.2.3-final-2"])
def test_a_tag_counts_by_the_name_of_its_ref(old: str, tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.0": "c1"})
    renamed(root, git_states, old, "v1.2.3", "c3")
    found = said(root, git_states)
    assert (found.tag, found.version, found.distance) == ("v1.2.3", Version("1.2.3"), 2)


def test_git_before_2_26_says_it_in_other_words(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.0": "c1"})
    renamed(root, git_states, "release", "v1.2.3", "c3")

    def old_git(command: Any, **options: Any) -> Completed:
        done = _process.run(command, **options)
        words = re.sub(
            r"tag '(.+)' is externally known as '(.+)'", r"tag '\2' is really '\1' here", done.stderr
        )
        return done._replace(stderr=words)

    found = describe(root, prefix="v", environment=git_states.environment, run=old_git)
    assert isinstance(found, Described)
    assert (found.tag, found.distance) == ("v1.2.3", 2)


def test_a_renamed_tag_beside_another_that_has_its_old_name(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={})
    renamed(root, git_states, "v1.0", "v2.0", "c3")
    git_states.git(root, "tag", "-a", "-m", "x", "v1.0", git_states.commits["c1"])
    found = said(root, git_states)
    assert (found.tag, found.distance, found.higher) == ("v2.0", 2, None)


def test_a_tag_that_was_renamed_away_from_a_version_is_none(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={})
    renamed(root, git_states, "v1.0", "withdrawn", "c3")
    found = describe(root, prefix="v", environment=git_states.environment, run=_process.run)
    assert isinstance(found, Untagged)


@pytest.mark.parametrize("content", [NOWHERE + "\n", "garbage\n", ""])
@pytest.mark.parametrize("name", ["v0.1", "v9.9", "other"])
def test_a_broken_tag_does_not_matter(name: str, content: str, tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(
        tmp_path,
        head="c5",
        tags={"v1.2.3": "c3", "v1.2.2": "c3", "v1.0": "c1", "v0.9-x": "c4"},
        annotated=("v1.2.3", "v1.0"),
    )
    (root / ".git/refs/tags" / name).write_text(content)
    found = said(root, git_states)
    assert (found.tag, found.distance, found.beside) == ("v1.2.3", 2, ("v1.2.2",))
    assert resolved(root, git_states).text == "1.2.4.dev2"


def test_a_broken_branch_does_not_matter(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c5"})
    (root / ".git/refs/heads/other").write_text(NOWHERE + "\n")
    assert resolved(root, git_states).text == "1.2.3"


def test_a_release_sees_all_tags_beside_a_broken_one(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c3", "v2.0": "c8"})
    (root / ".git/refs/tags/v0.1").write_text(NOWHERE + "\n")
    (root / "pyproject.toml").write_text(
        '[project]\nname = "demo"\ndynamic = ["version"]\n[tool.publish-all.version]\nsource = "git"\n'
    )
    git_states.git(root, "commit", "--quiet", "-am", "x")
    with pytest.raises(UsageError, match=r"the tag v2\.0 already exists"):
        plan_release(load_project(root), "2.0", current=None, environment=git_states.environment)


def test_a_merged_release_branch_is_told(
    tmp_path: Path, git_states: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """m1 merges s2, which is nearer, into the main branch after c8."""
    root = git_states.make(tmp_path, head="m1", tags={"v1.2.0": "c4", "v1.2.1": "s2", "v1.3.0a1": "c5"})
    found = resolved(root, git_states)
    assert found.tag == "v1.2.1"
    assert found.note is not None
    assert "v1.3.0a1, which is higher" in found.note
    assert "higher version before it: v1.3.0a1" in found.explanation
    assert version_for_build(VALUES, root, environment=git_states.environment) == found.text
    assert capsys.readouterr().err == f"publish-all: {found.note}\n"


@pytest.mark.parametrize(
    "tags",
    [
        {"v1.2.0": "c4", "v1.2.1": "c5"},
        {"v1.2.1": "c5", "v2.0": "c6"},  # after HEAD
        {"v1.2.1": "c5", "v2.0": "s2"},  # on another branch
        {"v1.2.1": "c5", "core-v2.0": "c3", "2.0-nightly": "c3"},  # no versions of this project
    ],
)
def test_other_tags_are_no_reason_for_a_note(tags: dict[str, str], tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags=tags)
    found = resolved(root, git_states)
    assert (found.text, found.note) == ("1.2.1", None)


def test_more_is_asked_only_where_a_higher_tag_exists(tmp_path: Path, git_states: Any) -> None:
    asked: list[str] = []

    def run(command: Any, **more: Any) -> Completed:
        asked.append(command[1])
        return _process.run(command, **more)

    root = git_states.make(tmp_path, head="c5", tags={"v1.2.1": "c3"} | {f"v2.{n}": "c6" for n in range(200)})
    describe(root, prefix="v", environment=git_states.environment, run=run)
    assert asked == ["rev-parse", "show-ref", "describe", "rev-list", "for-each-ref"]


@pytest.mark.parametrize(
    ("tag", "higher"),
    [
        *((each, True) for each in ("v1.10", "1.2.1.post1", "v1.2.1+local", "1!0.1", "2")),
        *((each, False) for each in ("1.2.1.0", "v1.2.1rc1", "1.2", "v2-x", "w3.0")),
    ],
)
def test_higher_tags_are_those_of_higher_versions(
    tag: str, higher: bool, tmp_path: Path, git_states: Any
) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.1": "c5", tag: "c3"})
    assert said(root, git_states).higher == (tag if higher else None)
