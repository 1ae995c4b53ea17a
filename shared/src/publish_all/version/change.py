"""Change the version, or release it: write all places, commit them, tag the commit.

All changes are computed first, and then written completely or not at all. Nothing is pushed; the plan has the command.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from publish_all import _process
from publish_all._build_system import backend_name
from publish_all._git import ask_git, git_for_user
from publish_all._own_files import write_whole
from publish_all._process import Completed, Run
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.errors import UsageError, VersionError
from publish_all.version.git import (
    Described,
    NoRepository,
    Untagged,
    describe,
    one_line,
    tag_name,
    tag_version,
)
from publish_all.version.places import Place, find_places, read_place, source_places, unwritable
from publish_all.version.static import project_name


def parse_version(text: str) -> Version:
    """The version that a person asked for. Raises `UsageError`."""
    try:
        return Version(text)
    except InvalidVersion as error:
        msg = f"{text!r} is not a PEP 440 version"
        raise UsageError(msg, hint="Use a version like 1.2.3 or 1.2.3rc1.") from error


def set_version(config: ProjectConfig, text: str) -> tuple[Place, ...]:
    """Write the version into the source and all places. Gives the places that changed."""
    version = parse_version(text)
    refuse_unsettable(config, version)
    changed, contents = planned(config, version)
    write_all(contents)
    return changed


def refuse_unsettable(config: ProjectConfig, version: Version) -> None:
    """Raise `UsageError` if the version is not in a file of the project."""
    if config.version.source is VersionSource.GIT:
        msg = "the version comes from git tags and cannot be set in a file"
        hint = f"Tag it: publish-all version --release {version}, or git tag {config.version.tag_prefix}{version}."
        raise UsageError(msg, hint=hint)
    if not source_places(config):
        reasons = unwritable(config)
        msg = f"the version is not written where it can be set: the build backend {backend_name(config.pyproject)} knows it"
        hint = (
            f"If it comes from a tag: publish-all version --release {version}. Otherwise write it in [project],"
            " or let tool.publish-all.version.source say where it is."
        )
        raise UsageError(f"{msg} ({reasons})" if reasons else msg, hint=hint)


def planned(config: ProjectConfig, version: Version) -> tuple[tuple[Place, ...], dict[Path, bytes]]:
    """The places with another version, and the new contents of their files.

    Nothing is written. Raises `VersionError` for a place that cannot have this version, and if a place would still
    have another version.
    """
    different = tuple(each for each in find_places(config) if each.says != each.spelt(version))
    contents: dict[Path, bytes] = {}

    def read(path: Path) -> bytes:
        return contents[path] if path in contents else read_place(path)

    for place in different:
        contents[place.file] = place.write(read, place.spelt(version))
    for place in find_places(config, read=read):
        if not place.agrees(version):
            msg = f"{place.where}: would still have {place.says} after writing {version} to all places"
            raise VersionError(msg, hint="Edit it so that the version is one literal.")
    return different, contents


def write_all(contents: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Replace the contents of all files or of none. Returns the old contents of existing files.

    Raises `VersionError` when one cannot be written; the others are then as they were.
    """
    before = {path: path.read_bytes() for path in contents if path.exists()}
    done: list[Path] = []
    try:
        for path, data in contents.items():
            _write(path, data)
            done.append(path)
    except OSError as error:
        for path in done:
            if path in before:
                _write(path, before[path])
            else:
                path.unlink()
        msg = f"{error.filename or 'a file'}: cannot be written: {error.strerror}; no file was changed"
        raise VersionError(msg) from error
    return before


def _write(path: Path, data: bytes) -> None:
    """Write the file that `path` leads to at once or not at all, with the mode that it has. Raises `OSError`."""
    target = path.resolve()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
    elif os.access(target, os.W_OK):
        write_whole(target, data, mode=target.stat().st_mode)
    else:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


