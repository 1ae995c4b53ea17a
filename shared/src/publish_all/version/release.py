"""The release step: write all places, commit them, tag the commit. Planned first, then done.

Nothing is pushed; the plan says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from publish_all import _process
from publish_all._git import ask_git, git_for_user
from publish_all._process import Completed, Run
from publish_all.config.model import ProjectConfig
from publish_all.errors import UsageError, VersionError
from publish_all.version.change import parse_version, planned, write_all
from publish_all.version.git import Described, NoRepository, Untagged, describe, one_line, tag_version
from publish_all.version.place import Place
from publish_all.version.static import project_name


class ReleasePlan(NamedTuple):
    """What a release step does: these places get the version, one commit holds that, this tag names it.

    `changes` is empty where all places say the version already; then nothing is committed. `since` is
    the last release's tag, `push` the command that publishes commit and tag.
    """

    version: Version
    tag: str
    since: str | None
    changes: tuple[Place, ...]
    commit_message: str
    tag_message: str
    push: str
    contents: Mapping[Path, bytes]


def plan_release(
    config: ProjectConfig,
    text: str,
    *,
    current: Version | None,
    environment: Mapping[str, str],
    run: Run = _process.run,
) -> ReleasePlan:
    """Work out the release of version `text`. `current` is the version as it is now, None if unknown.

    Raises `UsageError` for a tree with changes, a tag that exists and a version that is not higher.
    """

    def ask(*arguments: str) -> list[str]:
        return ask_git(*arguments, cwd=config.root, environment=environment, run=run).stdout.split()

    version = parse_version(text)
    if version.local is not None:
        msg = f"{version} is a local version: it is not for releases"
        raise UsageError(msg, hint=f"Release {version.public}.")
    prefix = config.version.tag_prefix
    last = _last_release(config, environment, run)
    if last is not None and version <= last.version:
        msg = f"{version} is not higher than {last.version}, which is released as {last.tag}"
        raise UsageError(msg, hint="Choose a higher version.")
    if current is not None and current.local is None and version < current:
        msg = f"{version} is lower than the version now, {current}"
        raise UsageError(msg, hint="Choose a higher version.")
    start = prefix
    if prefix in {"", "v"} and last is not None:  # with or without the optional v: as the last release
        start = "v" if last.tag.startswith("v") else ""
    tag = f"{start}{version}"
    for name in ask("for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags"):
        if name == tag or tag_version(name, prefix) == version:
            msg = f"the tag {name} exists already"
            raise UsageError(msg, hint="Choose a higher version; others may have fetched that tag.")
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


def carry_out(
    config: ProjectConfig, plan: ReleasePlan, *, environment: Mapping[str, str], run: Run = _process.run
) -> None:
    """Write, commit and tag. Raises `VersionError`; what was written is then as it was, unless it was committed."""

    def git(*arguments: str) -> Completed:
        return git_for_user(*arguments, cwd=config.root, environment=environment, run=run)

    before = write_all(plan.contents)
    if plan.contents:
        paths = sorted(str(path) for path in plan.contents)
        done = git("commit", "--quiet", "-m", plan.commit_message, "--", *paths)
        if done.returncode != 0:
            write_all(before)
            msg = f"git commit failed, and the files are as they were: {one_line(done.stderr or done.stdout)}"
            raise VersionError(msg)
    done = git("tag", "-a", plan.tag, "-m", plan.tag_message)
    if done.returncode != 0:
        state = "the release is committed but not tagged" if plan.contents else "nothing was changed"
        msg = f"git tag failed, and {state}: {one_line(done.stderr)}"
        raise VersionError(msg, hint=f'Then: git tag -a {plan.tag} -m "{plan.tag_message}"')


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
            msg = f"{config.root}: the clone is shallow, so the releases before are not known"
            raise VersionError(msg, hint="git fetch --unshallow --tags")
    if said.dirty:
        msg = f"{config.root}: there are uncommitted changes"
        raise UsageError(msg, hint="Commit or discard them first: `git status` lists them.")
    return said if isinstance(said, Described) else None
