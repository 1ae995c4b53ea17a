"""The version of the checked-out commit, from git tags. The working tree is only read.

A version tag is the literal prefix and a PEP 440 version that starts with a digit. With the prefix
"v" or "", a "v" before the version is optional.

This usually takes four processes: `git describe` finds the nearest tag, and `git rev-list` its distance. The list of
tags shows which tags are versions, and which others are on the same commit. More processes are needed for broken tags,
and if there is a tag with a higher version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.version import InvalidVersion, Version

from publish_all._git import ask_git
from publish_all._process import Completed, Run
from publish_all.errors import VersionError

ARCHIVAL = ".git_archival.txt"
NODE_LENGTH = 9
"""Hex digits of a hash in a local version, whatever `core.abbrev` says: the same on all machines."""

_PEELED = "^{}"
_CANDIDATES = 10  # as many as `git describe` looks at
_NAMED = 100  # tags on a command line
_DIGITS = {ord(digit): "0" for digit in "123456789"}
_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # of SHA-1, or of SHA-256
# The words of git before 2.26 come second.
_RENAMED = re.compile(r"tag '(.+)' is externally known as '|tag '.+' is really '(.+)' here")
_ARCHIVED = re.compile(r"^(?P<key>[a-z-]+):[ \t]*(?P<value>.*?)[ \t\r]*$", re.MULTILINE)
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g[0-9a-f]+")

_Git: TypeAlias = Callable[..., Completed]


class Described(NamedTuple):
    """HEAD is `distance` commits after the commit with the tag `tag` of `version`.

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
    """There is no usable repository. `problem` is set if git itself fails."""

    reason: str
    problem: VersionError | None = None


def tag_version(tag: str, prefix: str) -> Version | None:
    """The version that a tag names, or None if it names none."""
    for head in _heads(prefix):
        rest = tag[len(head) :]
        if tag.startswith(head) and rest[:1].isdecimal():
            return _version(rest)
    return None


def _heads(prefix: str) -> tuple[str, ...]:
    """The literal texts that are allowed before the version."""
    return ("v", "") if prefix in {"", "v"} else (prefix,)


def _version(text: str) -> Version | None:
    try:
        return Version(text) if text.isascii() else None
    except InvalidVersion:
        return None


def _highest(tags: Iterable[str], prefix: str) -> str | None:
    """The tag of the highest version: of rc1 and the final on one commit, the final."""
    versions = {tag: version for tag in tags if (version := tag_version(tag, prefix)) is not None}
    return max(versions, key=lambda tag: (versions[tag], tag)) if versions else None


def describe(
    root: Path, *, prefix: str, environment: Mapping[str, str], run: Run
) -> Described | Untagged | NoRepository:
    """Ask git about the project at `root`, a folder which must itself be tracked."""
    git = partial(ask_git, cwd=root, environment=environment, run=run)
    try:
        return _describe(git, root, prefix)
    except VersionError as error:
        return NoRepository(error.message, error)
    except FileNotFoundError:
        folder, reason = _above_with_git(root), "there is no program git on PATH"
        if folder is None:
            return NoRepository(reason)
        msg = f"{reason}, and the version is in the git repository at {folder}"
        return NoRepository(reason, VersionError(msg, hint="Install git, or set PUBLISH_ALL_VERSION."))
    except (OSError, TimeoutError) as error:
        reason = f"git can't be run: {error}"
        return NoRepository(reason, VersionError(reason))


def tag_name(version: Version, *, prefix: str, last: str | None) -> str:
    """The tag of a release, with or without the optional `v` as the `last` one."""
    if prefix in {"", "v"} and last is not None:
        prefix = "v" if last.startswith("v") else ""
    return f"{prefix}{version}"


def tag_of(
    version: Version, root: Path, *, prefix: str, environment: Mapping[str, str], run: Run
) -> tuple[str, str] | None:
    """The tag that names this version, and its commit. `root` is in a repository that git can describe."""
    git = partial(ask_git, cwd=root, environment=environment, run=run)
    tags = _commits_of_tags(git).items()
    return next((each for each in tags if tag_version(each[0], prefix) == version), None)


