"""What is around a repository: worktrees, owners, missing programs, and how little is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from publish_all import _process
from publish_all._process import Completed
from publish_all.config.parse import parse_project
from publish_all.errors import VersionError
from publish_all.version.git import Described, NoRepository, describe
from publish_all.version.version_source import resolve_version


class Recorder:
    """Runs git, and keeps the commands. `also` is added to its environment."""

    def __init__(self, also: Mapping[str, str] | None = None) -> None:
        self.commands: list[Sequence[str]] = []
        self._also = also or {}

    def __call__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        self.commands.append(command)
        return _process.run(
            command, cwd=cwd, environment={**(environment or {}), **self._also}, timeout=timeout
        )


def no_git(command: Sequence[str], **_: Any) -> Completed:
    raise FileNotFoundError(2, "No such file", command[0])


def slow_git(command: Sequence[str], **_: Any) -> Completed:
    raise TimeoutError("git did not end within 60 s")


def settings(root: Path, **more: object) -> Any:
    table = {"publish-all": {"version": {"source": "git", **more}}}
    return parse_project({"project": {"name": "demo", "dynamic": ["version"]}, "tool": table}, root=root)


def version(root: Path, states: Any, run: Any = _process.run, **more: object) -> str:
    return resolve_version(settings(root, **more), environment=states.environment, run=run).text


@pytest.mark.parametrize(
    ("tags", "counts"),
    [
        ({"v1.2.3": "c3"}, ["rev-list"]),
        ({"v1.2.3": "c3", "1-x": "c4", "2-yy": "c5", "3-zzz": "c5"}, ["rev-list"]),
        ({"v1.2.3": "c5"}, []),
        ({}, []),
    ],
)
def test_four_processes_are_enough(
    tags: dict[str, str], counts: list[str], tmp_path: Path, git_states: Any
) -> None:
    root = git_states.make(tmp_path, head="c5", tags=tags)
    run = Recorder()
    describe(root, prefix="v", environment=git_states.environment, run=run)
    assert [command[1] for command in run.commands] == ["rev-parse", "show-ref", "describe", *counts]


def test_the_nearest_tag_is_not_what_describe_says(tmp_path: Path, git_states: Any) -> None:
    def other_git(command: Sequence[str], **options: Any) -> Completed:
        done = _process.run(command, **options)
        return done._replace(stdout=re.sub(r"^v2\.0-\d+-g", "v1.1-5-g", done.stdout))

    root = git_states.make(tmp_path, head="m1", tags={"v2.0": "c8", "v1.1": "s2"})
    assert version(root, git_states, run=other_git) == version(root, git_states)


def test_the_distance_is_not_what_describe_says(tmp_path: Path, git_states: Any) -> None:
    def other_git(command: Sequence[str], **options: Any) -> Completed:
        done = _process.run(command, **options)
        return done._replace(stdout=done.stdout.replace("-2-g", "-7-g"))

    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c3"})
    assert version(root, git_states, run=other_git) == version(root, git_states)


def test_thousands_of_tags_that_are_none_fit_on_a_command_line(tmp_path: Path, git_states: Any) -> None:
    tags = {f"2026-{n // 28 + 1:04}-{n % 28 + 1:02}-nightly": f"c{n % 3 + 3}" for n in range(3000)}
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c2"})
    packed = "".join(
        f"{git_states.commits[commit]} refs/tags/{tag}\n" for tag, commit in sorted(tags.items())
    )
    (root / ".git/packed-refs").write_text(f"# pack-refs with: sorted \n{packed}")
    run = Recorder()
    said = describe(root, prefix="v", environment=git_states.environment, run=run)
    assert isinstance(said, Described)
    assert (said.tag, said.distance) == ("v1.2.3", 3)
    assert max(len(" ".join(command)) for command in run.commands) < 400


def test_nothing_is_written_into_the_tree(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c3"})
    (root / "at").touch()

    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in root.rglob("*") if ".git" not in path.parts}

    before = times()
    version(root, git_states)
    assert times() == before


def test_linked_worktree(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path / "main", head="c5", tags={"v1.2.3": "c3"})
    git_states.git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "HEAD")
    assert (tmp_path / "linked/.git").is_file()
    assert version(tmp_path / "linked", git_states) == "1.2.4.dev2"


def test_linked_worktree_of_a_shallow_clone(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path / "main", head="c5", tags={"v1.2.3": "c3"}, shallow=("c4",))
    git_states.git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "HEAD")
    with pytest.raises(VersionError) as caught:
        version(tmp_path / "linked", git_states)
    assert "fetch-depth: 0" in str(caught.value.hint)


def test_a_shallow_clone_as_git_makes_it(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path / "origin", head="c5", tags={"v1.2.3": "c3"})
    git_states.git(tmp_path, "clone", "--quiet", "--depth", "2", root.as_uri(), "clone")
    with pytest.raises(VersionError, match="shallow"):
        version(tmp_path / "clone", git_states)
    git_states.git(tmp_path / "clone", "fetch", "--quiet", "--unshallow", "--tags")
    assert version(tmp_path / "clone", git_states) == "1.2.4.dev2"


def test_submodule(tmp_path: Path, git_states: Any) -> None:
    inner = git_states.make(tmp_path / "inner", head="c5", tags={"v1.2.3": "c3"})
    outer = git_states.make(tmp_path / "outer", head="c3", tags={"v9.9": "c3"})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    git_states.git(outer, *add)
    assert version(outer / "sub", git_states) == "1.2.4.dev2"


def test_a_worktree_whose_repository_is_gone(tmp_path: Path, git_states: Any) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n")
    with pytest.raises(VersionError, match="git does not accept") as caught:
        version(tmp_path, git_states, fallback="0.1")
    assert "copied without its repository" in str(caught.value.hint)


def test_another_owner(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c5"})
    run = Recorder({"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    with pytest.raises(VersionError, match="belongs to another user") as caught:
        version(root, git_states, run, fallback="0.1")
    assert f"git config --global --add safe.directory {root}" in str(caught.value.hint)


def test_another_owner_of_the_repository_around_an_unpacked_sdist(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c5"})
    (root / "new").mkdir()
    (root / "new/PKG-INFO").write_text("Name: demo\nVersion: 4.5\n")
    assert version(root / "new", git_states, Recorder({"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})) == "4.5"


def test_no_git_beside_a_repository_is_an_error_even_with_a_fallback(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path, head="c5", tags={"v1.2.3": "c5"})
    with pytest.raises(VersionError, match="no program git on PATH") as caught:
        version(root, git_states, no_git, fallback="0.1")
    assert "PUBLISH_ALL_VERSION" in str(caught.value.hint)


def test_no_git_and_no_repository(tmp_path: Path, git_states: Any) -> None:
    assert version(tmp_path, git_states, no_git, fallback="0.1") == "0.1"
    with pytest.raises(VersionError, match="no program git on PATH"):
        version(tmp_path, git_states, no_git)


def test_a_git_that_hangs_is_an_error(tmp_path: Path, git_states: Any) -> None:
    said = describe(tmp_path, prefix="v", environment=git_states.environment, run=slow_git)
    assert isinstance(said, NoRepository)
    assert said.problem is not None
    assert "did not end" in said.problem.message


def test_no_repository_at_all(tmp_path: Path, git_states: Any) -> None:
    with pytest.raises(VersionError, match="not in a git repository"):
        version(tmp_path, git_states)


def test_what_git_says_is_shown_without_control_characters(tmp_path: Path) -> None:
    def broken(command: Sequence[str], **_: Any) -> Completed:
        return Completed(returncode=128, stdout="", stderr="fatal: \x1b[31mbad\x07\nmore")

    said = describe(tmp_path, prefix="v", environment={}, run=broken)
    assert isinstance(said, NoRepository)
    assert said.reason == "git rev-parse failed (128): fatal:  [31mbad  more"


def test_a_linked_folder_is_the_folder(tmp_path: Path, git_states: Any) -> None:
    root = git_states.make(tmp_path / "real", head="c5", tags={"v1.2.3": "c5"})
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    assert version(tmp_path / "link", git_states) == "1.2.3"
