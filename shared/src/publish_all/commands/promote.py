"""Promotion: the very bytes that are in one repository, for another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all.commands.context import project_variants
from publish_all.commands.destinations import ConnectionOptions, choose_destinations
from publish_all.commands.gather import Gathered
from publish_all.config.model import ProjectConfig
from publish_all.distributions.read import read_distribution
from publish_all.errors import UsageError
from publish_all.events import Listener, StepStarted


def promoted_files(
    config: ProjectConfig | None,
    releases: Sequence[str],
    *,
    source: str,
    connection: ConnectionOptions,
    folder: Path,
    listener: Listener,
) -> Gathered:
    """Fetch releases (`NAME==VERSION`; none: the project's, in its present version) from `source` into `folder`.

    Each file is checked against the hash that the source's index states. Raises `RepositoryError`, and
    `UsageError` for what is not a release.
    """
    # The user name and password of the command line are for the destination.
    reading = replace(connection, repositories=(source,), repository_url=None, username=None, password=None)
    (repository,) = choose_destinations(config, reading, listener=listener)
    wanted = [_parse(each) for each in releases] or _of_project(config, connection, listener)
    listener(StepStarted(step="fetch", detail=f"{repository.name}: {', '.join(map(_shown, wanted))}"))
    paths = [path for project, version in wanted for path in repository.fetch(project, version, folder)]
    return Gathered(distributions=tuple(read_distribution(path) for path in sorted(paths)))


def _parse(text: str) -> tuple[NormalizedName, Version]:
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
) -> list[tuple[NormalizedName, Version]]:
    if config is None:
        msg = "--from needs to know what to fetch"
        raise UsageError(msg, hint="Name releases as NAME==VERSION.")
    variants = project_variants(config, (), around=connection.around, listener=listener)
    return [(canonicalize_name(each.project), Version(each.version)) for each in variants]


def _shown(release: tuple[NormalizedName, Version]) -> str:
    return f"{release[0]}=={release[1]}"
