"""The names that a command line may hold in a project: what a shell offers when it completes one."""

from __future__ import annotations

import enum
from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.known import known_repositories
from publish_all.config.load import load_project, search_pyproject


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
