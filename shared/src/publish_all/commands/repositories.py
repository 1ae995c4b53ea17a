"""The repositories that a publish can name, and who states them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from publish_all.commands.context import Surroundings
from publish_all.config.builtin import ALIASES
from publish_all.config.folders import Folders
from publish_all.config.known import KnownRepositories, known_repositories
from publish_all.config.load import load_project, search_pyproject
from publish_all.config.model import ProjectConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoriesOptions:
    """`directory` may be outside of any project; `folders` is None for the usual ones of the user."""

    directory: Path
    around: Surroundings = field(default_factory=Surroundings)
    folders: Folders | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryRow:
    """One repository. `index_url` is None where it is guessed from `url`; `origin` says who states the URL."""

    name: str
    aliases: tuple[str, ...]
    kind: str
    url: str
    index_url: str | None
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoriesResult:
    """The project's repositories first, then the user's, other tools', and the built-in ones.

    `refused` are names that someone defines and that can't be published to, each with the reason.
    """

    repositories: tuple[RepositoryRow, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def list_repositories(options: RepositoriesOptions) -> RepositoriesResult:
    """All known repositories. Raises `ConfigurationError` when a configuration of ours is wrong."""
    known = known_repositories(
        _project(options.directory),
        environment=options.around.environment,
        home=options.around.home,
        folders=options.folders,
    )
    return RepositoriesResult(
        repositories=tuple(_row(known, name) for name in known.names),
        refused=tuple((name, refusal.message) for name, refusal in known.refusals.items()),
        notes=known.notes,
    )


def _project(directory: Path) -> ProjectConfig | None:
    """The project at or above a folder, None where there is none."""
    if search_pyproject(directory) is None:
        return None
    return load_project(directory)


def _row(known: KnownRepositories, name: str) -> RepositoryRow:
    found = known.get(name)
    return RepositoryRow(
        name=found.name,
        aliases=tuple(
            alias for alias, real in ALIASES.items() if real == found.name and alias not in known.refusals
        ),
        kind=found.kind.value,
        url=found.url or "",
        index_url=found.index_url,
        origin=found.origin,
    )
