"""The names of a project: those of its distributions, and those that a shell offers to complete a command line."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from publish_all.commands.context import Surroundings
from publish_all.config.known import known_repositories
from publish_all.config.load import load_project, search_pyproject
from publish_all.config.model import ProjectConfig
from publish_all.errors import ConfigurationError


def list_names(kind: str, directory: Path) -> tuple[str, ...]:
    """The "repositories" or "variants" in the configuration, also outside of a project. Raises `ConfigurationError`."""
    around = Surroundings()
    config = load_project(directory) if search_pyproject(directory) is not None else None
    if kind == "variants":
        return tuple(config.variants) if config is not None else ()
    return known_repositories(
        config, environment=around.environment, home=around.home, folders=around.places()
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
