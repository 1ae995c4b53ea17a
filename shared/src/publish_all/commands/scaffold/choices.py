"""The choices of `init`, from the answers of the user, the options and the project."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from publish_all.config.model import EMPTY, VersionSource

MARK = "# Written by `publish-all init`"


class Service(enum.Enum):
    """The CI service of a workflow."""

    GITHUB = "github"
    GITLAB = "gitlab"


class Trigger(enum.Enum):
    """The event that starts a release. It can always be started by hand, too."""

    RELEASE = "release"
    TAG = "tag"


class Login(NamedTuple):
    """How a job logs in with a secret of the CI service: a token, or the password of `username`, which may be an expression."""

    secret: str
    username: str = ""


class Kept(NamedTuple):
    """The choices in an existing workflow, which the new one keeps; None and empty if it has none.

    `logins` and `environments` are by destination. `copies` are the commands that copy files of the repository into the project before.
    """

    triggers: tuple[Trigger, ...] = ()
    tag_prefix: str | None = None
    tests: tuple[str, ...] | None = None
    rehearse: bool | None = None
    split: bool | None = None
    separate: bool | None = None
    logins: Mapping[str, Login] = EMPTY
    environments: Mapping[str, str] = EMPTY
    copies: tuple[str, ...] = ()
    pages: bool = False


class NewRepository(NamedTuple):
    """A `[tool.publish-all.repositories.NAME]` to write. `origin` says where it was found."""

    name: str
    url: str
    index_url: str | None = None
    origin: str = ""


class NewVariant(NamedTuple):
    """A `[tool.publish-all.variants.NAME]` to write: `project` is the distribution's name, `pyproject` its full file.

    `layout` maps path to path, as in the configuration.
    """

    name: str
    project: str
    pyproject: str
    layout: Mapping[str, str] = EMPTY


class VersionChoice(NamedTuple):
    """`path` is the file of `__version__` for the source `attribute`; `sync` are the other places."""

    source: VersionSource = VersionSource.PROJECT
    path: str | None = None
    tag_prefix: str = "v"
    sync: tuple[str, ...] = ()

    @property
    def from_any_tag(self) -> bool:
        """Whether a tag is enough for a release, for example one made on the web, because no file needs a change."""
        return self.source is VersionSource.GIT and not self.sync


class Settings(NamedTuple):
    """The contents of `[tool.publish-all]`. `host_tables` are tables of Poetry or Hatch, by key path; `requirement` brings us into builds."""

    publish_to: tuple[str, ...]
    repositories: tuple[NewRepository, ...] = ()
    version: VersionChoice = VersionChoice()
    variants: tuple[NewVariant, ...] = ()
    layout: Mapping[str, str] = EMPTY
    include_base: bool = False
    host_tables: tuple[tuple[tuple[str, ...], Mapping[str, object]], ...] = ()
    requirement: str = "publish-all"


def is_ours(text: str) -> bool:
    """Whether a workflow or pipeline was written by `init`."""
    return text.startswith(MARK)


def collected(variants: Iterable[NewVariant]) -> tuple[tuple[NewVariant, ...], Mapping[str, str]]:
    """The variants without duplicate files, and their common layout, which is then removed from each of them.

    Variants whose files have the same name in different folders are named after the folders too.
    """
    found = list({each.pyproject: each for each in variants}.values())
    names = [each.name for each in found]
    found = [each if names.count(each.name) == 1 else each._replace(name=_long_name(each)) for each in found]
    shared = found[0].layout if found and all(each.layout == found[0].layout for each in found) else EMPTY
    return tuple(each._replace(layout=EMPTY) if shared else each for each in found), shared


def _long_name(variant: NewVariant) -> str:
    path = variant.pyproject.removesuffix(".toml").removesuffix("/pyproject")
    return path.replace("/", "-").replace(" ", "-")
