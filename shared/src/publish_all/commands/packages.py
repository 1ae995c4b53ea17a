"""The Python packages in a repository: list them, or fetch their files into a folder for installs without an index."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._own_files import replace_open
from publish_all._process import Run, run
from publish_all._temporary import temporary_folder
from publish_all.commands.context import distribution_names, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection, or_default_registry
from publish_all.commands.index import IndexOptions, open_source, servable
from publish_all.commands.wheelhouse import (
    LOCK,
    DownloadedFile,
    Target,
    ensure_ours,
    fetch_dependencies,
    index_options,
    write_locks,
)
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import release_of, sha256_of
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import Found, Listener, Note, StepStarted, ignore
from publish_all.index.index_source import IndexSource, ServeError, fetch_file
from publish_all.reporting.text import count
from publish_all.repositories.fetch import files_of, not_there
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import IndexFile
from publish_all.variants.resolve import resolve_variants

_HIDDEN = frozenset({401, 403, 404})
"""Statuses of a project that is not there, or that we may not see."""


class ListedFile(NamedTuple):
    """One file. `bytes`, `uploaded` and `requires_python` are empty if the repository does not have them.

    `source` is the address of the repository that the package is linked to. `yanked` is the reason, or `yes`.
    """

    project: NormalizedName
    version: str
    file: str
    bytes: int | str
    uploaded: str
    requires_python: str
    source: str
    yanked: str


def list_packages(
    directory: Path,
    names: Sequence[str] = (),
    connection: ConnectionOptions | None = None,
    *,
    listener: Listener = ignore,
) -> tuple[ListedFile, ...]:
    """The files of each project, oldest release first. Missing projects become notes.

    Without `names`: the packages of the project; outside of a project, all packages that the repository lists.
    Raises `PublishAllError`.
    """
    config = project_of_files(directory, optional=True)
    source = _source(config, connection or ConnectionOptions(), listener)
    rows: list[ListedFile] = []
    unbuilt = _unbuilt(config) if not names and config is not None else set()
    with _in_our_words():
        for project in _projects(names, config, source):
            try:
                page = source.page(project, None)
                findings = source.oddities(project)
            except ServeError as error:
                if project in unbuilt and error.status in _HIDDEN:
                    continue  # nothing says that it is there
                raise
            if page is None and project not in unbuilt:
                listener(Note(message=f"{project} has no versions there, or you are not allowed to see them"))
            for finding in findings:
                listener(Found(finding=finding))
            for version, files in sorted(_releases(page.files).items()) if page is not None else ():
                rows += (
                    ListedFile(
                        project,
                        str(version),
                        file.filename,
                        "" if file.size is None else file.size,
                        file.upload_time or "",
                        file.requires_python or "",
                        (page.source if page is not None else None) or "",
                        "" if file.yanked is None else file.yanked or "yes",
                    )
                    for file in files
                )
    return tuple(rows)


def _source(config: ProjectConfig | None, options: ConnectionOptions, listener: Listener) -> IndexSource:
    """The repository that is named, or else `github`. Raises `UsageError` for one that is an index itself."""
    options = or_default_registry(options)
    opened = open_connection(config, options, listener=listener)
    (chosen,) = servable(opened.chosen, options)
    return open_source(chosen, opened, own=True)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Raise errors of a repository with their findings and exit codes instead of a `ServeError` for clients."""
    try:
        yield
    except ServeError as error:
        if isinstance(error.__cause__, PublishAllError):
            raise error.__cause__ from None
        raise


def _releases(files: Sequence[IndexFile]) -> dict[Version, list[IndexFile]]:
    found: dict[Version, list[IndexFile]] = {}
    for file in files:
        if (release := release_of(file.filename)) is not None:
            found.setdefault(release[1], []).append(file)
    return found


def _unbuilt(config: ProjectConfig) -> set[NormalizedName]:
    """The project's own name where our builds make its variants alone; the host's may still make it."""
    built = resolve_variants(config, version="0")
    return set(distribution_names(config)) - {canonicalize_name(each.project) for each in built}


def _projects(
    names: Sequence[str], config: ProjectConfig | None, source: IndexSource
) -> tuple[NormalizedName, ...]:
    if names:
        try:
            return tuple(canonicalize_name(each, validate=True) for each in names)
        except InvalidName as error:
            raise UsageError(f"{' '.join(names)!r} is not the name of a project") from error
    if config is not None:
        return distribution_names(config)
    try:
        return source.projects(None)
    except ServeError as error:
        if error.status not in _HIDDEN:
            raise
        msg = f"{source.name} does not list its packages"
        raise UsageError(msg, hint="Add the names of packages, as in `publish-all list NAME`.") from error


class _Wanted(NamedTuple):
    """The release for a requirement, and its files. `pin` is the exact requirement with extras."""

    project: NormalizedName
    version: Version
    files: tuple[IndexFile, ...]
    pin: str


