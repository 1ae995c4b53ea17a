"""What an OCI registry has of Python packages: versions and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from publish_all import diagnoses as known
from publish_all.commands.context import distribution_names, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_registry
from publish_all.config.model import ProjectConfig
from publish_all.credentials.source import Purpose
from publish_all.errors import UsageError
from publish_all.events import Found, Listener, Note, ignore
from publish_all.findings import Finding
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_layout import version_of
from publish_all.repositories.oci_registry import PackageRelease, versions_of
from publish_all.repositories.oci_replies import RefusedError, UnauthorizedError
from publish_all.repositories.simple_pages import IndexFile
from publish_all.variants.resolve import resolve_variants

MOST_VERSIONS = 1000
"""How many versions of a project are shown at most, the newest ones."""
MOST_FINDINGS = 20


def list_packages(
    directory: Path,
    names: Sequence[str] = (),
    connection: ConnectionOptions | None = None,
    *,
    listener: Listener = ignore,
) -> tuple[PackageRelease, ...]:
    """The releases of each project, oldest first. What the registry has not got is told in notes.

    No `names`: what the project publishes; outside of a project all that the registry tells of.
    Raises `PublishAllError`.
    """
    config = project_of_files(directory, optional=True)
    repository = open_registry(config, connection or ConnectionOptions(), listener=listener)
    releases: list[PackageRelease] = []
    unbuilt = _unbuilt(config) if not names and config is not None else set()
    for project in _projects(names, config, repository):
        package = repository.package(project, Purpose.READ)
        try:
            tags = package.tags()
        except (RefusedError, UnauthorizedError) as error:
            if project in unbuilt and not error.retryable:
                continue  # nothing says that it is there
            raise
        foreign = [tag for tag in tags if version_of(tag) is None]
        versions = versions_of(tags)
        if foreign:
            listener(Found(finding=_foreign(repository, project, foreign)))
        if not versions and project not in unbuilt:
            listener(Note(message=f"{project} has no versions there, or you may not see them"))
        newest = versions[-MOST_VERSIONS:]
        if len(newest) < len(versions):
            more = len(versions) - len(newest)
            listener(Note(message=f"{project}: {more} older versions are not shown"))
        found = package.releases(newest)
        for finding in _gone(repository, project, package.missing(found)):
            listener(Found(finding=finding))
        releases += found
    return tuple(releases)


def _unbuilt(config: ProjectConfig) -> set[NormalizedName]:
    """The project's own name where our builds make its variants alone; the host's may still make it."""
    built = resolve_variants(config, version="0")
    return set(distribution_names(config)) - {canonicalize_name(each.project) for each in built}


def _projects(
    names: Sequence[str], config: ProjectConfig | None, repository: OciRepository
) -> tuple[NormalizedName, ...]:
    if names:
        try:
            return tuple(canonicalize_name(each, validate=True) for each in names)
        except InvalidName as error:
            raise UsageError(f"{' '.join(names)!r} is not the name of a project") from error
    if config is not None:
        return distribution_names(config)
    try:
        return repository.registry.projects(lambda: repository.login(None, Purpose.READ))
    except (RefusedError, UnauthorizedError) as error:
        msg = f"{repository.name} does not tell which packages it has"
        raise UsageError(msg, hint="Name the packages, as `publish-all list NAME`.") from error


def _gone(
    repository: OciRepository,
    project: NormalizedName,
    missing: Sequence[tuple[IndexFile, tuple[str, ...]]],
) -> Iterator[Finding]:
    """What the registry lists and has not got any more."""
    where = f"{repository.place.registry}/{repository.place.repository(project)}"
    for file, parts in missing[:MOST_FINDINGS]:
        yield known.PART_MISSING.found(
            f"{file.filename} cannot be installed: {repository.name} has not got {', '.join(parts)}.",
            where=where,
        )
    if len(missing) > MOST_FINDINGS:
        more = len(missing) - MOST_FINDINGS
        message = f"{more} more files of {project} cannot be installed, because parts of them are missing."
        yield known.PART_MISSING.found(message, where=where)


def _foreign(repository: OciRepository, project: NormalizedName, tags: Sequence[str]) -> Finding:
    shown = ", ".join(tags[:5]) + (", …" if len(tags) > 5 else "")
    return known.FOREIGN_TAGS.found(
        f"{project} in {repository.name} has tags that are no versions: {shown}",
        where=f"{repository.place.registry}/{repository.place.repository(project)}",
    )
