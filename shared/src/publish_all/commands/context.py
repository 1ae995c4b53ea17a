"""The common start of all use cases: the configuration of the project and its known repositories."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all import errors
from publish_all._process import Run, run, run_project_code
from publish_all.config.folders import Folders, home_folder, usual_folders
from publish_all.config.load import load_project, names_of, search_pyproject
from publish_all.config.model import Isolation, Pin, ProjectConfig
from publish_all.events import Found, Listener, Note, StepStarted, ignore

if TYPE_CHECKING:  # files that are named are published without
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from publish_all.builders.builder import BuildSettings
    from publish_all.config.known import KnownRepositories
    from publish_all.findings import Finding
    from publish_all.variants.variant import BuildVariant
    from publish_all.version.version_source import ResolvedVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """The outside world, with its production defaults: tests pass their own.

    `run` runs programs such as git, `run_project` code of the project. `folders` None means the usual
    ones; `built_version` is the version that the project was built as, for a run without project code: it takes the
    place of the version from the build backend (empty: unknown). `versions` caches the versions of projects in this run,
    and `repositories` the results of `known`.
    `listener` is told what happens. `isolation`, `refresh` and when the run `started` are about build environments, see `BuildSettings`.
    """

    environment: Mapping[str, str] = field(default_factory=os.environ.copy, repr=False)
    home: Path = field(default_factory=home_folder)
    run: Run = run
    run_project: Run = run_project_code
    folders: Folders | None = None
    built_version: str | None = None
    versions: dict[Path, ResolvedVersion | None] = field(default_factory=dict, compare=False)
    isolation: Isolation = Isolation.ALWAYS
    refresh: bool = False
    listener: Listener = ignore
    started: float = field(default_factory=time.time, compare=False)
    repositories: list[tuple[ProjectConfig | None, KnownRepositories]] = field(
        default_factory=list, compare=False, repr=False
    )

    def known(self, config: ProjectConfig | None, wanted: Sequence[str] = ()) -> KnownRepositories:
        """All repositories known to a project, or outside of any, read once in a run. Raises `ConfigurationError`.

        If some are `wanted`, only the files for these need to be read.
        """
        from publish_all.config.known import known_repositories

        for each, known in self.repositories:
            if each is config:
                return known
        found = known_repositories(
            config, environment=self.environment, home=self.home, folders=self.places(), wanted=wanted
        )
        if not wanted:
            self.repositories.append((config, found))
        return found

    def note(self, *messages: str) -> None:
        for each in messages:
            self.listener(Note(message=each))

    def found(self, *findings: Finding) -> None:
        for each in findings:
            self.listener(Found(finding=each))

    def step(self, step: str, detail: str) -> None:
        self.listener(StepStarted(step=step, detail=detail))

    def places(self) -> Folders:
        """Where configuration and data of the user and of other tools are."""
        return self.folders or usual_folders(environment=self.environment, home=self.home)

    def build_settings(self, config: ProjectConfig | None) -> BuildSettings:
        """What build environments are made with, for a project or outside of any."""
        from publish_all.builders.builder import BuildSettings

        return BuildSettings(
            environment=self.environment,
            admitted=config.build_environment if config is not None else (),
            isolation=self.isolation,
            refresh=self.refresh,
            since=self.started,
            folders=self.places(),
        )


def project_of_files(
    directory: Path, *, optional: bool, members: Sequence[str] | None = None
) -> ProjectConfig | None:
    """The project's configuration, or the workspace's; None where it is optional and there is no project around."""
    if optional and search_pyproject(directory) is None:
        return None
    return load_project(directory, members)


def project_version(config: ProjectConfig, *, runtime: Runtime) -> ResolvedVersion | None:
    """The one version of the project, or None where only its build variants have one.

    Asks the build backend in a worker process if it computes the version. A note about an unexpected
    version is shown once per run. Raises `VersionError`.
    """
    if config.root in runtime.versions:
        return runtime.versions[config.root]
    from publish_all.version.version_source import NoProjectVersion, resolve_version

    ask, environment, run = partial(ask_backend, config, runtime), runtime.environment, runtime.run
    found = None
    try:
        found = resolve_version(config, environment=environment, run=run, ask_backend=ask)
    except NoProjectVersion:
        if not (config.variants and all(each.pyproject for each in config.variants.values())):
            raise
    runtime.versions[config.root] = found
    if found is not None and found.note is not None:
        runtime.note(found.note)
    return found


def ask_backend(config: ProjectConfig, runtime: Runtime) -> str:
    """The version that the build backend computes, or the one of the manifest. Raises `VersionError`."""
    from publish_all.builders.run import ask_version

    if runtime.built_version is None:
        return ask_version(config.root, listener=runtime.listener, settings=runtime.build_settings(config))
    if not runtime.built_version:
        msg = "the manifest does not have the version of the project, which only the build backend knows"
        raise errors.VersionError(msg, hint="Build again with `publish-all build --manifest FILE`.")
    return runtime.built_version


def project_variants(
    config: ProjectConfig, only: Sequence[str], *, runtime: Runtime, itself: bool = False
) -> tuple[BuildVariant, ...]:
    """The build variants of the project in its present version, or those of them that are named.

    With `itself`, the project as a variant of itself and nothing else, whether or not a build makes it.
    """
    from publish_all.variants.resolve import resolve_variants
    from publish_all.version.version_source import Origin

    version = project_version(config, runtime=runtime)
    found = resolve_variants(
        config,
        version=version.text if version else "",
        from_backend=version is not None and version.origin is Origin.BACKEND,
        only=only,
        base=itself,
        pins=_pins(config, runtime),
    )
    return tuple(each for each in found if each.name is None) if itself else found


def _pins(config: ProjectConfig, runtime: Runtime) -> Callable[[str], str | None]:
    """What to require of each member of the workspace; its version is asked for when the project requires it."""

    @cache
    def of() -> dict[str, ProjectConfig]:
        others = (each for each in config.siblings() if each.root != config.root)
        return {name: each for each in others for name in names_of(each)}

    @cache
    def pin(name: str) -> str | None:
        member = of().get(name)
        if member is None:
            return None
        found = project_version(member, runtime=runtime)
        if found is None:
            return ""
        own = runtime.versions.get(config.root)
        if own is not None and own.tagged and not found.tagged and found.tag is not None:
            from publish_all.version.git import tag_version

            # A release requires the last release of a member that is between tags.
            released = tag_version(found.tag, member.version.tag_prefix)
            return specifier(released or found.version, config.pin)
        return specifier(found.version, config.pin)

    return pin


def specifier(version: Version, pin: Pin) -> str:
    """`>=1.4,<2` or `==1.4.0`; a version below 1 is compatible with those of the same minor number."""
    if pin is Pin.NONE:
        return ""
    if pin is Pin.EXACT:
        return f"=={version.public}"
    epoch = f"{version.epoch}!" if version.epoch else ""
    upper = str(version.major + 1) if version.major else f"0.{version.minor + 1}"
    lower = f"{epoch}{version.major}.{version.minor}" if str(version) == version.base_version else ""
    if not lower or any(version.release[2:]):
        lower = version.public
    return f">={lower},<{epoch}{upper}"


def list_names(kind: str, directory: Path) -> tuple[str, ...]:
    """The "repositories" or "variants" in the configuration, also outside of a project. Raises `ConfigurationError`."""
    config = project_of_files(directory, optional=True)
    if kind == "variants":
        return tuple(config.variants) if config is not None else ()
    return Runtime().known(config).names


def distribution_names(config: ProjectConfig) -> tuple[NormalizedName, ...]:
    """The names under which the project may be published: those of its build variants, and its own.

    Its own is among them also where a build of ours leaves it out: the host's `build` makes it, and
    `hatch publish` and `poetry publish` send it. Raises `ConfigurationError`.
    """
    from packaging.utils import canonicalize_name

    from publish_all.variants.resolve import resolve_variants

    # Names do not depend on the version, which may take a build backend to tell.
    try:
        variants = resolve_variants(config, version="0", base=True)
    except errors.ConfigurationError:
        # A project without a name has only the names of its variants.
        variants = resolve_variants(config, version="0")
    return tuple(dict.fromkeys(canonicalize_name(each.project) for each in variants))