class ReleasePlan(NamedTuple):
    """The steps of a release: the places to change, the commit and the tag.

    `changes` is empty where all places say the version already; then nothing is committed. `since` is
    the last release's tag, `push` the command that publishes commit and tag. `others` are releases of other members of
    a workspace in the same commit.
    """

    version: Version
    tag: str
    since: str | None
    changes: tuple[Place, ...]
    commit_message: str
    tag_message: str
    push: str
    contents: Mapping[Path, bytes]
    others: tuple[ReleasePlan, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """Each tag with its message. Members that have one tag share it."""
        found: dict[str, str] = {}
        for each in (self, *self.others):
            before = found.get(each.tag)
            found[each.tag] = f"{before}, {each.tag_message}" if before else each.tag_message
        return found


def plan_release(
    config: ProjectConfig,
    text: str,
    *,
    current: Version | None,
    environment: Mapping[str, str],
    run: Run = _process.run,
) -> ReleasePlan:
    """Compute the release of version `text`. `current` is the current version, None if unknown.

    Raises `UsageError` for a tree with changes, a tag that exists and a version that is not higher.
    """

    def ask(*arguments: str) -> list[str]:
        return ask_git(*arguments, cwd=config.root, environment=environment, run=run).stdout.split()

    version = parse_version(text)
    if version.local is not None:
        msg = f"{version} is a local version, which cannot be released"
        raise UsageError(msg, hint=f"Release {version.public}.")
    prefix = config.version.tag_prefix
    last = _last_release(config, environment, run)
    if last is not None and version <= last.version:
        msg = f"{version} is not higher than {last.version}, which was released as {last.tag}"
        raise UsageError(msg, hint="Choose a higher version.")
    if current is not None and current.local is None and version < current:
        msg = f"{version} is lower than the current version {current}"
        raise UsageError(msg, hint="Choose a higher version.")
    tag = tag_name(version, prefix=prefix, last=last.tag if last is not None else None)
    for name in ask("for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"):
        if name == tag or tag_version(name, prefix) == version:
            msg = f"the tag {name} already exists"
            raise UsageError(msg, hint="Choose a higher version, because others may have fetched this tag.")
    changes, contents = planned(config, version)
    remotes = sorted(ask("remote"), key=lambda name: (name != "origin", name))
    branch = ask("symbolic-ref", "--short", "--quiet", "HEAD")
    return ReleasePlan(
        version=version,
        tag=tag,
        since=last.tag if last is not None else None,
        changes=changes,
        commit_message=f"Release {version}",
        tag_message=f"{project_name(config.pyproject) or config.root.name} {version}",
        push=" ".join(["git push --atomic", *(remotes[:1] or ["origin"]), *(branch or ["HEAD"]), tag]),
        contents=contents,
    )


def together(plans: Sequence[ReleasePlan], root: Path) -> ReleasePlan:
    """The releases of several members of the workspace in `root` as one: one commit, and each tag once.

    Several members may have their versions in the same file.
    """
    contents: dict[Path, bytes] = {}

    def read(path: Path) -> bytes:
        path = path.resolve()
        return contents[path] if path in contents else read_place(path)

    every = []
    for each in plans:
        for place in each.changes:
            contents[place.file.resolve()] = place.write(read, place.spelt(each.version))
        named = (one._replace(path=Path(os.path.relpath(one.file, root)).as_posix()) for one in each.changes)
        every.append(each._replace(changes=tuple(named)))
    first, *others = every
    message = f"Release {', '.join(each.tag_message for each in plans)}"
    plan = first._replace(commit_message=message, contents=contents, others=tuple(others))
    return plan._replace(push=" ".join((plan.push, *[each for each in plan.tags if each != plan.tag])))


def carry_out(
    config: ProjectConfig, plan: ReleasePlan, *, environment: Mapping[str, str], run: Run = _process.run
) -> None:
    """Write, commit and tag. If that fails before the commit, the files are restored. Raises `VersionError`."""
    git = partial(git_for_user, cwd=config.root, environment=environment, run=run)
    before = write_all(plan.contents)
    if plan.contents:
        paths = sorted(str(path) for path in plan.contents)
        done = git("commit", "--quiet", "-m", plan.commit_message, "--", *paths)
        if done.returncode != 0:
            write_all(before)
            msg = f"git commit failed, and the files were restored: {one_line(done.stderr or done.stdout)}"
            raise VersionError(
                msg, hint=_who(done) or "A git hook may have rejected it. Run `git commit` to see its output."
            )
    tags = [*plan.tags.items()]
    for place, (tag, message) in enumerate(tags):
        done = git("tag", "-a", tag, "-m", message)
        if done.returncode != 0:
            state = "the release is committed but not tagged" if plan.contents else "nothing was changed"
            msg = f"git tag failed, and {state}: {one_line(done.stderr)}"
            then = " && ".join(f'git tag -a {left} -m "{says}"' for left, says in tags[place:])
            raise VersionError(msg, hint=" ".join(filter(None, (_who(done), f"Then: {then}"))))


def _who(failed: Completed) -> str:
    """The hint if git has no author configured, as on a new machine."""
    name = 'git config --global user.name "YOUR NAME"; git config --global user.email YOU@EXAMPLE'
    return f"Tell git who you are: {name}." if "user.email" in failed.stderr else ""


def _last_release(config: ProjectConfig, environment: Mapping[str, str], run: Run) -> Described | None:
    said = describe(config.root, prefix=config.version.tag_prefix, environment=environment, run=run)
    match said:
        case NoRepository():
            msg = f"{config.root}: there is nothing to tag: {said.reason}"
            raise said.problem or VersionError(msg, hint="Commit the project to git first.")
        case Untagged(node=None):
            msg = f"{config.root}: there is no commit to tag yet"
            raise VersionError(msg, hint="Commit the project first.")
        case _ if said.shallow and not (isinstance(said, Described) and said.distance == 0):
            msg = f"{config.root}: the clone is shallow, so earlier releases are not known"
            raise VersionError(msg, hint="git fetch --unshallow --tags")
    if said.dirty:
        msg = f"{config.root}: there are uncommitted changes"
        raise UsageError(msg, hint="Commit or discard them first. `git status` lists them.")
    return said if isinstance(said, Described) else None
