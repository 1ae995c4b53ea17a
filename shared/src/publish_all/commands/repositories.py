"""The repositories that a publish can name, and who states them."""

from __future__ import annotations

from pathlib import Path

from publish_all.commands.context import Surroundings, project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.builtin import ALIASES
from publish_all.config.model import RepositoryConfig
from publish_all.credentials.source import CredentialRequest, Credentials, Purpose
from publish_all.errors import CredentialError
from publish_all.events import Listener, Note, ignore

COLUMNS = ("name", "also", "kind", "url", "index", "credential", "origin")


def list_repositories(
    directory: Path, *, around: Surroundings | None = None, listener: Listener = ignore
) -> tuple[tuple[str, ...], ...]:
    """Rows of `COLUMNS`: the project's repositories first, then the user's, other tools', and the built-in ones; also outside of a project.

    `index` is empty where it is guessed from `url`; `credential` says which credential an upload would use, and
    where it is from, never what it is; `origin` says who states the URL. Names that someone defines and that can't be published to are told in notes. Nothing is minted or uploaded;
    where trusted publishing is possible, a repository may be asked whether it offers it.
    Raises `ConfigurationError` when a configuration of ours is wrong.
    """
    config = project_of_files(directory, optional=True)
    around = around or Surroundings()
    known = around.known(config)
    options = ConnectionOptions(repositories=known.names, around=around)
    connection = open_connection(config, options, listener=listener)
    for name, refusal in known.refusals.items():
        listener(Note(message=f"{name}: {refusal.message}"))
    return tuple(
        (
            each.name,
            ", ".join(
                alias for alias, real in ALIASES.items() if real == each.name and alias not in known.refusals
            ),
            each.kind.name,
            each.url or "",
            each.index_url or "",
            _credential(each, connection.credentials),
            each.origin,
        )
        for each in connection.chosen
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
