"""Promotion: the very bytes that are in one repository, for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all.commands.context import project_variants
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.commands.files import FoundFiles, PublishOptions
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import RELEASE_NOT_THERE
from publish_all.distributions.read import read_distribution
from publish_all.errors import ConfigurationError, RepositoryError, UsageError
from publish_all.events import Listener, StepStarted

_Release = tuple[NormalizedName, Version]


def promoted_files(
    config: ProjectConfig | None, options: PublishOptions, folder: Path, listener: Listener
) -> FoundFiles:
    """Fetch releases (`NAME==VERSION`; none: the project's, in its present version) from `source` into `folder`.

    The project's are those of its build variants, and its own if `source` has it: the host's `publish` sends it.
    Each file is checked against the hash that the source's index states. Raises `RepositoryError`, and
    `UsageError` for what is not a release.
    """
    connection, releases = options.connection, options.releases
    # The user name and password of the command line are for the destination.
    reading = replace(
        connection, repositories=(str(options.source),), repository_url=None, username=None, password=None
    )
    (repository,) = open_connection(config, reading, listener=listener).repositories()
    wanted = [_parse(each) for each in releases] or _of_project(config, connection, listener)
    own = None if releases or config is None else _own(config, connection, wanted, listener)
    listener(StepStarted(step="fetch", detail=f"{repository.name}: {', '.join(map(_shown, wanted))}"))
    paths: list[Path] = []
    absent: list[RepositoryError] = []
    for release in (*wanted, *([own] if own is not None else [])):
        try:
            paths += repository.fetch(*release, folder)
        except RepositoryError as error:
            if not any(each.code == RELEASE_NOT_THERE.code for each in error.findings):
                raise
            absent += [error] if release != own else []
    # Where the host alone publishes, the source has the project and no variant.
    if absent and (len(absent) < len(wanted) or not paths):
        raise absent[0]
    return FoundFiles(distributions=tuple(read_distribution(path) for path in sorted(paths)))


def _parse(text: str) -> _Release:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    specifiers = list(requirement.specifier) if requirement is not None else []
    if (
        requirement is None
        or len(specifiers) != 1
        or specifiers[0].operator != "=="
        or "*" in specifiers[0].version
    ):
        msg = f"{text!r} does not name one release"
        raise UsageError(msg, hint="With --from, name releases as NAME==VERSION.")
    return canonicalize_name(requirement.name), Version(specifiers[0].version)


def _of_project(
    config: ProjectConfig | None, connection: ConnectionOptions, listener: Listener
) -> list[_Release]:
    if config is None:
        msg = "--from needs to know what to fetch"
        raise UsageError(msg, hint="Name releases as NAME==VERSION.")
    variants = project_variants(config, (), around=connection.around, listener=listener)
    return [(canonicalize_name(each.project), Version(each.version)) for each in variants]


def _own(
    config: ProjectConfig, connection: ConnectionOptions, built: Sequence[_Release], listener: Listener
) -> _Release | None:
    """The project itself, where a build of ours leaves it out; None where it has no name, or is among the others."""
    try:
        (base,) = project_variants(config, (), itself=True, around=connection.around, listener=listener)
    except ConfigurationError:
        return None
    release = (canonicalize_name(base.project), Version(base.version))
    return release if release not in built else None


def _shown(release: _Release) -> str:
    return f"{release[0]}=={release[1]}"
