"""Which files of a folder belong to the project: those that git tracks or does not ignore.

Git-ignored files (a `secrets.env` next to the sources) must never get into a distribution with any
backend: backends find the repository in different ways, and silently ignore its rules if they
do not find it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from publish_all._git import ask_git
from publish_all._own_files import INDEX_LOCK
from publish_all._process import Completed, Run, run
from publish_all.errors import BuildError

# Folders with the data of version control, or compiled Python files. Their files are not sources.
_NEVER_SOURCES = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "__pycache__"})
# Files that tools write into folders that they create: environments (PEP 405, conda) and caches (bford.info/cachedir).
_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG", "conda-meta/history")
# Folders that tools create in the folder of a project, and nowhere else.
_TOOL_FOLDERS = frozenset(
    {
        ".tox",
        ".nox",
        ".eggs",
        ".direnv",
        ".hypothesis",
        ".cache",
        ".idea",
        ".vscode",
        ".pdm-build",
        "node_modules",
    }
)
_COMPILED = (".pyc", ".pyo")
_DISTRIBUTIONS = (".whl", ".tar.gz")
_OUR_FILES = ("publish-all.json", "publish-all.lock", "publish-all.journal.jsonl")


class SourceTree:
    """The files of the project at `root`, as relative paths with slashes.

    `leave_out` names output folders, whose files are excluded. If such a folder also contains the
    project, only the distributions in it are excluded. Raises `BuildError` if git cannot read the repository
    (otherwise ignored files would be packed), and for a file name that is not UTF-8.
    """

    def __init__(self, root: Path, *, leave_out: Sequence[Path] = (), run: Run = run) -> None:
        self.root = root.resolve()
        self.leave_out = tuple(path.resolve() for path in leave_out)
        self._run = run
        self._tracked: dict[str, bool] = {}
        """What git tracks → whether it is executable."""
        self._nested: dict[str, bool] = {}

    @cached_property
    def in_git(self) -> bool:
        """Whether git knows the folder and does not ignore it as a whole."""
        if not any((folder / ".git").exists() for folder in (self.root, *self.root.parents)):
            return False
        inside = self._git("rev-parse", "--is-inside-work-tree")
        if inside.returncode != 0 and "not a git repository (or any" in inside.stderr:
            return False  # without the bracket it is a worktree or submodule whose repository is gone
        if inside.returncode != 0:
            msg = f"git cannot read the repository around {self.root}: {inside.stderr.strip()}"
            raise BuildError(msg, hint=_git_hint(inside.stderr, self.root))
        if inside.stdout.strip() != "true":
            return False
        return self._git("check-ignore", "-q", ".").returncode != 0

    @cached_property
    def top(self) -> Path:
        """The root of the repository's working tree; `root` outside of git."""
        if not self.in_git:
            return self.root
        up = self._git("rev-parse", "--show-cdup").stdout.strip()
        return (self.root / up).resolve()

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All files (and links to files) of the project, sorted."""
        return tuple(sorted(self._found))

    @cached_property
    def links(self) -> frozenset[str]:
        """The symbolic links among `files`."""
        return frozenset(path for path, is_link in self._found.items() if is_link)

    @cached_property
    def tracked(self) -> frozenset[str]:
        """The files that git tracks, also in submodules; some may be deleted, so not all are in `files`."""
        _ = self._found
        return frozenset(self._tracked)

    @cached_property
    def modes(self) -> Mapping[str, bool]:
        """What git tracks, as absolute paths → whether it is executable; empty if the file system has executable bits."""
        _ = self._found
        if self._settings.get("core.filemode") != "false":
            return {}
        return {f"{self.root}/{path}": executable for path, executable in self._tracked.items()}

    def crlf(self) -> tuple[str, ...]:
        """The files whose lines end in LF in git, and in CRLF here, because git was told to convert them."""
        if self._settings.get("core.autocrlf") != "true":
            return ()
        lines = self._git("ls-files", "-z", "--eol").stdout.split("\0")
        converted = (line.partition("\t")[2] for line in lines if line.split()[:2] == ["i/lf", "w/crlf"])
        return tuple(each for each in converted if each in self.file_set)

    @cached_property
    def _settings(self) -> Mapping[str, str]:
        """Git's settings about this file system."""
        if not self.in_git:
            return {}
        said = self._git("config", "--get-regexp", r"^core\.(autocrlf|filemode)$").stdout
        return {name: value for name, _, value in (line.partition(" ") for line in said.splitlines())}

    @cached_property
    def nested(self) -> Mapping[str, bool]:
        """Folders that are submodules or nested repositories → whether they are checked out."""
        _ = self._found
        return dict(self._nested)

    @cached_property
    def _found(self) -> dict[str, bool]:
        """Path → whether it is a symbolic link."""
        found = dict(self._listed("") if self.in_git else self._walked(""))
        locks = [path for path in found if path.endswith(INDEX_LOCK)]
        indexes = (*locks, *(f"{path.removesuffix(INDEX_LOCK)}simple/" for path in locks))
        return {
            path: is_link
            for path, is_link in found.items()
            if not self._is_output(path) and (path in self._tracked or not path.startswith(indexes))
        }

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
        """All files at or below a path that the configuration names, whether git ignores them or not.

        hatchling's `force-include` does the same.
        """
        path = normal(path)
        full = self.root / path
        if full.is_file():
            return (path,)
        walked = (each for each, _ in self._walked(path) if not self._is_put_out(self.root / each))
        return tuple(sorted({*self.under(path), *walked}))

    def ignored(self, folders: Iterable[str]) -> tuple[str, ...]:
        """The ignored files below these folders, except those that tools create again: caches and compiled modules."""
        present = [each for each in folders if (self.root / each).is_dir()]
        if not present or not self.in_git:
            return ()
        asked = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *present)
        listed = filter(None, self._git(*asked).stdout.split("\0"))
        return tuple(
            each
            for each in sorted(listed)
            if not each.endswith(_COMPILED)
            and not any(_is_made(self.root / folder, at_root=False) for folder in PurePosixPath(each).parents)
        )

    def _is_output(self, path: str) -> bool:
        """Whether a file was written by an earlier build."""
        full = self.root / path
        if self._is_put_out(full):
            return True
        if path in self._tracked:
            return False
        if full.parent in self.leave_out and path.endswith((*_DISTRIBUTIONS, *_OUR_FILES)):
            return True
        first, _, rest = path.partition("/")
        if first == "build" and rest.startswith(("lib/", "lib.", "bdist.", "temp.")):
            return not (self.root / "build" / "__init__.py").is_file()  # not a package with that name
        return any(
            each.endswith(".egg-info")
            and (self.root / path[: path.index(each) + len(each)] / "PKG-INFO").is_file()
            for each in path.split("/")[:-1]
        )

    def _is_put_out(self, path: Path) -> bool:
        """Whether it is in a folder that only contains output."""
        return any(each in path.parents and not self.root.is_relative_to(each) for each in self.leave_out)

    def _git(self, *arguments: str, within: str = "") -> Completed:
        try:
            return ask_git(*arguments, cwd=self.root / within, environment=os.environ, run=self._run)
        except FileNotFoundError as error:
            msg = f"{self.root} is in a git repository, and the program `git` is not installed, so ignored files are unknown"
            raise BuildError(msg, hint="Install git, or build from an unpacked sdist.") from error

    def _listed(self, within: str) -> Iterator[tuple[str, bool]]:
        options = ("-z", "-t", "--stage", "--cached", "--others", "--exclude-standard")
        listing = self._git("ls-files", *options, within=within)
        if listing.returncode != 0:
            msg = f"git ls-files failed in {self.root / within}: {listing.stderr.strip()}"
            raise BuildError(msg, hint=_git_hint(listing.stderr, self.root))
        prefix = f"{within}/" if within else ""
        for line in dict.fromkeys(filter(None, listing.stdout.split("\0"))):
            entry = line[2:] if line[0] == "?" else line.partition("\t")[2]
            path = prefix + entry.rstrip("/")
            if "\ufffd" in path:
                raise _not_utf8(self.root / within, path)
            full = f"{self.root}/{path}"
            if line[0] != "?":
                self._tracked[path] = line.startswith("100755", 2)
            try:
                mode = os.lstat(full).st_mode  # faster than with a Path
            except OSError:  # deleted, but still in git's index
                continue
            if stat.S_ISLNK(mode) or stat.S_ISREG(mode):
                yield path, stat.S_ISLNK(mode)
            elif stat.S_ISDIR(mode):  # a submodule or nested repository
                self._tracked.pop(path, None)
                self._nested[path] = Path(full, ".git").exists()
                if self._nested[path]:
                    yield from self._listed(path)

    def _walked(self, within: str) -> Iterator[tuple[str, bool]]:
        for folder, folders, names in os.walk(self.root / within):
            here = Path(folder)
            at_root = here == self.root
            folders[:] = sorted(name for name in folders if not _is_made(here / name, at_root=at_root))
            links = [name for name in folders if (here / name).is_symlink()]
            for name in (*names, *links):
                if name.endswith(_COMPILED):
                    continue
                path = here / name
                relative = path.relative_to(self.root).as_posix()
                try:
                    relative.encode()
                except UnicodeEncodeError as error:
                    raise _not_utf8(here, relative) from error
                yield relative, path.is_symlink()


