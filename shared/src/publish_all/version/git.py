"""What git says of the commit that is checked out: three processes, as a rule. The working tree is only read.

`git describe` finds the nearest tag; the list of tags tells it beforehand which are no versions, and
afterwards which others stand on the same commit. More is asked about renamed tags, about tags that lead
nowhere, and where a tag of a higher version exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from publish_all._git import ask_git
from publish_all._process import Completed, Run
from publish_all.errors import VersionError
from publish_all.version.tags import (
    higher_tags,
    highest,
    is_version,
    prefixes,
    shape_pattern,
    shapes_of,
    starts,
    tag_version,
)

_PEELED = "^{}"
_NAMED = 100  # tags on a command line
_DIGITS = frozenset("0123456789")


class Described(NamedTuple):
    """HEAD is `distance` commits after the commit that has the tag `tag`, which says `version`.

    `beside` are the other version tags of that commit; `node` is HEAD's full hash. Untracked files do
    not make a tree dirty. `higher` is a tag of a higher version on a commit before, which is further away: a
    release branch was merged.
    """

    tag: str
    version: Version
    distance: int
    node: str
    dirty: bool
    shallow: bool = False
    beside: tuple[str, ...] = ()
    higher: str | None = None


class Untagged(NamedTuple):
    """A repository in which no commit before HEAD has a version tag. `node` is None before the first commit."""

    node: str | None
    dirty: bool
    shallow: bool


class NoRepository(NamedTuple):
    """Git can't tell. `problem` is set where there is a repository, and it is git that fails."""

    reason: str
    problem: VersionError | None = None


def describe(
    root: Path, *, prefix: str, environment: Mapping[str, str], run: Run
) -> Described | Untagged | NoRepository:
    """Ask git about the project at `root`, a folder which must itself be tracked."""
    git = _Git(root, environment, run)
    try:
        position = _position(git)
        if not isinstance(position, _Position):
            return position
        return _describe(git, position, prefix)
    except FileNotFoundError:
        return _git_missing(root)
    except (OSError, TimeoutError) as error:
        return NoRepository(
            reason=f"git can't be run: {error}", problem=VersionError(f"git can't be run: {error}")
        )


class _Git:
    def __init__(self, root: Path, environment: Mapping[str, str], run: Run) -> None:
        self.root = root
        self._environment = environment
        self._run = run

    def __call__(self, *arguments: str) -> Completed:
        return ask_git(*arguments, cwd=self.root, environment=self._environment, run=self._run)


class _Position(NamedTuple):
    node: str
    shallow: bool


def _position(git: _Git) -> _Position | Untagged | NoRepository:
    """Where we are. `HEAD:./` proves that this very folder is tracked, not just some folder around it."""
    done = git("rev-parse", "--show-toplevel", "--is-shallow-repository", "HEAD", "HEAD:./")
    lines = done.stdout.splitlines()
    if done.returncode == 0 and len(lines) >= 4 and _is_hash(lines[-2]):
        return _Position(node=lines[-2], shallow=lines[-3] == "true")
    if len(lines) < 3:
        return _no_repository(git.root, done)
    toplevel = lines[0]
    if _is_hash(lines[2]):
        return NoRepository(reason=f"this folder is not tracked in the git repository at {toplevel}")
    if Path(toplevel) != git.root and not _same_folder(Path(toplevel), git.root):
        return NoRepository(reason=f"the git repository at {toplevel} has no commit yet")
    return Untagged(node=None, dirty=False, shallow=False)


def _describe(git: _Git, position: _Position, prefix: str) -> Described | Untagged | NoRepository:
    listed = _listed_tags(git)
    if isinstance(listed, NoRepository):
        return listed
    done = git(
        "describe",
        "--tags",
        "--long",
        "--always",
        "--dirty",
        "--abbrev=64",
        *_selection(listed, prefix),
    )
    if done.returncode != 0:
        return _failed("describe", done)
    said = done.stdout.strip()
    dirty = said.endswith("-dirty")
    found, _, _ = said.removesuffix("-dirty").rpartition("-g")
    nearest, _, distance = found.rpartition("-")
    if nearest and done.stderr.strip():  # the name is perhaps that of a tag which was renamed
        nearest = _ref_of(git, nearest, int(distance), prefix)
    together = _tags_beside(listed, nearest) if nearest else []
    tag = highest(together, prefix)
    version = tag_version(tag, prefix) if tag is not None else None
    if tag is None or version is None:
        return Untagged(node=position.node, dirty=dirty, shallow=position.shallow)
    return Described(
        tag=tag,
        version=version,
        distance=int(distance),
        node=position.node,
        dirty=dirty,
        shallow=position.shallow,
        beside=tuple(sorted(each for each in together if each != tag and tag_version(each, prefix))),
        higher=_higher(git, listed, version, prefix),
    )


def _listed_tags(git: _Git) -> Sequence[str] | NoRepository:
    """Lines of `HASH refs/tags/NAME`, of an annotated tag a second one with its commit and `^{}` after the name.

    `git show-ref` takes a tenth of the time of others, and stops at the first tag that leads nowhere. Then
    those that lead to HEAD are enough: no other counts.
    """
    listed = git("show-ref", "--tags", "--dereference")
    if listed.returncode != 0 and listed.stderr.strip():
        listed = git(
            "for-each-ref",
            "--merged=HEAD",
            f"--format=%(objectname) %(refname)%0a%(*objectname) %(refname){_PEELED}",
            "refs/tags",
        )
        if listed.returncode != 0:
            return _failed("for-each-ref", listed)
    return [line for line in listed.stdout.splitlines() if not line.startswith(" ")]


