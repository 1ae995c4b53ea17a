"""Lets git work in a stage as it works in the user's own checkout.

A stage gets what `git worktree add` makes, but outside of the repository: a folder with a HEAD and an index
of its own, whose `commondir` names the repository (gitrepository-layout(5)). Nothing is written to the
repository, so that a killed build leaves nothing behind in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path, PurePath

from publish_all._git import ask_git
from publish_all._process import Completed, Run, run
from publish_all.builders.source_tree import SourceTree
from publish_all.errors import BuildError

_LONG = 600.0  # seconds, for repositories of very many files


def link_repository(
    tree: SourceTree, stage: Path, place: Path, *, other: Collection[str], run: Run = run
) -> None:
    """Give `stage`, a copy of the repository `tree`, git's data, and the submodules in it theirs.

    The data is where it is in the checkout: in a folder `.git`, or elsewhere (in `place`) and a file `.git` says
    where. That of submodules is in `modules`, so that the file says the same in every stage: backends ship it where
    the submodule is in a package. `other` are the files that are different or missing
    in the stage on purpose: git takes them for unchanged. Raises `BuildError` where git fails.
    """
    repositories = ["", *(path for path, is_checked_out in tree.nested.items() if is_checked_out)]
    is_folder = (tree.root / ".git").is_dir()
    data = {"": stage / ".git" if is_folder else place / f"{stage.name}.git"}
    for path in repositories:
        prefix = f"{path}/" if path else ""
        inner = [each for each in repositories if each != path and each.startswith(prefix)]
        own = {
            each.removeprefix(prefix)
            for each in tree.tracked
            if each.startswith(prefix) and not any(each.startswith(f"{below}/") for below in inner)
        }
        hidden = {each.removeprefix(prefix) for each in other if each.startswith(prefix)} & own
        if path:
            outer = max((each for each in data if path.startswith(f"{each}/") or not each), key=len)
            data[path] = data[outer] / "modules" / path.removeprefix(f"{outer}/")
        _link(tree.root / path, stage / path, data[path], hidden, run)


def _link(source: Path, stage: Path, data: Path, other: Collection[str], run: Run) -> None:
    """One repository, without those in it."""
    told = _git(run, source, "rev-parse", "--absolute-git-dir", "--git-common-dir").stdout.splitlines()
    own, common = Path(told[0]), (source / told[1]).resolve()
    data.mkdir(parents=True)
    for name in ("HEAD", "index", *(each.name for each in own.glob("sharedindex.*"))):
        if (own / name).is_file():
            shutil.copy2(own / name, data / name)
    (data / "commondir").write_text(f"{common}\n", encoding="utf-8")
    (data / "gitdir").write_text(f"{stage / '.git'}\n", encoding="utf-8")
    if data != stage / ".git":
        told_by = PurePath(os.path.relpath(data, stage)).as_posix()
        (stage / ".git").write_text(f"gitdir: {told_by}\n", encoding="utf-8")
    present = [each for each in other if os.path.lexists(stage / each)]
    missing = [each for each in other if not os.path.lexists(stage / each)]
    for option, paths in (("--assume-unchanged", present), ("--skip-worktree", missing)):
        for some in _in_parts(sorted(paths)):
            _git(run, stage, "update-index", option, "--", *some)
    # The index knows the user's files by their times. This compares contents once instead of at every question.
    ask_git("update-index", "-q", "--refresh", cwd=stage, environment=os.environ, run=run, timeout=_LONG)


def _in_parts(paths: list[str]) -> list[list[str]]:
    """So many at once as a command line takes everywhere."""
    return [paths[start : start + 200] for start in range(0, len(paths), 200)]


def _git(run: Run, folder: Path, *arguments: str) -> Completed:
    done = ask_git(*arguments, cwd=folder, environment=os.environ, run=run, timeout=_LONG)
    if done.returncode != 0:
        msg = f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}"
        raise BuildError(msg, hint="Run `git status` in the project to see what is wrong.")
    return done
