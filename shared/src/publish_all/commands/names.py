"""The names of a project: those of its distributions, and those that a shell offers to complete a command line."""

from __future__ import annotations

import enum
from dataclasses import field
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.known import known_repositories
from publish_all.config.load import load_project, search_pyproject
from publish_all.config.model import ProjectConfig
from publish_all.errors import ConfigurationError


class Names(enum.Enum):
    """What is named."""

    REPOSITORIES = "repositories"
    VARIANTS = "variants"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamesOptions:
    kind: Names
    directory: Path
    around: Surroundings = field(default_factory=Surroundings)


def list_names(options: NamesOptions) -> tuple[str, ...]:
    """Read from configuration alone, also outside of a project. Raises `ConfigurationError`."""
    inside = search_pyproject(options.directory) is not None
    config = load_project(options.directory) if inside else None
    if options.kind is Names.VARIANTS:
        return tuple(config.variants) if config is not None else ()
    return known_repositories(
        config,
        environment=options.around.environment,
        home=options.around.home,
        folders=options.around.places(),
    ).names


def distribution_names(config: ProjectConfig) -> tuple[NormalizedName, ...]:
    """The names under which the project may be published: those of its build variants, and its own.

    Its own is among them also where a build of ours leaves it out: the host's `build` makes it, and
    `hatch publish` and `poetry publish` send it. Raises `ConfigurationError`.
    """
    from publish_all.variants.resolve import resolve_variants

    # Names do not depend on the version, which may take a build backend to tell.
    try:
        variants = resolve_variants(config, version="0", base=True)
    except ConfigurationError:
        # Without a name of its own the project has those of its variants only.
        variants = resolve_variants(config, version="0")
    return tuple(dict.fromkeys(canonicalize_name(each.project) for each in variants))