def _ref_of(git: _Git, said: str, distance: int, prefix: str) -> str:
    """The tag that `git describe` means: of an annotated tag it says the name at which it was made.

    `git tag NEW OLD; git tag -d OLD` renames a tag, and the old name stays inside of it. Empty if there is none.
    """
    listed = git("for-each-ref", "--merged=HEAD", "--format=%(refname:lstrip=2) %(tag)", "refs/tags")
    names = (line.split(" ", 1) for line in listed.stdout.splitlines())
    found = [name for name, inside in names if (inside or name) == said and tag_version(name, prefix)]
    if len(found) == 1:
        return found[0]
    counted = ((name, git("rev-list", "--count", f"refs/tags/{name}..HEAD").stdout) for name in found)
    return next((name for name, count in counted if count.strip() == str(distance)), "")


def _higher(git: _Git, listed: Iterable[str], version: Version, prefix: str) -> str | None:
    """The tag of the highest version that is on HEAD or before it, if that is higher than `version`."""
    higher = higher_tags((_tag_of(line) for line in listed), version, prefix)
    if not higher:
        return None
    refs = [f"refs/tags/{each}" for each in higher] if len(higher) <= _NAMED else ["refs/tags"]
    merged = git("for-each-ref", "--merged=HEAD", "--format=%(refname:lstrip=2)", *refs)
    return highest(higher.intersection(merged.stdout.split()), prefix)


def _selection(listed: Iterable[str], prefix: str) -> Sequence[str]:
    """The options by which `git describe` sees just the tags that are versions.

    By shape, so that thousands of tags make a short command line; whichever of both lists is shorter.
    """
    names = [name for name in map(_tag_of, listed) if not name.endswith(_PEELED)]
    # With the head apart: its own digits are literal.
    found = {(head, shape) for head in prefixes(prefix) for shape in shapes_of(_after(head, names))}
    good = sorted(each for each in found if is_version(each[1]))
    bad = sorted(each for each in found if not is_version(each[1]))
    if not good:
        return ("--exclude=*",)
    if len(bad) <= len(good):
        patterns = [f"--match={each}" for each in starts(prefix)]
        return (*patterns, *(f"--exclude={shape_pattern(head, shape)}" for head, shape in bad))
    return tuple(f"--match={shape_pattern(head, shape)}" for head, shape in good)


def _tags_beside(lines: Sequence[str], tag: str) -> list[str]:
    """All tags, annotated or not, of the commit that `tag` stands on, itself included."""
    # The line of the commit comes after that of the annotated tag itself.
    commits = [line.partition(" ")[0] for line in lines if _tag_of(line).removesuffix(_PEELED) == tag]
    commit = f"{commits[-1]} " if commits else " "
    found = (_tag_of(line).removesuffix(_PEELED) for line in lines if line.startswith(commit))
    return sorted({tag, *found})


def _tag_of(line: str) -> str:
    """The tag that a line of `git show-ref` is about."""
    return line.partition(" refs/tags/")[2]


def _after(head: str, names: Iterable[str]) -> Iterator[str]:
    """What comes after `head` in the names that go on with a digit there."""
    size = len(head)
    return (name[size:] for name in names if name.startswith(head) and name[size : size + 1] in _DIGITS)


def _no_repository(root: Path, done: Completed) -> NoRepository:
    said = one_line(done.stderr)
    if "dubious ownership" in said:
        reason = f"git refuses to read the repository around {root}: its folder belongs to another user"
        hint = f"If you trust it: git config --global --add safe.directory {_above_with_git(root) or root}"
        return NoRepository(reason=reason, problem=VersionError(reason, hint=hint))
    if "not a git repository" in said:
        folder = _above_with_git(root)
        if folder is None:
            return NoRepository(reason=f"{root} is not in a git repository")
        reason = f"git does not accept {folder / '.git'} as a repository: {said}"
        hint = "A worktree or submodule that was copied without its repository looks so: copy that as well."
        return NoRepository(reason=reason, problem=VersionError(reason, hint=hint))
    return _failed("rev-parse", done)


def _git_missing(root: Path) -> NoRepository:
    folder = _above_with_git(root)
    reason = "there is no program git on PATH"
    if folder is None:
        return NoRepository(reason=reason)
    problem = VersionError(
        f"{reason}, and the version is in the git repository at {folder}",
        hint="Install git, or set PUBLISH_ALL_VERSION.",
    )
    return NoRepository(reason=reason, problem=problem)


def _failed(what: str, done: Completed) -> NoRepository:
    reason = f"git {what} failed ({done.returncode}): {one_line(done.stderr)}"
    return NoRepository(reason=reason, problem=VersionError(reason))


def _above_with_git(root: Path) -> Path | None:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder
    return None


def _is_hash(text: str) -> bool:
    """40 digits of SHA-1, or 64 of SHA-256."""
    return len(text) in {40, 64} and set(text) <= set("0123456789abcdef")


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def one_line(text: str) -> str:
    """What a process said, on one line and without control characters, for a message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(character if character.isprintable() else " " for character in " ".join(lines[:3]))
