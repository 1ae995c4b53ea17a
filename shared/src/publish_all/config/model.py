"""The configuration as values: `[tool.publish-all]` of a project, and the repositories known to it.

Made once by `config.parse`; nobody passes dicts of options further.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all.config.kinds import Kind

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Compression(enum.Enum):
    """How the files of wheels and sdists are deflated: as the build backend does, or faster and a little larger."""

    DEFAULT = "default"
    FAST = "fast"


class Isolation(enum.Enum):
    """Which builds run in an isolated environment: all, all but those that the host builds in its own, or none."""

    ALWAYS = "always"
    HOST = "host"
    NEVER = "never"


class When(enum.Enum):
    """The values of `attestations` and `trusted-publishing`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Scope(enum.Enum):
    """Who stated a setting. A project is not trusted with the URLs of built-in repositories."""

    COMMAND_LINE = "command line"
    PROJECT = "project"
    USER = "user"
    ENVIRONMENT = "environment"
    HOST = "host tool"
    BUILT_IN = "built in"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryConfig:
    """One `[tool.publish-all.repositories.NAME]`, merged over what lies below it.

    `url` may hold `{owner}`, `{repository}` and `{name}` (the distribution's). In a `ProjectConfig` it is
    None where the project states other keys only; a repository that `config.known` gives always has
    one. For the kind `directory` that is then an absolute path of this machine. `scope` and `origin`
    tell who stated the URL; `audience` is what the user alone can state. `origins` for each key of TOML that anyone stated where that was.
    """

    name: str
    kind: Kind
    url: str | None
    index_url: str | None = None
    username: str | None = None
    owner: str | None = None
    link: str | None = None
    attestations: When = When.AUTO
    trusted_publishing: When = When.AUTO
    audience: str | None = None
    scope: Scope = Scope.PROJECT
    origin: str = ""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def public(self) -> bool:
        """Whether anyone can read what is uploaded, so that private projects are kept out."""
        return self.kind.is_public(self.name, self.url or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedFinding:
    """What the project says is right: findings of a check about these files (patterns; empty: all), and why."""

    code: str
    reason: str
    files: tuple[str, ...] = ()


class VersionSource(enum.Enum):
    PROJECT = "project"
    GIT = "git"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncPlace:
    """Another place that must say the same version: `path` may be a glob.

    `pattern` is None where the form of the file tells where the version is, else a line with
    `{version}` in it.
    """

    path: str
    pattern: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionConfig:
    """`[tool.publish-all.version]`."""

    source: VersionSource = VersionSource.PROJECT
    path: str | None = None
    tag_prefix: str = "v"
    scheme: str = "guess"
    local: str = "none"
    dirty: str = "allow"
    shallow: str = "error"
    fallback: str | None = None
    sync: tuple[SyncPlace, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelConfig:
    """What is different in the wheel of one platform tag."""

    tag: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantConfig:
    """`[tool.publish-all.variants.NAME]` or `[tool.publish-all.variant-defaults]` (`variant` is then None).

    None and empty mean "not stated". `project` holds the inline `[project]` keys, `tool` the inline
    `[tool.*]` tables, `dependency_groups` the inline `[dependency-groups]`, as plain TOML values.
    `layout` and `force_include` map path to path. `local_version` is what follows the `+`.
    """

    variant: str | None
    name: str | None = None
    pyproject: str | None = None
    overlay: str | None = None
    layout: Mapping[str, str] = field(default_factory=dict)
    project: Mapping[str, Any] = field(default_factory=dict)
    extend_dependencies: tuple[str, ...] = ()
    exclude_dependencies: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str] = field(default_factory=dict)
    tool: Mapping[str, Any] = field(default_factory=dict)
    dependency_groups: Mapping[str, Any] = field(default_factory=dict)
    local_version: str | None = None
    publish_to: tuple[str, ...] | None = None
    sdist: bool | None = None
    wheels: Mapping[str, WheelConfig] = field(default_factory=dict)


class Pin(enum.Enum):
    """What is written for a member that is required without a version: `>=1.4,<2`, `==1.4.0`, or nothing."""

    COMPATIBLE = "compatible"
    EXACT = "exact"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceConfig:
    """`[tool.publish-all.workspace]`. `members` and `exclude` are paths or globs of folders; None: as other tools state them."""

    members: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    pin: Pin = Pin.COMPATIBLE


def _no_siblings() -> Sequence[ProjectConfig]:
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectConfig:
    """`[tool.publish-all]` of one project.

    `root` is the folder of pyproject.toml; `pyproject` the whole file as plain TOML values;
    `checks` is what the project accepts of the findings. `private` also says that a classifier starts with `Private ::`. `build_environment` holds names of
    environment variables, which may end with `*`. `sdist` is the project's own, None
    where it is not stated. `origins` tells for each full key
    path stated (`tool.publish-all.version.source`) which file and line say it (`pyproject.toml:12`).

    `siblings` reads the members of the workspace that the project is in, itself among them, in the order of their
    dependencies, and `pin` is the workspace's. `members` are those that a run over a workspace is about; this is then
    the configuration of the run: the root's, with the destinations of all of them.
    """

    root: Path
    pyproject: Mapping[str, Any]
    publish_to: tuple[str, ...] = ("pypi",)
    dist_dir: str = "dist"
    include_base: bool = False
    before_publish: tuple[str, ...] = ()
    build_environment: tuple[str, ...] = ()
    private: bool = False
    checks: tuple[AcceptedFinding, ...] = ()
    sdist: bool | None = None
    compression: Compression = Compression.DEFAULT
    repositories: Mapping[str, RepositoryConfig] = field(default_factory=dict)
    version: VersionConfig = field(default_factory=VersionConfig)
    variant_defaults: VariantConfig = field(default_factory=lambda: VariantConfig(variant=None))
    variants: Mapping[str, VariantConfig] = field(default_factory=dict)
    wheels: Mapping[str, WheelConfig] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    workspace: WorkspaceConfig = field(default_factory=WorkspaceConfig)
    pin: Pin = Pin.COMPATIBLE
    siblings: Callable[[], Sequence[ProjectConfig]] = field(default=_no_siblings, compare=False, repr=False)
    members: tuple[ProjectConfig, ...] = field(default=(), repr=False)

    @property
    def projects(self) -> tuple[ProjectConfig, ...]:
        """What a run is about: the members, or the project alone."""
        return self.members or (self,)
