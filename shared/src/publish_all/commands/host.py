"""What a host's own `publish` command is told of our repositories, so that it knows them by name too."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name

from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.config.addresses import same_url
from publish_all.config.load import load_project
from publish_all.credentials.source import CredentialRequest, Purpose
from publish_all.events import Listener, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class HostRepository:
    """A repository as a host that speaks the legacy upload API wants it.

    `spoken` False: the host can't speak to it, and our own publish has to take over. `username` and
    `secret` are None where we have no credential; `origin` says where it came from.
    """

    name: str
    url: str | None
    spoken: bool
    username: str | None = None
    secret: Secret | None = None
    origin: str = ""


def repository_for_host(
    directory: Path,
    name: str,
    *,
    project: str,
    mint: bool,
    own_url: str | None = None,
    listener: Listener = ignore,
) -> HostRepository:
    """The repository of that name. Raises `ConfigurationError` for an unknown one, `CredentialError` for a broken credential.

    `project` is the distribution's name, which tokens may be scoped to. Without `mint` no token is asked
    from an index for it (a dry run must not). `own_url` is what the host itself has for the name: where we
    know another URL by it, the host's is meant, and gets no credential of ours.
    """
    options = ConnectionOptions(repositories=(name,))
    connection = open_connection(load_project(directory), options, listener=listener)
    (config,) = connection.chosen
    if not config.kind.standard_api or config.url is None:
        return HostRepository(name=config.name, url=config.url, spoken=False)
    if own_url is not None and not same_url(own_url, config.url):
        return HostRepository(name=config.name, url=own_url, spoken=True)
    request = CredentialRequest(
        config=config,
        url=config.url,
        project=canonicalize_name(project),
        purpose=Purpose.UPLOAD,
    )
    ask = connection.credentials.get if mint else connection.credentials.plausible
    found = ask(request)
    return HostRepository(
        name=config.name,
        url=config.url,
        spoken=True,
        username=found.username if found else None,
        secret=found.secret if found else None,
        origin=found.origin if found else "",
    )


def connection_of_host(
    name: str,
    *,
    username: str | None = None,
    password: str | None = None,
    ca_cert: str | None = None,
    client_cert: str | None = None,
) -> ConnectionOptions:
    """How a host's command line says that its repository is reached; an empty text says nothing."""
    return ConnectionOptions(
        repositories=(name,),
        username=username or None,
        password=Secret(password) if password else None,
        ca_cert=Path(ca_cert) if ca_cert else None,
        client_cert=Path(client_cert) if client_cert else None,
    )
