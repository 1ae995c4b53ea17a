"""In which environment git runs: for our questions, for a build backend, and for the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from publish_all._git import ask_git, git_environment, user_environment, worker_environment

OF_THE_USER = {
    "PATH": "p",
    "HOME": "/h",
    "SUDO_UID": "1000",
    "GIT_CONFIG_GLOBAL": "c",
    "GIT_EXEC_PATH": "e",
    "GIT_CEILING_DIRECTORIES": "/up",
}
OF_A_HOOK = {
    "GIT_DIR": "d",
    "GIT_INDEX_FILE": "i",
    "GIT_WORK_TREE": "w",
    "GIT_CONFIG_PARAMETERS": "'core.fsmonitor=x'",
}
COMMANDS = {
    "GIT_EXTERNAL_DIFF": "x",
    "GIT_SSH_COMMAND": "x",
    "GIT_ASKPASS": "x",
    "GIT_PAGER": "less",
    "GIT_TRACE": "1",
}


def settings(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """What git reads in GIT_CONFIG_COUNT and the variables that it counts, and no more of them."""
    count = int(environment["GIT_CONFIG_COUNT"])
    assert f"GIT_CONFIG_KEY_{count}" not in environment
    return [(environment[f"GIT_CONFIG_KEY_{n}"], environment[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]


OURS = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("safe.bareRepository", "explicit"),
]


def test_questions_get_what_git_needs_and_nothing_else() -> None:
    given = git_environment({**OF_THE_USER, **OF_A_HOOK, **COMMANDS, "MY_TOKEN": "t", "EDITOR": "vi"})
    assert {name: given[name] for name in OF_THE_USER} == OF_THE_USER
    assert settings(given) == OURS
    rest = {
        name: value
        for name, value in given.items()
        if name not in OF_THE_USER and not name.startswith("GIT_CONFIG_")
    }
    assert rest == {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "LC_ALL": "C",
        "LANGUAGE": "",
    }


def test_a_build_keeps_its_variables_and_the_same_git_settings() -> None:
    given = worker_environment({**OF_THE_USER, **OF_A_HOOK, **COMMANDS, "CC": "gcc", "LC_ALL": "de_DE.UTF-8"})
    assert (given["CC"], given["LC_ALL"], given["GIT_PAGER"]) == ("gcc", "de_DE.UTF-8", "cat")
    assert settings(given) == OURS
    assert not given.keys() & {*OF_A_HOOK, "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_TRACE"}
    assert given["GIT_NO_LAZY_FETCH"] == "1"
    assert "GIT_NO_LAZY_FETCH" not in worker_environment({}, lazy_fetch=True)


def test_the_user_keeps_everything_but_another_repository() -> None:
    stated = {**OF_THE_USER, **OF_A_HOOK, **COMMANDS, "GIT_CONFIG_COUNT": "0", "MY_TOKEN": "t"}
    assert set(stated) - set(user_environment(stated)) == set(OF_A_HOOK)


@pytest.mark.parametrize("of", [git_environment, worker_environment])
def test_only_safe_directories_are_kept_of_the_stated_settings(of: type[git_environment]) -> None:
    stated = {
        "GIT_CONFIG_COUNT": "5",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": "Authorization: basic c2VjcmV0",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "/one",
        "GIT_CONFIG_KEY_2": "core.sshCommand",
        "GIT_CONFIG_VALUE_2": "x",
        "GIT_CONFIG_KEY_3": "Safe.Directory",
        "GIT_CONFIG_VALUE_3": "*",
        "GIT_CONFIG_KEY_4": "core.fsmonitor",
        "GIT_CONFIG_VALUE_4": "x",
        "GIT_CONFIG_KEY_5": "safe.directory",  # not counted
        "GIT_CONFIG_VALUE_5": "/two",
    }
    assert settings(of(stated)) == [("safe.directory", "/one"), ("safe.directory", "*"), *OURS]


@pytest.mark.parametrize("count", ["", "many", "-1", "9" * 30])
def test_a_count_that_is_none_is_as_if_there_were_none(count: str) -> None:
    stated = {
        "GIT_CONFIG_COUNT": count,
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    assert settings(git_environment(stated)) == OURS


def own(root: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_GLOBAL": os.devnull, "TOKEN": "t"}


def git(root: Path, *arguments: str) -> str:
    author = ("-c", "user.name=T", "-c", "user.email=t@e.org")
    done = subprocess.run(
        ["git", *author, *arguments], cwd=root, env=own(root), capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def spying(tmp_path: Path) -> Path:
    """A program that leaves `seen` behind when it runs."""
    program = tmp_path / "spying"
    program.write_text(f"#!/bin/sh\nenv > {tmp_path / 'seen'}\n")
    program.chmod(0o755)
    return program


@pytest.mark.posix("shell")
def test_programs_that_a_repository_names_do_not_run(tmp_path: Path, spying: Path) -> None:
    git(tmp_path, "init", "--quiet", "work")
    root = tmp_path / "work"
    (root / "file").write_text("one")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "one")
    (root / "file").write_text("two")
    for key in ("core.fsmonitor", "core.pager", "core.hooksPath"):
        git(root, "config", key, str(spying))
    (tmp_path / "seen").unlink(missing_ok=True)
    done = ask_git("status", "--porcelain", cwd=root, environment=own(tmp_path))
    assert done.stdout == " M file\n"
    assert not (tmp_path / "seen").exists()
    assert subprocess.run(
        ["git", "status"], cwd=root, env=worker_environment(own(tmp_path)), capture_output=True
    )
    assert not (tmp_path / "seen").exists()


def test_a_bare_repository_that_is_part_of_a_tree_is_not_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "embedded")
    done = ask_git("rev-parse", "--git-dir", cwd=tmp_path / "embedded", environment=own(tmp_path))
    assert done.returncode != 0
    assert "bare repository" in done.stderr


def test_a_question_fetches_nothing(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "origin")
    origin = tmp_path / "origin"
    (origin / "file").write_text("one")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "one")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", origin.as_uri(), "partial")
    partial = tmp_path / "partial"
    done = ask_git("cat-file", "-p", "HEAD:file", cwd=partial, environment=own(tmp_path))
    assert done.returncode != 0
    assert git(partial, "cat-file", "-p", "HEAD:file") == "one"
