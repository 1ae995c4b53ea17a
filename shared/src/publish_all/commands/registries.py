"""The one OCI registry that a command reads from or finalizes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from publish_all.commands.context import open_project
from publish_all.commands.destinations import ConnectionOptions, choose_destinations
from publish_all.config.load import search_pyproject
from publish_all.config.model import ProjectConfig
from publish_all.errors import CredentialError, UsageError
from publish_all.events import Listener
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.oci_replies import RefusedError

DEFAULT = "github"


def open_registry(
    config: ProjectConfig | None, options: ConnectionOptions, *, listener: Listener
) -> OciRepository:
    """The registry that is named, or else `github`. Raises `UsageError` for another kind of repository."""
    if not options.repositories and options.repository_url is None:
        options = replace(options, repositories=(DEFAULT,))
    (found,) = choose_destinations(config, options, listener=listener)
    if not isinstance(found, OciRepository):
        msg = f"{found.name} is no OCI registry, but of the kind {found.kind.name}"
        raise UsageError(msg, hint="Name one of the kind oci with -r, as `-r github`.")
    return found


def project_around(directory: Path) -> ProjectConfig | None:
    """The project at or above a folder; None where there is none."""
    return open_project(directory) if search_pyproject(directory) is not None else None


@contextmanager
def refusals_told() -> Iterator[None]:
    """Turn a registry's refusal of who asks into a `CredentialError`, which has an exit code of its own."""
    try:
        yield
    except RefusedError as error:
        if not error.unauthorized:
            raise
        raise CredentialError(error.message, hint=error.hint, findings=error.findings) from error