def _describe(git: _Git, root: Path, prefix: str) -> Described | Untagged | NoRepository:
    # `HEAD:./` is valid only if this folder itself is tracked, and not only a parent folder.
    place = git("rev-parse", "--show-toplevel", "--is-shallow-repository", "HEAD", "HEAD:./")
    lines = place.stdout.splitlines()
    if place.returncode != 0 or len(lines) < 4 or not _HASH.fullmatch(lines[-2]):
        return _outside(root, place, lines)
    node, shallow = lines[-2], lines[-3] == "true"
    commits = _commits_of_tags(git)
    options = ("--tags", "--long", "--always", "--dirty", "--abbrev=64")
    done = git("describe", *options, *_patterns(commits, prefix))
    if done.returncode != 0:
        raise _failed("describe", done)
    said = done.stdout.strip()
    dirty = said.endswith("-dirty")
    nearest = said.removesuffix("-dirty").rpartition("-g")[0].rpartition("-")[0]
    # Of an annotated tag that was renamed (`git tag NEW OLD; git tag -d OLD`), it says the old name.
    if renamed := _RENAMED.search(done.stderr):
        nearest = renamed[1] or renamed[2]
    commit, distance = commits.get(nearest), 0
    if commit is not None and commit != node:
        commit, distance = _nearest(git, commits, commit, prefix)
    together = [tag for tag in commits if commits[tag] == commit]
    tag = _highest(together, prefix)
    version = tag_version(tag, prefix) if tag is not None else None
    if tag is None or version is None:
        return Untagged(node, dirty, shallow)
    beside = sorted(each for each in together if each != tag and tag_version(each, prefix))
    higher = _higher(git, commits, version, prefix)
    return Described(tag, version, distance, node, dirty, shallow, tuple(beside), higher)


def _nearest(git: _Git, commits: Mapping[str, str], commit: str, prefix: str) -> tuple[str, int]:
    """The commit of a version tag that is the fewest commits before HEAD, and how many; the highest version of several.

    `commit` is what `git describe` says. That is right where nothing was merged since; after merges, versions of git
    disagree on it.
    """

    def after(tagged: str) -> list[str]:
        listed = git("rev-list", "--parents", f"{tagged}..HEAD")
        if listed.returncode != 0:
            raise _failed("rev-list", listed)
        return listed.stdout.splitlines()

    found = after(commit)
    distances = {commit: len(found)}
    if any(line.count(" ") > 1 for line in found):
        apart = (
            "--merged=HEAD",
            f"--no-merged={commit}",
            "--sort=-creatordate",
            "--format=%(refname:lstrip=2)",
        )
        listed = git("for-each-ref", *apart, "refs/tags").stdout.splitlines()
        others = dict.fromkeys(commits[tag] for tag in listed if tag in commits and tag_version(tag, prefix))
        distances |= {each: len(after(each)) for each in [*others][:_CANDIDATES]}

    def rank(each: str) -> tuple[int, Version]:
        versions = (tag_version(tag, prefix) for tag in commits if commits[tag] == each)
        return -distances[each], max(filter(None, versions), default=Version("0"))

    best = max(distances, key=rank)
    return best, distances[best]


def _commits_of_tags(git: _Git) -> Mapping[str, str]:
    """The commit of each tag.

    `git show-ref` takes a tenth of the time of others, and stops at the first tag that leads nowhere. Then
    those that lead to HEAD are enough: no other counts.
    """
    listed = git("show-ref", "--tags", "--dereference")
    if listed.returncode != 0 and listed.stderr.strip():
        form = f"--format=%(objectname) %(refname)%0a%(*objectname) %(refname){_PEELED}"
        listed = git("for-each-ref", "--merged=HEAD", form, "refs/tags")
        if listed.returncode != 0:
            raise _failed("for-each-ref", listed)
    found = {}
    for line in listed.stdout.splitlines():
        commit, _, tag = line.partition(" refs/tags/")
        if commit:  # the line of an annotated tag's commit comes after that of the tag itself
            found[tag.removesuffix(_PEELED)] = commit
    return found


def _patterns(tags: Iterable[str], prefix: str) -> Sequence[str]:
    """The options by which `git describe` sees just the tags that are versions.

    By their shapes, with any digit for each digit, so that thousands of tags make a short command line: the grammar
    of PEP 440 has no rule about which digit it is.
    """
    shapes = {
        (head, tag[len(head) :].translate(_DIGITS))
        for head in _heads(prefix)
        for tag in tags
        if tag.startswith(head) and tag[len(head) : len(head) + 1].isdecimal()
    }
    good = sorted(each for each in shapes if _version(each[1]) is not None)
    literal = {head: re.sub(r"([*?\[\\])", r"\\\1", head) for head, _ in good}
    patterns = [f"--match={literal[head]}{shape.replace('0', '[0-9]')}" for head, shape in good]
    return patterns or ["--exclude=*"]


def _higher(git: _Git, tags: Iterable[str], version: Version, prefix: str) -> str | None:
    """The tag of the highest version that is on HEAD or before it, if that is higher than `version`."""
    # Most of thousands are ruled out by their numbers alone.
    lowest = [int(each) for each in re.findall(r"\d+", re.sub(r"(\.0)+$", "", version.base_version))]
    higher = {
        tag
        for tag in tags
        if "!" in tag or [int(each) for each in re.findall(r"\d+", tag.removeprefix(prefix))] >= lowest
        if (named := tag_version(tag, prefix)) is not None and named > version
    }
    if not higher:
        return None
    refs = [f"refs/tags/{each}" for each in sorted(higher)] if len(higher) <= _NAMED else ["refs/tags"]
    merged = git("for-each-ref", "--merged=HEAD", "--format=%(refname:lstrip=2)", *refs)
    return _highest(higher.intersection(merged.stdout.split()), prefix)


