"""The configuration as objects: `[tool.publish-all]` of a project, and the repositories that it knows.

`config.parse` creates them once from TOML.
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
    """How wheels and sdists are compressed: as the build backend does, or faster with slightly larger files."""

    DEFAULT = "default"
    FAST = "fast"


class Isolation(enum.Enum):
    """Which builds run in an isolated environment: all, all except those that the host builds itself, or none."""

    ALWAYS = "always"
    HOST = "host"
    NEVER = "never"


class When(enum.Enum):
    """The values of `attestations` and `trusted-publishing`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Scope(enum.Enum):
    """Where a setting comes from. A project cannot change the URLs of built-in repositories."""

    COMMAND_LINE = "command line"
    PROJECT = "project"
    USER = "user"
    ENVIRONMENT = "environment"
    HOST = "host tool"
    BUILT_IN = "built in"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryConfig:
    """One `[tool.publish-all.repositories.NAME]`, merged over the settings of lower scopes.

    `url` may contain `{owner}`, `{repository}` and `{name}` (of the distribution). In a `ProjectConfig` it is
    None if the project sets only other keys. Repositories from `config.known` always have a URL, which is
    an absolute path for the kind `directory`. `scope` and `origin` are those of the URL. `audience` can be set by the
    user only. `origins` maps each configured key of TOML to the place where it is set.
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
        """Whether anyone can read the files, so that private projects must not be uploaded."""
        return self.kind.is_public(self.name, self.url or "")


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedFinding:
    """A finding that the project accepts, for these files (patterns; empty: all files), and the reason."""

    code: str
    reason: str
    files: tuple[str, ...] = ()


class VersionSource(enum.Enum):
    PROJECT = "project"
    GIT = "git"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncPlace:
    """Another file that must contain the same version. `path` may be a glob.

    `pattern` is a line that contains `{version}`, or None if the version is at a known place of this kind of file.
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
    """The files of the wheel with one platform tag."""

    tag: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_include: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantConfig:
    """`[tool.publish-all.variants.NAME]` or `[tool.publish-all.variant-defaults]` (`variant` is then None).

    None and empty values are not configured. `project` has the inline `[project]` keys, `tool` the inline
    `[tool.*]` tables, `dependency_groups` the inline `[dependency-groups]`, as plain TOML values.
    `layout` and `force_include` map path to path. `local_version` is the part after the `+`.
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
    """The version that is added to a requirement of another member without one: `>=1.4,<2`, `==1.4.0` or none."""

    COMPATIBLE = "compatible"
    EXACT = "exact"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceConfig:
    """`[tool.publish-all.workspace]`. `members` and `exclude` are paths or globs of folders; None: from other tools."""

    members: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    pin: Pin = Pin.COMPATIBLE


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectConfig:
    """`[tool.publish-all]` of one project.

    `root` is the folder of pyproject.toml; `pyproject` the whole file as plain TOML values;
    `checks` are the accepted findings. `private` is also True if a classifier starts with `Private ::`.
    `build_environment` has names of environment variables, which may end with `*`. `sdist` is for the project itself,
    None if not configured. `origins` maps each configured key path
    (`tool.publish-all.version.source`) to its file and line (`pyproject.toml:12`).

    `siblings` reads all members of the workspace of the project, including itself, dependencies
    first. `pin` is from the workspace. `members` are the selected members in a run over a workspace. Then this
    object is the configuration of the run: that of the root, with the destinations of all members.
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
    siblings: Callable[[], Sequence[ProjectConfig]] = field(default=tuple, compare=False, repr=False)
    members: tuple[ProjectConfig, ...] = field(default=(), repr=False)

    @property
    def projects(self) -> tuple[ProjectConfig, ...]:
        """The projects of a run: the members, or only this project."""
        return self.members or (self,)
