"""The Python packages in a repository: list them, or fetch their files into a folder for installs without an index."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all._own_files import replace_open
from publish_all._temporary import temporary_folder
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import ConnectionOptions, or_default_registry
from publish_all.commands.index import (
    IndexOptions,
    ensure_installed,
    open_sources,
    project_names,
    published_names,
    releases_of,
)
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import release_of, sha256_of
from publish_all.errors import PublishAllError, UsageError
from publish_all.index.index_source import IndexSource, ServeError, fetch_file
from publish_all.reporting.text import count
from publish_all.repositories.directory import replace_file
from publish_all.repositories.repository import in_parallel
from publish_all.repositories.simple_pages import IndexFile, files_of, not_there
from publish_all.variants.resolve import resolve_variants

REQUIREMENTS = "requirements.txt"
LOCK = "pylock.toml"

_WRITTEN = "# Written by `publish-all download`."
_PLATFORM = re.compile(
    r"(?:(?P<libc>many|musl)linux_(?P<major>\d+)_(?P<minor>\d+)|macosx_\d+_\d+|win)_"
    r"(?P<arch>x86_64|amd64|aarch64|arm64)"
)
_OLD_TAGS = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
"""The minor version of glibc that each is for: https://peps.python.org/pep-0600/."""


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
    directory: Path, names: Sequence[str], connection: ConnectionOptions
) -> tuple[ListedFile, ...]:
    """The files of each project, oldest release first. Missing projects become notes.

    Without `names`: those that a build of the project makes; outside of a project, all packages that the repository lists.
    Raises `PublishAllError`.
    """
    config = project_of_files(directory, optional=True)
    source, runtime = _source(config, connection), connection.runtime
    rows: list[ListedFile] = []
    with _in_our_words():
        for project in _projects(names, config, source):
            page = source.page(project, None)
            runtime.found(*source.oddities(project))
            if page is None:
                runtime.note(f"{project} has no versions there, or you are not allowed to see them")
                continue
            if page.older:
                runtime.note(f"{project}: {page.older} older versions are not shown")
            for version, files in sorted(releases_of(page.files).items()):
                for file in files:
                    row = ListedFile(
                        project,
                        str(version),
                        file.filename,
                        "" if file.size is None else file.size,
                        file.upload_time or "",
                        file.requires_python or "",
                        page.source or "",
                        "" if file.yanked is None else file.yanked or "yes",
                    )
                    rows.append(row)
    return tuple(rows)