def _outside(root: Path, done: Completed, lines: Sequence[str]) -> Untagged | NoRepository:
    """Why git does not describe this folder. Raises `VersionError` where only git could."""
    said = one_line(done.stderr)
    folder = _above_with_git(root)
    if len(lines) >= 3:
        toplevel = Path(lines[0])
        if _HASH.fullmatch(lines[2]):
            return NoRepository(f"this folder is not tracked in the git repository at {toplevel}")
        if toplevel != root and not (toplevel.exists() and toplevel.samefile(root)):
            return NoRepository(f"the git repository at {toplevel} has no commit yet")
        return Untagged(node=None, dirty=False, shallow=False)
    if "dubious ownership" in said:
        msg = f"git refuses to read the repository around {root}: its folder belongs to another user"
        hint = f"If you trust it: git config --global --add safe.directory {folder or root}"
        raise VersionError(msg, hint=hint)
    if "not a git repository" in said:
        if folder is None:
            return NoRepository(f"{root} is not in a git repository")
        msg = f"git does not accept {folder / '.git'} as a repository: {said}"
        hint = "A worktree or submodule that was copied without its repository looks so: copy that as well."
        raise VersionError(msg, hint=hint)
    raise _failed("rev-parse", done)


def _failed(what: str, done: Completed) -> VersionError:
    return VersionError(f"git {what} failed ({done.returncode}): {one_line(done.stderr)}")


def _above_with_git(root: Path) -> Path | None:
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), None)


def one_line(text: str) -> str:
    """The output of a process on one line without control characters, for messages."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(character if character.isprintable() else " " for character in " ".join(lines[:3]))


def described_in_archive(root: Path, *, prefix: str) -> Described | None:
    """What `git archive` wrote into `.git_archival.txt` (a file marked `export-subst`), as setuptools-scm asks for it.

    None without the file, where git did not fill it in, or if it names no version tag.
    """
    try:
        text = (root / ARCHIVAL).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Git leaves `$Format:…$` in a working tree, and `%(describe)` where it is too old for that.
    lines = {
        key: value for key, value in _ARCHIVED.findall(text) if "$Format" not in value and "%(" not in value
    }
    node, name = lines.get("node", ""), lines.get("describe-name", "")
    refs = (each.strip() for each in lines.get("ref-names", "").split(","))
    tag = _highest((each.removeprefix("tag: ") for each in refs if each.startswith("tag: ")), prefix)
    distance = 0
    if tag is None and (found := _DESCRIBED.fullmatch(name)):
        tag, distance = found["tag"], int(found["distance"])
    version = tag_version(tag or name, prefix)
    if not _HASH.fullmatch(node) or version is None:
        return None
    return Described(tag or name, version, distance, node, dirty=False)


def version_after(said: Described, *, scheme: str, local: str, date: str) -> Version:
    """The version of a tree that git describes.

    Only an unchanged checkout of the tag has the version of the tag. Every other tree has a development version,
    also if it has only uncommitted changes. `scheme` is "guess" (a development version of the next release, or of the
    next rc or post release after one of these) or "post" (a version directly after the tag). `local` is "none",
    "node" or "node-and-date"; `date` is the day (YYYYMMDD) of uncommitted changes.
    """
    tagged, distance = said.version, said.distance
    if not distance and not said.dirty:
        return tagged
    base = tagged.base_version
    pre = "".join(str(each) for each in tagged.pre or ())
    if tagged.dev is not None:  # it can only count on
        post = "" if tagged.post is None else f".post{tagged.post}"
        public = f"{base}{pre}{post}.dev{tagged.dev + (distance or 1)}"
    elif scheme == "post":
        # 1.0.post1.dev0 would sort before 1.0.post1.
        number = distance if tagged.post is None else tagged.post + (distance or 1)
        public = f"{base}{pre}.post{number}.dev0"
    elif tagged.post is not None:
        public = f"{base}{pre}.post{tagged.post + 1}.dev{distance}"
    elif tagged.pre is not None:
        public = f"{base}{tagged.pre[0]}{tagged.pre[1] + 1}.dev{distance}"
    else:
        public = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), base) + f".dev{distance}"
    day = f".d{date}" if said.dirty and local == "node-and-date" else ""
    return Version(public if local == "none" else f"{public}+g{said.node[:NODE_LENGTH]}{day}")
