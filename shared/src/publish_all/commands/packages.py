"""The Python packages in an OCI registry: list them, or fetch their files into a folder for installs without an index."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all import diagnoses as known
from publish_all._own_files import replace_open
from publish_all._process import Run, run
from publish_all._temporary import temporary_folder
from publish_all.commands.context import distribution_names, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_registry, or_default_registry
from publish_all.commands.index import IndexOptions, ensure_installed, published_names
from publish_all.config.model import ProjectConfig
from publish_all.credentials.credential_source import Purpose
from publish_all.distributions.distribution import release_of, sha256_of
from publish_all.errors import PublishAllError, UsageError
from publish_all.events import Found, Listener, Note, StepStarted, ignore
from publish_all.findings import Finding
from publish_all.reporting.text import count
from publish_all.repositories.fetch import not_there
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_layout import version_of
from publish_all.repositories.oci_registry import OciPackage, PackageRelease, versions_of
from publish_all.repositories.oci_replies import RefusedError, UnauthorizedError
from publish_all.repositories.repository import in_parallel
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
        versions = versions_of(tags)
        if not versions and project not in unbuilt:
            listener(Note(message=f"{project} has no versions there, or you may not see them"))
        if len(versions) > MOST_VERSIONS:
            more = len(versions) - MOST_VERSIONS
            listener(Note(message=f"{project}: {more} older versions are not shown"))
        found = package.releases(versions[-MOST_VERSIONS:])
        for finding in _oddities(repository, package, tags, found):
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


def _oddities(
    repository: OciRepository, package: OciPackage, tags: Sequence[str], found: Sequence[PackageRelease]
) -> Iterator[Finding]:
    """Tags that are no versions, and what the registry lists and does not have any more."""
    project = package.project
    where = f"{repository.place.registry}/{repository.place.repository(project)}"
    foreign = [tag for tag in tags if version_of(tag) is None]
    if foreign:
        shown = ", ".join(foreign[:5]) + (", …" if len(foreign) > 5 else "")
        message = f"{project} in {repository.name} has tags that are no versions: {shown}"
        yield known.FOREIGN_TAGS.found(message, where=where)
    missing = package.missing(found)
    messages = [
        f"{file.filename} cannot be installed: {repository.name} has not got {', '.join(parts)}."
        for file, parts in missing[:MOST_FINDINGS]
    ]
    if (more := len(missing) - len(messages)) > 0:
        messages.append(
            f"{more} more files of {project} cannot be installed, because parts of them are missing."
        )
    yield from (known.PART_MISSING.found(message, where=where) for message in messages)


class DownloadedFile(NamedTuple):
    """One file. Its `state` is "was there" where the folder had it already with the same bytes, else "fetched"."""

    project: NormalizedName
    version: str
    file: str
    bytes: int
    sha256: str
    state: str


_Wanted: TypeAlias = tuple[OciPackage, PackageRelease, IndexFile]


def download(
    texts: Sequence[str],
    destination: Path,
    options: IndexOptions,
    *,
    pre: bool = False,
    dependencies: bool = False,
    listener: Listener = ignore,
    run: Run = run,
) -> tuple[DownloadedFile, ...]:
    """Fetch all files of the newest release that fits each requirement, each checked by its sha256.

    `pre` allows pre-releases where the requirement does not name one. With `dependencies` pip fetches what
    the releases need, through an index of these options: private names from the registry only. Ends with a note that holds the line which installs them. Raises `UsageError` for what is no requirement,
    and `RepositoryError` where nothing fits it.
    """
    requirements = [_parse(each) for each in texts]
    config = project_of_files(options.directory, optional=True)
    index = _index_options(options, requirements, config) if dependencies else None
    repository = open_registry(config, options.connection, listener=listener)
    wanted = [file for each in requirements for file in _wanted(repository, each, pre=pre)]
    listener(StepStarted(step="fetch", detail=f"{repository.name}: {count(len(wanted), 'file')}"))
    _make(destination)
    try:
        with temporary_folder(within=destination) as folder:

            def fetch(each: _Wanted) -> DownloadedFile:
                package, release, file = each
                target = destination / file.filename
                get = partial(repository.fetch_file, package, file, folder)
                return _put(release.project, release.version, target, file.sha256, get)

            files = in_parallel(fetch, wanted)
            pins = tuple(dict.fromkeys(f"{each.project}=={each.version}" for each in files))
            if index is not None:
                _fetch_dependencies(index, pins, folder / "dependencies", listener=listener, run=run)
                ours = {Path(each.file).name for each in files}
                for path in sorted((folder / "dependencies").iterdir()):
                    if path.name not in ours and (found := release_of(path.name)) is not None:
                        files.append(_put(*found, destination / path.name, sha256_of(path), path.absolute))
    except OSError as error:
        msg = f"{error.filename or destination} can't be written: {error.strerror or error}"
        raise PublishAllError(msg) from error
    # Without --no-index pip would look for newer namesakes on PyPI.
    only = "" if dependencies else "--no-deps "
    line = shlex.join(["--find-links", str(destination), *pins])
    more = "" if dependencies else " (--with-dependencies fetches what they need, too)"
    listener(Note(message=f"to install exactly these files: pip install --no-index {only}{line}{more}"))
    return tuple(files)


def _index_options(
    options: IndexOptions, requirements: Sequence[Requirement], config: ProjectConfig | None
) -> IndexOptions:
    """The index that pip fetches dependencies from. Raises `UsageError` where it is not known which are private."""
    private = options.private or published_names(config)
    if not private:
        msg = "--with-dependencies needs to know which names are private, and are never looked up on PyPI"
        raise UsageError(msg, hint='State them: --private "kindling-*" (may be given several times).')
    # Asked for by a server's thread, a password would be typed into another program.
    connection = replace(or_default_registry(options.connection), ask=None)
    named = (str(canonicalize_name(each.name)) for each in requirements)
    return replace(options, connection=connection, private=(*private, *named))


def _fetch_dependencies(
    index: IndexOptions, pins: Sequence[str], folder: Path, *, listener: Listener, run: Run
) -> None:
    """Let pip fetch the releases and all that they need into a folder. Raises `PublishAllError`."""
    ensure_installed()
    from publish_all.commands.exec import execute, find_pip

    pip = find_pip(index.connection.runtime.environment)
    if pip is None:
        msg = "--with-dependencies needs pip, and there is none on PATH"
        raise UsageError(msg, hint="Install pip, or activate an environment that has it.")
    said: list[str] = []

    def quietly(command: tuple[str, ...], *, cwd: Path, environment: Mapping[str, str]) -> int:
        done = run(command, cwd=cwd, environment=environment)
        said.extend(line for line in done.stderr.splitlines() if line.strip())
        return done.returncode

    listener(StepStarted(step="fetch", detail="dependencies, by pip download"))
    options = ("--disable-pip-version-check", "--dest", str(folder.absolute()))
    code = execute((*pip, "download", *options, *pins), index, listener=listener, run=quietly)
    if code:
        raise PublishAllError(
            f"pip cannot fetch the dependencies: {' / '.join(said[-3:]) or f'exit code {code}'}",
            hint="Name the index that has them with --fallback, and names that the registry has with --private.",
        )


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
        msg = f"{folder} can't be written to: {why}"
        raise UsageError(msg, hint="Name another folder with --dest.") from error


def _parse(text: str) -> Requirement:
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        msg = f"{text!r} does not name a package and its version"
        raise UsageError(msg, hint="Write it as kindling-synapse or kindling-synapse==0.2.0.") from error
    if found.url is not None:
        msg = f"{text!r} names a URL, and this fetches from a registry"
        raise UsageError(msg, hint="Leave the URL out.")
    return found


def _wanted(repository: OciRepository, requirement: Requirement, *, pre: bool) -> list[_Wanted]:
    """The files of the newest release that fits. A yanked one fits only where it is named exactly (PEP 592)."""
    project = canonicalize_name(requirement.name)
    package = repository.package(project, Purpose.READ)
    versions = package.versions()
    exact = any(each.operator in {"==", "==="} for each in requirement.specifier)
    # Pre-releases if they are asked for, or if there is nothing else.
    fitting = {*requirement.specifier.filter((each.version for each in versions), prereleases=pre or None)}
    for tag in reversed(versions):
        release = package.release(tag) if tag.version in fitting else None
        files = [each for each in release.files if exact or each.yanked is None] if release else []
        if release and files:
            return [(package, release, each) for each in files]
    others = [str(each.version) for each in versions[-10:]]
    raise not_there(
        f"{repository.name} has nothing that fits {requirement}", project, others, repository.name
    )