def download(
    texts: Sequence[str],
    destination: Path,
    options: IndexOptions,
    *,
    pre: bool = False,
    dependencies: bool = False,
    target: Target | None = None,
    listener: Listener = ignore,
    run: Run = run,
) -> tuple[DownloadedFile, ...]:
    """Download all files of the newest matching release of each requirement, and check their SHA-256 digests.

    `pre` allows pre-releases where the requirement does not name one. With `dependencies` pip fetches what
    the releases need, for itself or for the `target`, through an index of these options: private names from the
    repository only; and a requirements file and a lock file are written beside them. Ends with a note with the
    install command. Raises `UsageError` for an invalid requirement, and `RepositoryError` if no version
    matches.
    """
    requirements = [_parse(each) for each in texts]
    config = project_of_files(options.directory, optional=True)
    index = index_options(options, requirements, config) if dependencies else None
    source = _source(config, options.connection, listener)
    with _in_our_words():
        wanted = [_wanted(source, each, pre=pre) for each in requirements]
    files = [(each, file) for each in wanted for file in each.files]
    pins = tuple(dict.fromkeys(each.pin for each in wanted))
    listener(StepStarted(step="fetch", detail=f"{source.name}: {count(len(files), 'file')}"))
    _make(destination)
    if dependencies:
        ensure_ours(destination)
    try:
        with temporary_folder(within=destination) as folder, _in_our_words():

            def fetch(each: tuple[_Wanted, IndexFile]) -> DownloadedFile:
                release, file = each
                get = partial(fetch_file, source, release.project, file, folder)
                return _put(release.project, release.version, destination / file.filename, file.sha256, get)

            found = in_parallel(fetch, files)
            if index is not None:
                others = folder / "dependencies"
                fetch_dependencies(index, pins, others, target, listener=listener, run=run)
                ours = {Path(each.file).name for each in found}
                for path in sorted(others.iterdir()):
                    if path.name not in ours and (release := release_of(path.name)) is not None:
                        found.append(_put(*release, destination / path.name, sha256_of(path), path.absolute))
                write_locks(destination, found, target)
    except OSError as error:
        msg = f"{error.filename or destination} cannot be written: {error.strerror or error}"
        raise PublishAllError(msg) from error
    # Without --no-index pip would look for newer namesakes on PyPI.
    line = shlex.join(["--find-links", str(destination), *pins])
    if dependencies:
        listener(Note(message=f"to install exactly these files: pip install --no-index {line}"))
        lock = shlex.quote(str(destination / LOCK))
        listener(Note(message=f"or with hashes and uv: uv pip sync {lock}"))
    else:
        more = "(use --with-dependencies to download their dependencies, too)"
        listener(
            Note(message=f"to install exactly these files: pip install --no-index --no-deps {line} {more}")
        )
    return tuple(found)


def _put(
    project: NormalizedName, version: Version, target: Path, sha256: str, fetch: Callable[[], Path]
) -> DownloadedFile:
    """A file in its place. It is fetched, whole and checked, before it has its name."""
    fresh = not target.is_file() or sha256_of(target) != sha256
    if fresh:
        replace_open(fetch(), target)
    state = "fetched" if fresh else "was there"
    return DownloadedFile(project, str(version), str(target), target.stat().st_size, sha256, state)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror or error
        msg = f"{folder} cannot be written to: {why}"
        raise UsageError(msg, hint="Use another folder with --dest.") from error


def _parse(text: str) -> Requirement:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        msg = f"{text!r} is not a package, or a package and its version"
        raise UsageError(msg, hint="Use a form like kindling-synapse or kindling-synapse==0.2.0.") from error
    if found.url is not None:
        msg = f"{text!r} has a URL, but `download` uses a repository"
        raise UsageError(msg, hint="Remove the URL.")
    return found


def _wanted(source: IndexSource, requirement: Requirement, *, pre: bool) -> _Wanted:
    """The newest matching release. A yanked file matches only its exact version (PEP 592)."""
    project = canonicalize_name(requirement.name)
    page = source.page(project, None)
    releases = _releases(page.files) if page is not None else {}
    exact = any(each.operator in {"==", "==="} for each in requirement.specifier)
    # Pre-releases if they are asked for, or if there is nothing else.
    for version in sorted(requirement.specifier.filter(releases, prereleases=pre or None), reverse=True):
        if any(exact or each.yanked is None for each in releases[version]):
            listed = files_of(page, project, version, source.name)
            files = tuple(each for each in listed if exact or each.yanked is None)
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            return _Wanted(project, version, files, f"{project}{extras}=={version}")
    others = [str(each) for each in sorted(releases)[-10:]]
    raise not_there(f"{source.name} has no version that matches {requirement}", project, others, source.name)
