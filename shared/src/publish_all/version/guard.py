"""Findings that prevent the publication of a version, from the working tree and git. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from publish_all import _process, diagnoses
from publish_all._git import ask_git, git_for_user
from publish_all._process import Completed, Run
from publish_all.config.model import ProjectConfig, VersionSource
from publish_all.diagnoses import Diagnosis
from publish_all.findings import Finding
from publish_all.version.git import Described, NoRepository, describe, one_line, tag_of
from publish_all.version.places import find_places, source_places
from publish_all.version.version_source import Origin, ResolvedVersion

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
    """The reasons not to publish this version of the working tree.

    `pypi`: PyPI is a destination, so uncommitted changes are an error unless `allow_dirty`. `ask_remote`:
    compare the tag of HEAD with that of the remote. Local versions have their own check. Raises `VersionError`
    for a place without a version.
    """
    found = [*version_differences(config, resolved)]
    said = describe(config.root, prefix=config.version.tag_prefix, environment=environment, run=run)
    if isinstance(said, NoRepository):
        return tuple(found)
    if pypi and said.dirty and not allow_dirty:
        found.append(Diagnosis("PA231").found("there are uncommitted changes", where=str(config.root)))
    at_tag = said if isinstance(said, Described) and said.distance == 0 else None
    if at_tag is None or at_tag.version != resolved.version:
        prefix = config.version.tag_prefix
        own = tag_of(resolved.version, config.root, prefix=prefix, environment=environment, run=run)
        found += _tag_findings(at_tag, resolved, own, node=said.node, where=str(config.root))
    # A build backend does not notice this, and counts from the first known version.
    counted = resolved.origin is Origin.BACKEND and resolved.version.is_devrelease
    if not isinstance(said, Described) and said.shallow and counted and not source_places(config):
        message = f"{resolved.text} was computed in a shallow clone, without the tags before HEAD"
        found.append(diagnoses.SHALLOW_CLONE.found(message, where=str(config.root)))
    if at_tag is not None and ask_remote:
        found += _remote_findings(config.root, at_tag.tag, environment, run)
    return tuple(found)


def _tag_findings(
    at_tag: Described | None,
    resolved: ResolvedVersion,
    own: tuple[str, str] | None,
    *,
    node: str | None,
    where: str,
) -> Iterator[Finding]:
    """Findings if HEAD (`node`) does not have the tag of this version. `own` is that tag and its commit."""
    raise_it = "release a new version: publish-all version --release VERSION"
    if at_tag is not None and not at_tag.dirty:
        hint = ""
        if own is not None:
            hint = f"Publish the tagged commit: git checkout {own[0]}. Or {raise_it}."
        elif at_tag.version > resolved.version:
            hint = (
                f"The tag was made before {at_tag.version} was written to the files. If it was never published, delete the tag"
                f" and run publish-all version --release {at_tag.version}. Otherwise {raise_it}."
            )
        message = f"HEAD has the tag {at_tag.tag}, but the version is {resolved.text} ({resolved.source})"
        yield Diagnosis("PA232").found(message, where=where, hint=hint)
    elif own is not None and own[1] != node:
        message = f"the tag {own[0]} is on the commit {own[1][:9]}, but HEAD is {(node or '')[:9]}"
        hint = (
            f"{raise_it[0].upper()}{raise_it[1:]}. Or publish the tagged commit: git checkout {own[0]}."
            f" If this version was never published, move the tag: git tag -f {own[0]}"
        )
        yield diagnoses.TAG_ELSEWHERE.found(message, where=where, hint=hint)


def version_differences(config: ProjectConfig, resolved: ResolvedVersion) -> Iterator[Finding]:
    """A finding for each place with another version, if the places can be compared."""
    hint = ""
    if config.version.source is VersionSource.GIT:  # a change now would be a commit after the tag
        hint = (
            f"The file was not changed before the tag was made. Run publish-all version --release VERSION with a version after {resolved.text}."
            " Or remove the file from tool.publish-all.version.sync."
        )
    for place in find_places(config) if comparable(config, resolved) else ():
        if not place.agrees(resolved.version):
            message = f"{place.where} has {place.says}, but the version is {resolved.text}"
            yield Diagnosis("PA230").found(message, where=place.where, hint=hint)


def comparable(config: ProjectConfig, resolved: ResolvedVersion) -> bool:
    """Whether files can contain the version. Between two tags it depends on the commit that they are in."""
    return config.version.source is not VersionSource.GIT or resolved.tagged


def _remote_findings(root: Path, tag: str, environment: Mapping[str, str], run: Run) -> Iterator[Finding]:
    def git(*arguments: str, using: Callable[..., Completed] = ask_git) -> Completed:
        try:
            return using(*arguments, cwd=root, environment=environment, run=run, timeout=_REMOTE_TIMEOUT)
        except (OSError, TimeoutError) as error:
            return Completed(returncode=1, stdout="", stderr=str(error))

    remotes = sorted(git("remote").stdout.split(), key=lambda name: (name != "origin", name))
    if not remotes:
        return
    remote, name = remotes[0], f"refs/tags/{tag}"
    listed = git("ls-remote", "--tags", remote, name, using=git_for_user)
    there = {ref: node for node, _, ref in (line.partition("\t") for line in listed.stdout.splitlines())}
    here = git("rev-parse", "--verify", "--quiet", name).stdout.strip()
    if listed.returncode != 0:
        reason = f"the tag {tag} could not be checked on the remote {remote}: {one_line(listed.stderr)}"
        yield Diagnosis("PA235").found(reason, where=str(root))
    elif name not in there:
        message = f"the remote {remote} does not have the tag {tag}"
        yield diagnoses.TAG_NOT_PUSHED.found(message, where=str(root), hint=f"git push {remote} {tag}")
    elif there[name] != here:
        message = f"the tag {tag} is {here[:9]} here and {there[name][:9]} on the remote {remote}"
        hint = f"Find out which one is right. To use the remote one: git fetch {remote} 'refs/tags/{tag}:refs/tags/{tag}' --force"
        yield Diagnosis("PA233").found(message, where=str(root), hint=hint)
