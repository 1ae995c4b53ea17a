"""The repositories that a publish can name, and who states them."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.commands.context import Surroundings, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.builtin import ALIASES
from publish_all.config.known import KnownRepositories
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.source import CredentialRequest, Credentials, Purpose
from publish_all.errors import CredentialError
from publish_all.events import Listener, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoriesOptions:
    """`directory` may be outside of any project."""

    directory: Path
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryRow:
    """One repository. `index_url` is None where it is guessed from `url`; `origin` says who states the URL.

    `credential` says which credential an upload would use, and where it is from; never what it is.
    """

    name: str
    aliases: tuple[str, ...]
    kind: str
    url: str
    index_url: str | None
    credential: str
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoriesResult:
    """The project's repositories first, then the user's, other tools', and the built-in ones.

    `refused` are names that someone defines and that can't be published to, each with the reason.
    """

    repositories: tuple[RepositoryRow, ...]
    refused: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def list_repositories(options: RepositoriesOptions, *, listener: Listener = ignore) -> RepositoriesResult:
    """All known repositories, and which credential each would be given. Nothing is minted or uploaded;
    where trusted publishing is possible, a repository may be asked whether it offers it.

    Raises `ConfigurationError` when a configuration of ours is wrong.
    """
    config = project_of_files(options.directory, optional=True)
    known = options.around.known(config)
    asked = ConnectionOptions(repositories=known.names, around=options.around)
    connection = open_connection(config, asked, listener=listener)
    rows = (_row(each, known, _credential(each, connection.credentials)) for each in connection.chosen)
    return RepositoriesResult(
        repositories=tuple(rows),
        refused=tuple((name, refusal.message) for name, refusal in known.refusals.items()),
        notes=known.notes,
    )


def _row(found: RepositoryConfig, known: KnownRepositories, credential: str) -> RepositoryRow:
    return RepositoryRow(
        name=found.name,
        aliases=tuple(
            alias for alias, real in ALIASES.items() if real == found.name and alias not in known.refusals
        ),
        kind=found.kind.name,
        url=found.url or "",
        index_url=found.index_url,
        credential=credential,
        origin=found.origin,
    )


def _credential(config: RepositoryConfig, credentials: Credentials) -> str:
    """Which credential an upload would use, in words; never its value."""
    if config.kind.local or config.url is None:
        return "not needed"
    url = config.url if "://" in config.url else f"https://{config.url}"
    request = CredentialRequest(
        config=config,
        url=url.replace("{owner}", config.owner or "owner"),
        project=None,
        purpose=Purpose.UPLOAD,
    )
    try:
        found = credentials.plausible(request)
    except CredentialError as error:
        return f"refused: {error.message}"
    return f"{found.username}, {found.origin}" if found is not None else "none found"
