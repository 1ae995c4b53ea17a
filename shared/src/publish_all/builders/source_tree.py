"""What of a folder belongs to the project: what git tracks or does not ignore.

Git-ignored files (a `secrets.env` beside the sources) must never get into a distribution, whatever
the backend does: backends look for the VCS in their own ways, and drop its rules silently when they
do not find it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from publish_all._process import Completed, Run, run
from publish_all.errors import BuildError

# Outside a repository nothing says what is junk: these names are, everywhere.
_JUNK_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".bzr", "CVS", ".jj",
        ".venv", "venv", ".virtualenv", ".tox", ".nox", ".direnv", "node_modules",
        "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".cache", ".eggs",
        ".idea", ".vscode",
    }
)  # fmt: skip
_JUNK_ROOT_FOLDERS = frozenset({"dist", "build"})
_JUNK_SUFFIXES = (".pyc", ".pyo", ".egg-info")


class SourceTree:
    """The files of the project at `root`, as relative paths with slashes.

    `leave_out` names folders which hold output and never sources. Raises `BuildError` when there is a
    git repository which git does not want to read: going on would ship what it ignores.
    """

    def __init__(self, root: Path, *, leave_out: Sequence[Path] = (), run: Run = run) -> None:
        self.root = root.resolve()
        self._leave_out = tuple(self._relative(path) for path in leave_out)
        self._run = run

    @cached_property
    def in_git(self) -> bool:
        """Whether git knows the folder and does not ignore it as a whole."""
        if not any((folder / ".git").exists() for folder in (self.root, *self.root.parents)):
            return False
        inside = self._git("rev-parse", "--is-inside-work-tree")
        if inside.returncode != 0 and "not a git repository (or any" in inside.stderr:
            return False  # without the bracket it is a worktree or submodule whose repository is gone
        if inside.returncode != 0:
            msg = f"git does not tell what it ignores in {self.root}: {inside.stderr.strip()}"
            raise BuildError(msg, hint=_git_hint(inside.stderr, self.root))
        if inside.stdout.strip() != "true":
            return False
        return self._git("check-ignore", "-q", ".").returncode != 0

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All files (and links to files) of the project, sorted."""
        return tuple(sorted(self._found))

    @cached_property
    def links(self) -> frozenset[str]:
        """Those of `files` which are symbolic links."""
        return frozenset(path for path, is_link in self._found.items() if is_link)

    @cached_property
    def _found(self) -> dict[str, bool]:
        """Path → whether it is a symbolic link."""
        found = self._listed("") if self.in_git else self._walked("")
        return {path: is_link for path, is_link in found if not self._is_left_out(path)}

    @cached_property
    def file_set(self) -> frozenset[str]:
        return frozenset(self.files)

    def under(self, path: str) -> tuple[str, ...]:
        """The files at or below `path`; `.` or empty is the root."""
        path = normal(path)
        if not path:
            return self.files
        if path in self.file_set:
            return (path,)
        return tuple(each for each in self.files if each.startswith(path + "/"))

    def named(self, path: str) -> tuple[str, ...]:
        """As `under`, for a path that was asked for by name: if git ignores all of it, all of it is meant."""
        path = normal(path)
        known = self.under(path)
        if known:
            return known
        full = self.root / path
        if full.is_file():
            return (path,)
        return tuple(sorted(each for each, _ in self._walked(path))) if full.is_dir() else ()

    def _relative(self, path: Path) -> str:
        try:
            return path.resolve().relative_to(self.root).as_posix()
        except ValueError:
            return ""

    def _is_left_out(self, path: str) -> bool:
        return any(each not in {"", "."} and path.startswith(each + "/") for each in self._leave_out)

    def _git(self, *arguments: str, within: str = "") -> Completed:
        try:
            return self._run(
                ["git", "-c", "core.fsmonitor=false", *arguments],
                cwd=self.root / within,
                environment=git_environment(os.environ),
                timeout=120,
            )
        except FileNotFoundError as error:
            msg = f"{self.root} is in a git repository, but there is no program `git` to tell what it ignores"
            raise BuildError(msg, hint="Install git, or build from an unpacked sdist.") from error

    def _listed(self, within: str) -> Iterator[tuple[str, bool]]:
        listing = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", within=within)
        if listing.returncode != 0:
            msg = f"git ls-files failed in {self.root / within}: {listing.stderr.strip()}"
            raise BuildError(msg, hint=_git_hint(listing.stderr, self.root))
        prefix = f"{within}/" if within else ""
        for each in filter(None, listing.stdout.split("\0")):
            path = prefix + each.rstrip("/")
            full = f"{self.root}/{path}"
            try:
                mode = os.lstat(full).st_mode  # a Path costs more than the question
            except OSError:  # deleted, and git has not been told yet
                continue
            if stat.S_ISLNK(mode) or stat.S_ISREG(mode):
                yield path, stat.S_ISLNK(mode)
            # A submodule, or a repository of its own.
            elif stat.S_ISDIR(mode) and Path(full, ".git").exists():
                yield from self._listed(path)

    def _walked(self, within: str) -> Iterator[tuple[str, bool]]:
        for folder, folders, names in os.walk(self.root / within):
            here = Path(folder)
            at_root = here == self.root
            folders[:] = sorted(name for name in folders if not _is_junk_folder(here / name, at_root=at_root))
            links = [name for name in folders if (here / name).is_symlink()]
            for name in (*names, *links):
                if not name.endswith(_JUNK_SUFFIXES):
                    path = here / name
                    yield path.relative_to(self.root).as_posix(), path.is_symlink()


def git_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for our questions to git: a hook's `GIT_DIR` must not lead elsewhere, messages are English."""
    kept = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    for name in ("GIT_CEILING_DIRECTORIES", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"):
        if name in environment:
            kept[name] = environment[name]
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def normal(path: str) -> str:
    """A relative path with slashes, without `.` and trailing slash; the root is empty."""
    text = PurePosixPath(path.replace("\\", "/")).as_posix()
    return "" if text == "." else text


def _is_junk_folder(path: Path, *, at_root: bool) -> bool:
    name = path.name
    if name in _JUNK_FOLDERS or name.endswith(_JUNK_SUFFIXES):
        return True
    return (at_root and name in _JUNK_ROOT_FOLDERS) or (path / "pyvenv.cfg").is_file()


def _git_hint(stderr: str, root: Path) -> str:
    if "dubious ownership" in stderr:
        return f"The folder belongs to another user. Run: git config --global --add safe.directory {root}"
    return "Run `git status` there to see what is wrong."