def _source(config: ProjectConfig | None, options: ConnectionOptions) -> IndexSource:
    """The repository that is named, or else `github`. Raises `UsageError` for one that is an index itself."""
    _, (source,) = open_sources(config, or_default_registry(options), own=True)
    return source


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Raise errors of a repository with their findings and exit codes instead of a `ServeError` for clients."""
    try:
        yield
    except ServeError as error:
        if isinstance(error.__cause__, PublishAllError):
            raise error.__cause__ from None
        raise


def _projects(
    names: Sequence[str], config: ProjectConfig | None, source: IndexSource
) -> tuple[NormalizedName, ...]:
    if names:
        return project_names(names)
    if config is not None:
        built = resolve_variants(config, version="0")
        return tuple(canonicalize_name(each.project) for each in built)
    try:
        return source.projects(None)
    except ServeError as error:
        if not error.hidden:
            raise
        msg = f"{source.name} does not list its packages"
        raise UsageError(msg, hint="Add the names of packages, as in `publish-all list NAME`.") from error


class DownloadedFile(NamedTuple):
    """One file. Its `state` is "was there" if the folder already had it with the same content, else "fetched"."""

    project: NormalizedName
    version: str
    file: str
    bytes: int
    sha256: str
    state: str


class Target(NamedTuple):
    """The target machine, with its version of CPython, such as `3.11`.

    `tags` are the platforms of wheels that it takes, `uv` is what `uv pip compile --python-platform` calls it.
    """

    python: str
    tags: tuple[str, ...]
    uv: str


def parse_target(platform: str | None, python: str | None) -> Target | None:
    """The target with its newest platform tag; None without options. Raises `UsageError`."""
    if platform is None and python is None:
        return None
    old, _, rest = (platform or "").partition("_")
    text = f"manylinux_2_{_OLD_TAGS[old]}_{rest}" if old in _OLD_TAGS else platform or ""
    found = _PLATFORM.fullmatch(text)
    if found is None or python is None or not re.fullmatch(r"3\.\d+", python):
        msg = f"--platform {platform or '?'} and --python-version {python or '?'} are not a complete platform"
        others = "musllinux_1_2_aarch64, macosx_14_0_arm64 and win_amd64"
        hint = f"Use both, for example --platform manylinux_2_28_x86_64 --python-version 3.11. Other platforms are {others}."
        raise UsageError(msg, hint=hint)
    arch, libc, minor = found["arch"], found["libc"], int(found["minor"] or 0)
    known = {"amd64": "x86_64", "arm64": "aarch64"}.get(arch, arch)
    if libc is None:  # pip adds the tags of older versions of macOS
        return Target(python, (text,), f"{known}-{'apple-darwin' if old == 'macosx' else 'pc-windows-msvc'}")
    tags = [f"{libc}linux_{found['major']}_{each}_{arch}" for each in range(minor, -1, -1)]
    tags.append(f"linux_{arch}")
    if libc == "musl":
        return Target(python, tuple(tags), f"{known}-unknown-linux-musl")
    tags += (f"{tag}_{arch}" for tag, least in _OLD_TAGS.items() if least <= minor)
    glibc = minor if 31 <= minor <= 40 else 28 if minor >= 28 else 17  # those that uv knows
    return Target(python, tuple(tags), f"{known}-manylinux_2_{glibc}")


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
    index = _dependency_index(options, requirements, config) if dependencies else None
    source = _source(config, options.connection)
    with _in_our_words():
        wanted = [_wanted(source, each, pre=pre) for each in requirements]
    files = [(each, file) for each in wanted for file in each.files]
    pins = tuple(dict.fromkeys(each.pin for each in wanted))
    options.connection.runtime.step("fetch", f"{source.name}: {count(len(files), 'file')}")
    if dependencies:
        _ensure_ours(destination)
    destination.mkdir(parents=True, exist_ok=True)
    with temporary_folder(within=destination) as folder, _in_our_words():

        def fetch(each: tuple[_Wanted, IndexFile]) -> DownloadedFile:
            release, file = each
            get = partial(fetch_file, source, release.project, file, folder)
            return _put(release.project, release.version, destination / file.filename, file.sha256, get)

        found = in_parallel(fetch, files)
        if index is not None:
            others = folder / "dependencies"
            fetch_dependencies(index, pins, others, target)
            ours = {Path(each.file).name for each in found}
            for path in sorted(others.iterdir()):
                if path.name not in ours and (release := release_of(path.name)) is not None:
                    found.append(_put(*release, destination / path.name, sha256_of(path), path.absolute))
            _write_locks(destination, found, target)
    # Without --no-index pip would look for newer namesakes on PyPI.
    line = shlex.join(["--find-links", str(destination), *pins])
    alone = "" if dependencies else " --no-deps"
    options.connection.runtime.note(f"to install exactly these files: pip install --no-index{alone} {line}")
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
    releases = releases_of(page.files) if page is not None else {}
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


def _dependency_index(
    options: IndexOptions, requirements: Sequence[Requirement], config: ProjectConfig | None
) -> IndexOptions:
    """The index that pip fetches dependencies from. Raises `UsageError` where it is not known which are private."""
    private = options.private or published_names(config)
    if not private:
        msg = "--with-dependencies needs the private names, which are never taken from PyPI"
        raise UsageError(msg, hint='Add them with --private "kindling-*" (can be repeated).')
    # Asked for by a server's thread, a password would be typed into another program.
    connection = replace(or_default_registry(options.connection), ask=None)
    named = (str(canonicalize_name(each.name)) for each in requirements)
    return replace(options, connection=connection, private=(*private, *named))


def fetch_dependencies(index: IndexOptions, pins: Sequence[str], folder: Path, target: Target | None) -> None:
    """Download the releases and their dependencies with pip into a new folder. Raises `PublishAllError`.

    For another machine uv resolves the dependencies, because pip evaluates markers for its own Python
    (https://github.com/pypa/pip/issues/11664).
    """
    ensure_installed()
    from publish_all.commands.exec import execute, find_pip

    runtime = index.connection.runtime
    environment = runtime.environment
    uv = shutil.which("uv", path=environment.get("PATH"))
    pip = find_pip(environment)
    if pip is None and uv is not None:
        pip = (uv, "tool", "run", "--python", sys.executable, "pip")
    if pip is None or (uv is None and target is not None):
        needed = "pip or uv" if target is None else "uv, to resolve them for another machine"
        msg = f"--with-dependencies needs {needed}, which is not on PATH"
        raise UsageError(msg, hint="Install uv, or activate an environment with it.")

    def start(*command: str) -> None:
        if code := execute(command, index):
            raise PublishAllError(
                f"{Path(command[0]).stem} cannot download the dependencies (exit code {code})",
                hint="Add their index with --fallback, and names of the repository with --private. "
                "For another machine, each dependency needs a wheel: build it from the sdist, and publish it to your "
                "repository.",
            )

    folder.mkdir()
    options = ["-q", "--no-input", "--disable-pip-version-check", "--dest", str(folder.absolute())]
    wanted = list(pins)
    if target is not None and uv is not None:
        runtime.step("resolve", "dependencies, by uv pip compile")
        source, pinned = folder.with_suffix(".in"), folder.with_suffix(".txt")
        source.write_text("\n".join(pins), encoding="utf-8")
        words = ["--python", sys.executable, "-q", "--no-header", "--no-annotate", "--only-binary=:all:"]
        words += ["-o", str(pinned), "--python-platform", target.uv, "--python-version", target.python]
        start(uv, "pip", "compile", *words, str(source))
        wanted = pinned.read_text(encoding="utf-8").split()
        options += ["--no-deps", "--only-binary=:all:", "--implementation", "cp"]
        options += ["--python-version", target.python]
        options += [word for each in target.tags for word in ("--platform", each)]
    runtime.step("fetch", "dependencies, by pip download")
    start(*pip, "download", *options, *wanted)


def _ensure_ours(folder: Path) -> None:
    """Raise `UsageError` where somebody else's requirements or lock file would be written over."""
    for path in (folder / REQUIREMENTS, folder / LOCK):
        if path.is_file() and not path.read_bytes().startswith(_WRITTEN.encode()):
            msg = f"{path} was not written by `publish-all download`, so it is not replaced"
            raise UsageError(msg, hint="Use another folder, for example --dest wheelhouse.")


def _write_locks(folder: Path, files: Sequence[DownloadedFile], target: Target | None) -> None:
    """Write both files, with the hashes of these files and with paths that are relative to them."""
    releases: dict[tuple[NormalizedName, str], list[DownloadedFile]] = {}
    for each in sorted(files, key=lambda each: (each.project, each.file)):
        releases.setdefault((each.project, each.version), []).append(each)
    lines = [f"{_WRITTEN} Install with `pip install -r {REQUIREMENTS}`.", "--no-index", "--find-links ."]
    packages: list[dict[str, Any]] = []
    for (project, version), own in releases.items():
        lines.append(
            " \\\n    --hash=sha256:".join([f"{project}=={version}", *(each.sha256 for each in own)])
        )
        package: dict[str, Any] = {"name": project, "version": version}
        for each in own:
            name = Path(each.file).name
            part = {"path": name, "size": each.bytes, "hashes": {"sha256": each.sha256}}
            if name.endswith(".whl"):
                package.setdefault("wheels", []).append(part)
            else:
                package["sdist"] = part
        packages.append(package)
    lock: dict[str, Any] = {"lock-version": "1.0", "created-by": "publish-all", "packages": packages}
    if target is not None:
        lock["requires-python"] = f"=={target.python}.*"
    replace_file(folder / REQUIREMENTS, "\n".join([*lines, ""]).encode())
    replace_file(folder / LOCK, f"{_WRITTEN}\n{tomlkit.dumps(lock)}".encode())
