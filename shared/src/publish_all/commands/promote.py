"""Promotion: copy the files of one repository to another, unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.commands.context import project_variants
from publish_all.commands.destinations import open_connection
from publish_all.commands.files import FoundFiles, PublishOptions
from publish_all.config.model import ProjectConfig
from publish_all.distributions.read import read_distribution
from publish_all.errors import UsageError
from publish_all.events import Listener, StepStarted


def promoted_files(
    config: ProjectConfig | None, options: PublishOptions, folder: Path, listener: Listener
) -> FoundFiles:
    """Fetch releases (`NAME==VERSION`; none: the project's, in its present version) from `source` into `folder`.

    The project's are those of its build variants. Each file is checked against the hash that the source's index
    states. Raises `RepositoryError`, and `UsageError` for an invalid release.
    """
    # The user name and password of the command line are for the destination.
    reading = replace(
        options.connection,
        repositories=(str(options.source),),
        repository_url=None,
        username=None,
        password=None,
    )
    (repository,) = open_connection(config, reading, listener=listener).repositories()
    wanted = [parse_release(each) for each in options.releases] or _releases_of(config, options, listener)
    shown = ", ".join(f"{project}=={version}" for project, version in wanted)
    listener(StepStarted(step="fetch", detail=f"{repository.name}: {shown}"))
    paths: list[Path] = []
    for project, version in dict.fromkeys(wanted):
        paths += repository.fetch(project, version, folder)
    return FoundFiles(distributions=tuple(read_distribution(path) for path in sorted(paths)))


def parse_release(text: str) -> tuple[NormalizedName, Version]:
    """The release that `NAME==VERSION` names. Raises `UsageError`."""
    name, _, version = text.partition("==")
    try:
        return canonicalize_name(name.strip(), validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        msg = f"{text!r} is not a release"
        raise UsageError(msg, hint="Write releases as NAME==VERSION.") from error


def _releases_of(
    config: ProjectConfig | None, options: PublishOptions, listener: Listener
) -> list[tuple[NormalizedName, Version]]:
    """Those of the build variants."""
    if config is None:
        raise UsageError("--from needs the releases to copy", hint="Write releases as NAME==VERSION.")
    found = project_variants(config, (), runtime=options.runtime, listener=listener)
    return [(canonicalize_name(each.project), Version(each.version)) for each in found]
