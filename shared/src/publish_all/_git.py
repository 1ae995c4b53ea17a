"""The only module that starts git, and that decides which `GIT_*` variables reach it.

A repository is not trusted: its configuration may name programs (`core.fsmonitor`, hooks), and the
variables of the environment may name another repository, credentials or commands. So git runs in one
of three environments: `git_environment` for our questions, `worker_environment` for the git that a build
backend starts, and `user_environment` for what git does for the user (commit, tag, ls-remote).

The settings are given in `GIT_CONFIG_COUNT`, which git reads from 2.31 on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from publish_all import _process
from publish_all._process import Completed, Run

# Where the settings of the user and of the machine are, and git itself. All other names of GIT_* say which
# repository, index or object store to use (a hook sets them), or which program to start.
_KEPT = (
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
)
# Other variables that git needs: programs, the user's folders, temporary files, libraries, and the user of sudo,
# whose repositories root may read (git-config(1), safe.directory).
SYSTEM = frozenset(
    {
        "PATH", "PATHEXT", "COMSPEC", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PROGRAMDATA", "MSYSTEM",
        "HOME", "HOMEDRIVE", "HOMEPATH", "USERPROFILE", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA",
        "USER", "LOGNAME", "USERNAME", "SUDO_UID", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DEVELOPER_DIR",
    }
)  # fmt: skip
# The names that `git rev-parse --local-env-vars` lists, except the settings in GIT_CONFIG_COUNT.
_OTHER_REPOSITORY = frozenset(
    f"GIT_{name}"
    for name in [
        "ALTERNATE_OBJECT_DIRECTORIES",
        "CONFIG",
        "CONFIG_PARAMETERS",
        "OBJECT_DIRECTORY",
        "DIR",
        "WORK_TREE",
        "IMPLICIT_WORK_TREE",
        "GRAFT_FILE",
        "INDEX_FILE",
        "NO_REPLACE_OBJECTS",
        "REPLACE_REF_BASE",
        "PREFIX",
        "SHALLOW_FILE",
        "COMMON_DIR",
        "NAMESPACE",
    ]
)
_SAFE_DIRECTORY = "safe.directory"
# No program of the repository's choice runs, and a bare repository that is committed as a folder is not taken
# for a repository (git-config(1)).
_SETTINGS = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("safe.bareRepository", "explicit"),
)
_RESTRICTIONS = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
}
_NO_LAZY_FETCH = {"GIT_NO_LAZY_FETCH": "1"}  # git 2.45 reads it
# Messages in English, and no transport at all: an older git would still fetch what a partial clone lacks.
_READING = {**_NO_LAZY_FETCH, "GIT_ALLOW_PROTOCOL": "none", "LC_ALL": "C", "LANGUAGE": ""}
_TIMEOUT = 60.0


def ask_git(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    run: Run = _process.run,
    timeout: float = _TIMEOUT,
) -> Completed:
    """Run a read-only git command. Raises the errors of `run`: `FileNotFoundError`, `TimeoutError`.

    External diff programs do not run either.
    """
    return run(("git", *arguments), cwd=cwd, environment=git_environment(environment), timeout=timeout)


def git_for_user(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    run: Run = _process.run,
    timeout: float | None = None,
) -> Completed:
    """Run git for the user, with the user's hooks, programs and credentials."""
    return run(("git", *arguments), cwd=cwd, environment=user_environment(environment), timeout=timeout)


def git_in_copy(
    *arguments: str, cwd: Path, environment: Mapping[str, str], run: Run = _process.run
) -> Completed:
    """Run git in a temporary copy, as for read-only commands; it may read repositories on this machine."""
    allowed = {**git_environment(environment), "GIT_ALLOW_PROTOCOL": "file"}
    return run(("git", *arguments), cwd=cwd, environment=allowed, timeout=None)


def git_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for read-only commands: only variables that git needs, so no credentials, and no other repository."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.upper() in SYSTEM  # Windows does not care about case
    }
    return {**kept, **_RESTRICTIONS, **_settings(environment), **_READING}


def worker_environment(environment: Mapping[str, str], *, lazy_fetch: bool = False) -> dict[str, str]:
    """The environment with its git variables replaced, for processes that run git in their own ways.

    A build backend asks git for the version or for files; it may also clone its own sources. Installers
    need `lazy_fetch`: pip clones with `--filter=blob:none`, and the check-out fetches the files.
    """
    others = {name: value for name, value in environment.items() if not name.upper().startswith("GIT_")}
    kept = {name: environment[name] for name in _KEPT if name in environment}
    fetching = {} if lazy_fetch else _NO_LAZY_FETCH
    return {**others, **kept, **_RESTRICTIONS, **fetching, **_settings(environment)}


def user_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for git commands of the user: without variables that name another repository, and in English."""
    kept = {name: value for name, value in environment.items() if name not in _OTHER_REPOSITORY}
    return {**kept, "LC_ALL": "C", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0"}


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours, after the exceptions for `safe.directory`, as variables.

    The other settings of the environment are dropped: `http.extraHeader` holds a credential, `credential.helper`
    and `core.sshCommand` are commands.
    """
    stated = [*_safe_directories(environment), *_SETTINGS]
    result = {"GIT_CONFIG_COUNT": str(len(stated))}
    for number, (key, value) in enumerate(stated):
        result |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return result


def _safe_directories(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    stated = environment.get("GIT_CONFIG_COUNT", "")
    count = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 6 else 0
    for number in range(count):
        value = environment.get(f"GIT_CONFIG_VALUE_{number}")
        key = environment.get(f"GIT_CONFIG_KEY_{number}", "")
        if key.lower() == _SAFE_DIRECTORY and value is not None:
            yield _SAFE_DIRECTORY, value


def repository_root(directory: Path) -> Path:
    """The folder at or above `directory` that contains `.git`; `directory` if there is none."""
    start = directory.absolute()
    return next((each for each in (start, *start.parents) if (each / ".git").exists()), start)
