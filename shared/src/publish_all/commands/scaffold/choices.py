"""What `init` has decided to write, as values: the answers of a person, flags, and what was found."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from publish_all._values import dataclass
from publish_all.config.model import VersionSource, empty

PUBLIC = ("pypi", "testpypi")
"""The repositories with trusted publishing and pending publishers."""


class Service(enum.Enum):
    """Whose CI a workflow is written for."""

    GITHUB = "github"
    GITLAB = "gitlab"


class Trigger(enum.Enum):
    """What starts a release, besides a person who starts it by hand."""

    RELEASE = "release"
    TAG = "tag"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRepository:
    """A `[tool.publish-all.repositories.NAME]` to write. `origin` says where it was found."""

    name: str
    url: str
    index_url: str | None = None
    username: str | None = None
    origin: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVariant:
    """A `[tool.publish-all.variants.NAME]` to write: `project` is the distribution's name, `pyproject` its full file.

    `layout` maps path to path, as in the configuration.
    """

    name: str
    project: str
    pyproject: str
    layout: Mapping[str, str] = field(default_factory=empty)


def with_unique_names(variants: Iterable[NewVariant]) -> tuple[NewVariant, ...]:
    """Each file once; variants whose files have the same name in different folders are named after the folders too."""
    found = {each.pyproject: each for each in variants}
    names = [each.name for each in found.values()]
    return tuple(
        each if names.count(each.name) == 1 else replace(each, name=_name_of_path(each.pyproject))
        for each in found.values()
    )


def _name_of_path(path: str) -> str:
    return path.removesuffix(".toml").removesuffix("/pyproject").replace("/", "-").replace(" ", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionChoice:
    """`path` is the file of `__version__` for the source `attribute`; `sync` are the other places."""

    source: VersionSource = VersionSource.PROJECT
    path: str | None = None
    tag_prefix: str = "v"
    sync: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """One distribution that a release publishes; `variant` is None for the project itself.

    `publish_to` narrows the destinations, as the variant does; None where it does not.
    """

    variant: str | None
    project: str
    publish_to: tuple[str, ...] | None = None

    def goes_to(self, repository: str) -> bool:
        """A rehearsal is for all that go to PyPI."""
        narrowed = self.publish_to
        return narrowed is None or repository in narrowed or (repository == "testpypi" and "pypi" in narrowed)


MANIFEST = "publish-all-manifest.json"
"""What the job that builds hands to those that publish, beside the files: which they are, and their hashes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """What a CI service is to do at a release.

    `publish_to` are the destinations in order, without those which only this machine has. `subfolder`
    is the project's folder in the repository, empty for its root. `separate` gives each new project of
    a public index a job and an environment of its own, as pending publishers need it. `requirement`
    is what installs publish-all.
    """

    publish_to: tuple[str, ...]
    products: tuple[Product, ...]
    subfolder: str = ""
    triggers: tuple[Trigger, ...] = (Trigger.RELEASE,)
    tag_prefix: str = "v"
    tests: tuple[str, ...] = ()
    rehearse: bool = True
    split: bool = True
    separate: bool = False
    requirement: str = "publish-all[cli]"
    dist_dir: str = "dist"

    @property
    def folder(self) -> str:
        """Where the files are built, as seen from the repository's root."""
        return f"{self.subfolder}/{self.dist_dir}" if self.subfolder else self.dist_dir

    @property
    def destinations(self) -> tuple[str, ...]:
        """All destinations in order, the rehearsal first."""
        rehearsal = ("testpypi",) if self.rehearses else ()
        return (*rehearsal, *(each for each in self.publish_to if each not in rehearsal))

    @property
    def rehearses(self) -> bool:
        return self.rehearse and "pypi" in self.publish_to

    @property
    def trusted(self) -> tuple[str, ...]:
        """The destinations that a job of this pipeline can publish to with its identity."""
        return tuple(each for each in self.destinations if each in PUBLIC)

    def products_of(self, repository: str) -> tuple[Product, ...]:
        """What goes to a destination."""
        return tuple(each for each in self.products if each.goes_to(repository))

    def separates(self, repository: str) -> bool:
        """Whether each project has a job of its own there."""
        return self.separate and repository in PUBLIC and len(self.products_of(repository)) > 1

    def environment(self, repository: str, project: str) -> str:
        """The CI environment that a project is published to a repository from."""
        return f"{repository}-{project}" if self.separates(repository) else repository


def tag_prefixes(prefix: str) -> tuple[str, ...]:
    """What version tags may begin with: with the prefixes `v` and none, the v is optional."""
    return ("v", "") if prefix in {"v", ""} else (prefix,)


def variable(repository: str) -> str:
    """`PUBLISH_ALL_<this>_TOKEN` is the variable of a repository's token."""
    return "".join(each if each.isalnum() and each.isascii() else "_" for each in repository).upper()
