from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.state import CheckoutState, state_of
from publish_all.config.folders import usual_folders


def checkout(root: Path) -> Path:
    root.mkdir(parents=True)
    return root


def of(root: Path, state: Path | None, *, make: bool = True) -> CheckoutState:
    folders = replace(usual_folders(environment={}, home=root), state=state)
    return state_of(root, Runtime(environment={}, home=root, folders=folders), make=make)


def test_lies_outside_of_the_checkout_and_is_the_users_own(tmp_path: Path) -> None:
    root = checkout(tmp_path / "demo")
    state = of(root, tmp_path / "state" / "publish-all")
    assert state.problem is None
    assert state.journal is not None
    assert state.journal.is_relative_to(tmp_path / "state")
    assert state.folder.name.startswith("demo-")
    assert list(root.iterdir()) == []
    if os.name == "posix":
        assert state.folder.stat().st_mode & 0o777 == 0o700
        assert state.folder.parent.stat().st_mode & 0o777 == 0o700


def test_two_checkouts_of_one_project_have_two(tmp_path: Path) -> None:
    first, second = checkout(tmp_path / "a" / "demo"), checkout(tmp_path / "b" / "demo")
    assert of(first, tmp_path / "state").folder != of(second, tmp_path / "state").folder


@pytest.mark.posix("links")
def test_a_checkout_has_one_by_whatever_path_it_is_reached(tmp_path: Path) -> None:
    root = checkout(tmp_path / "demo")
    (tmp_path / "link").symlink_to(root)
    assert of(root, tmp_path / "state") == of(tmp_path / "link", tmp_path / "state")


def test_each_output_folder_has_a_manifest_of_its_own(tmp_path: Path) -> None:
    state = of(checkout(tmp_path / "demo"), tmp_path / "state")
    assert state.manifest(tmp_path / "demo" / "dist") != state.manifest(tmp_path / "out")


def test_nothing_is_made_by_a_look(tmp_path: Path) -> None:
    assert of(checkout(tmp_path / "demo"), tmp_path / "state", make=False).problem is None
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("state", [None, Path("~/.local/state/publish-all")])
def test_without_a_home_there_is_none(tmp_path: Path, state: Path | None) -> None:
    found = of(checkout(tmp_path / "demo"), state)
    assert found.problem is not None
    assert (found.journal, found.lock, found.manifest(tmp_path)) == (None, None, None)


def test_one_inside_of_the_repository_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = checkout(tmp_path / "members" / "demo")
    assert "inside the checkout" in (of(root, tmp_path / ".local" / "state").problem or "")


@pytest.mark.posix("modes")
def test_one_that_others_may_write_to_is_not_ours(tmp_path: Path) -> None:
    root = checkout(tmp_path / "demo")
    of(root, tmp_path / "state").folder.chmod(0o777)
    assert "other users can write" in (of(root, tmp_path / "state").problem or "")


def test_one_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    root = checkout(tmp_path / "demo")
    (tmp_path / "state").write_text("a file")
    problem = of(root, tmp_path / "state").problem or ""
    assert str(tmp_path / "state") in problem
    assert "cannot be used" in problem
