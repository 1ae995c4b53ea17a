"""Promotion: copy the files of one repository to another, unchanged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publish_all.commands.context import project_variants
from publish_all.commands.destinations import open_connection
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
    `UsageError` for an invalid release.
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
    own: list[_Release] = []
    if not options.releases:
        with suppress(ConfigurationError):  # a project without a name
            own = _releases_of(config, options, listener, itself=True)
    listener(StepStarted(step="fetch", detail=f"{repository.name}: {', '.join(map(_shown, wanted))}"))
    paths: list[Path] = []
    absent: list[RepositoryError] = []
    for release in dict.fromkeys((*wanted, *own)):
        try:
            paths += repository.fetch(*release, folder)
        except RepositoryError as error:
            if not any(each.code == RELEASE_NOT_THERE.code for each in error.findings):
                raise
            absent += [error] if release in wanted else []
    # Where the host alone publishes, the source has the project and no variant.
    if absent and (len(absent) < len(wanted) or not paths):
        raise absent[0]
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
    config: ProjectConfig | None, options: PublishOptions, listener: Listener, *, itself: bool = False
) -> list[_Release]:
    """Those of the build variants, or of the project `itself`."""
    if config is None:
        raise UsageError("--from needs the releases to copy", hint="Write releases as NAME==VERSION.")
    found = project_variants(config, (), itself=itself, runtime=options.runtime, listener=listener)
    return [(canonicalize_name(each.project), Version(each.version)) for each in found]


def _shown(release: _Release) -> str:
    return f"{release[0]}=={release[1]}"
