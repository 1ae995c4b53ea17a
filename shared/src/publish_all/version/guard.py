"""What keeps a version from being published. Reads the working tree and git, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from publish_all import _process
from publish_all._git import ask_git, git_for_user
from publish_all._process import Completed, Run
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.diagnoses import (
    DIRTY_TREE,
    REMOTE_NOT_ASKED,
    TAG_DIFFERS_FROM_REMOTE,
    TAG_NOT_PUSHED,
    TAG_SAYS_OTHERWISE,
    VERSION_DIFFERS,
)
from publish_all.findings import Finding
from publish_all.version.git import Described, NoRepository, describe, one_line
from publish_all.version.place import Place
from publish_all.version.places import find_places
from publish_all.version.source import ResolvedVersion

_REMOTE_TIMEOUT = 20.0


def release_findings(
    config: ProjectConfig,
    resolved: ResolvedVersion,
    *,
    pypi: bool,
    allow_dirty: bool = False,
    ask_remote: bool = True,
    environment: Mapping[str, str],
    run: Run = _process.run,
) -> tuple[Finding, ...]:
    """What speaks against publishing this version of the working tree.

    `pypi`: PyPI is among the destinations, so a dirty tree is refused unless `allow_dirty`. `ask_remote`:
    compare HEAD's tag with the remote's. A local version is a check's business. Raises `VersionError`
    for a place that says no version.
    """
    found = [*version_differences(config, resolved)]
    said = describe(config.root, prefix=config.version.tag_prefix, environment=environment, run=run)
    if isinstance(said, NoRepository):
        return tuple(found)
    if pypi and said.dirty and not allow_dirty:
        found.append(
            DIRTY_TREE.found(
                "there are uncommitted changes",
                where=str(config.root),
                hint="Commit them (`git status` lists them), or allow it with --allow-dirty.",
            )
        )
    if isinstance(said, Described) and said.distance == 0:
        found += _tag_findings(config.root, said, resolved)
        if ask_remote:
            found += _remote_findings(config.root, said.tag, environment, run)
    return tuple(found)


def version_differences(config: ProjectConfig, resolved: ResolvedVersion) -> Iterator[Finding]:
    """A finding for each place that says another version, where the places can be compared."""
    for place in differing_places(config, resolved):
        yield VERSION_DIFFERS.found(
            f"says {place.says}, and the version is {resolved.text}",
            where=place.where,
            hint="publish-all version --sync writes the version into all places.",
        )


def differing_places(config: ProjectConfig, resolved: ResolvedVersion) -> tuple[Place, ...]:
    if not comparable(config, resolved):
        return ()
    return tuple(each for each in find_places(config) if not each.agrees(resolved.version))


def comparable(config: ProjectConfig, resolved: ResolvedVersion) -> bool:
    """Between tags no file can hold its own version: it would have to name a commit that it is part of."""
    return config.version.source is not VersionSource.GIT or resolved.tagged


def _tag_findings(root: Path, said: Described, resolved: ResolvedVersion) -> Iterator[Finding]:
    if resolved.version != said.version and not said.dirty:
        yield TAG_SAYS_OTHERWISE.found(
            f"HEAD has the tag {said.tag}, and the version is {resolved.text} ({resolved.source})",
            where=str(root),
            hint=f"Publish {said.version} from this commit, or tag another one as {resolved.text}.",
        )


def _remote_findings(root: Path, tag: str, environment: Mapping[str, str], run: Run) -> Iterator[Finding]:
    def git(*arguments: str, using: Callable[..., Completed] = ask_git) -> tuple[int, str, str]:
        try:
            done = using(*arguments, cwd=root, environment=environment, run=run, timeout=_REMOTE_TIMEOUT)
        except (OSError, TimeoutError) as error:
            return 1, "", str(error)
        return done.returncode, done.stdout, done.stderr

    remote = next(iter(sorted(git("remote")[1].split(), key=lambda name: (name != "origin", name))), None)
    if remote is None:
        return
    name = f"refs/tags/{tag}"
    failed, listed, said = git("ls-remote", "--tags", remote, name, using=git_for_user)
    if failed:
        reason = f"the remote {remote} could not be asked for the tag {tag}: {one_line(said)}"
        hint = f"See whether `git ls-remote {remote}` works; a publish goes on without."
        yield REMOTE_NOT_ASKED.found(reason, where=str(root), hint=hint)
        return
    there = {line.split("\t")[1]: line.split("\t")[0] for line in listed.splitlines() if "\t" in line}
    here = git("rev-parse", "--verify", "--quiet", name)[1].strip()
    if name not in there:
        hint = f"git push {remote} {tag}"
        yield TAG_NOT_PUSHED.found(
            f"the remote {remote} does not have the tag {tag}", where=str(root), hint=hint
        )
    elif there[name] != here:
        yield TAG_DIFFERS_FROM_REMOTE.found(
            f"the tag {tag} is {here[:9]} here and {there[name][:9]} on the remote {remote}",
            where=str(root),
            hint=f"See which one is right: git fetch {remote} 'refs/tags/{tag}:refs/tags/{tag}' --force takes theirs.",
        )