def relative(path: str, root: Path | str) -> str:
    """The path as seen from the root, with slashes; the path itself on another drive of Windows."""
    try:
        seen = os.path.relpath(path, root)
    except ValueError:
        seen = path
    return seen.replace(os.sep, "/")


def normal(path: str) -> str:
    """A relative path with slashes, without `.` and trailing slash; the root is empty."""
    text = PurePosixPath(path.replace("\\", "/")).as_posix()
    return "" if text == "." else text


def _is_made(path: Path, *, at_root: bool) -> bool:
    """Whether a tool created a folder: by its contents and place, never by a name that a package could have."""
    name = path.name
    if name in _NEVER_SOURCES or any((path / each).is_file() for each in _MARKERS):
        return True
    if name.endswith(".egg-info"):
        return (path / "PKG-INFO").is_file()
    if name == "CVS":
        return (path / "Entries").is_file() and (path / "Repository").is_file()
    if not at_root:
        return False
    return name in _TOOL_FOLDERS or (name == "dist" and _holds_distributions(path))


def _holds_distributions(folder: Path) -> bool:
    """Whether a folder only contains files that builds write."""
    written = (*_DISTRIBUTIONS, ".json", ".jsonl", ".lock")
    try:
        return all(each.name.endswith(written) for each in folder.iterdir())
    except OSError:
        return False


def _not_utf8(folder: Path, path: str) -> BuildError:
    shown = os.fsencode(path).decode(errors="backslashreplace").replace("\ufffd", "\\x..")
    return BuildError(
        f"the name of a file below {folder} is not valid UTF-8: {shown}",
        hint="Rename the file. Wheels and sdists can only contain names in UTF-8.",
    )


def _git_hint(stderr: str, root: Path) -> str:
    if "dubious ownership" in stderr:
        return f"The folder belongs to another user. Run: git config --global --add safe.directory {root}"
    return "Run `git status` there to see the problem."
