"""Where a run publishes to: names on the command line or in the configuration, made into repositories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all._http import HttpOptions, Session, make_session
from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.attestations.attestation import Signer
from publish_all.attestations.sigstore import SigstoreSigner
from publish_all.commands.context import Surroundings
from publish_all.config.folders import Folders
from publish_all.config.github import complete
from publish_all.config.known import KnownRepositories, ad_hoc, known_repositories
from publish_all.config.model import ProjectConfig, RepositoryConfig
from publish_all.credentials.explicit import Explicit
from publish_all.credentials.identity import AmbientIdentity
from publish_all.credentials.prompt import Ask
from publish_all.credentials.select import default_chain, mask_for, tool_variables
from publish_all.credentials.source import Credentials
from publish_all.credentials.transport import Transport
from publish_all.errors import UsageError
from publish_all.events import Listener, Note
from publish_all.repositories.repository import Means, Repository, make_repository

if TYPE_CHECKING:  # only for a run with --receipt
    from publish_all.repositories.oci_receipt import ReceiptFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionOptions:
    """How repositories are reached, and with what credential, as the command line says it.

    `repository_url` is an upload URL used as it is, under the name of the one repository that is
    named, or its host. `timeout` is in seconds per network operation; `ask` prompts a person, None
    where nobody can be asked. `signer` makes attestations, None for Sigstore's public service.
    """

    repositories: tuple[str, ...] = ()
    repository_url: str | None = None
    username: str | None = None
    password: Secret | None = None
    ca_cert: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    timeout: float | None = None
    auth: str = "auto"
    ask: Ask | None = None
    signer: Signer | None = None
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """The repositories that were chosen, in order, and what is needed to speak to them."""

    chosen: tuple[RepositoryConfig, ...]
    credentials: Credentials
    session: Session
    folders: Folders


def open_connection(
    config: ProjectConfig | None, options: ConnectionOptions, *, listener: Listener
) -> Connection:
    """Look up the repositories and put the credentials' sources together; nothing is asked yet.

    Raises `ConfigurationError`.
    """
    environment, home = options.around.environment, options.around.home
    folders = options.around.places()
    known = known_repositories(config, environment=environment, home=home, folders=folders)
    if config is not None:
        known.check_destinations(config)
    for note in known.notes:
        listener(Note(message=note))
    root = config.root if config is not None else None
    chosen = tuple(
        complete(each, root=root, environment=environment, run=options.around.run)
        for each in _configurations(config, options, known)
    )
    repositories = _by_name(known, chosen)
    transport = Transport(
        variables=tool_variables(environment, repositories, folders),
        stated=known.hosts.tls,
        pip_files=folders.hosts.pip,
        listener=listener,
    )
    session = make_session(
        HttpOptions(
            ca_cert=options.ca_cert,
            client_cert=options.client_cert,
            client_key=options.client_key,
            servers=transport.of(chosen),
            ask_password=_key_password(options.ask),
            timeout=options.timeout,
        )
    )
    credentials = default_chain(
        environment=environment,
        explicit=_explicit(options, chosen),
        repositories=repositories,
        session=session,
        auth=options.auth,
        interactive=options.ask is not None,
        ask=options.ask,
        listener=listener,
        home=home,
        project=config,
        folders=folders,
    )
    return Connection(chosen=chosen, credentials=credentials, session=session, folders=folders)


def choose_destinations(
    config: ProjectConfig | None,
    options: ConnectionOptions,
    *,
    listener: Listener,
    receipt: ReceiptFile | None = None,
) -> tuple[Repository, ...]:
    """The repositories to publish to, in order, ready to be spoken to. Raises `ConfigurationError`.

    With `receipt`, OCI repositories write down there what they are given, and do not list it.
    """
    opened = open_connection(config, options, listener=listener)
    return make_repositories(opened, options, listener=listener, receipt=receipt)


def make_repositories(
    opened: Connection,
    options: ConnectionOptions,
    *,
    listener: Listener,
    receipt: ReceiptFile | None = None,
) -> tuple[Repository, ...]:
    """The repositories of a connection, ready to be spoken to. Raises `ConfigurationError`."""
    environment = options.around.environment
    signer = options.signer or SigstoreSigner(
        identity=AmbientIdentity(environment=environment), mask=mask_for(environment)
    )
    means = Means(
        credentials=opened.credentials,
        session=opened.session,
        receipt=receipt,
        signer=signer,
        listener=listener,
    )
    return tuple(make_repository(each, means) for each in opened.chosen)


def _configurations(
    config: ProjectConfig | None, options: ConnectionOptions, known: KnownRepositories
) -> tuple[RepositoryConfig, ...]:
    if options.repository_url is not None:
        if len(options.repositories) > 1:
            msg = "--repository-url goes with one repository, not with several"
            raise UsageError(msg, hint="Name one repository with -r, or none.")
        return (ad_hoc(options.repository_url, *options.repositories),)
    names = options.repositories or (config.publish_to if config is not None else ("pypi",))
    chosen = {each.name: each for each in (known.get(name) for name in names)}
    return tuple(chosen.values())


def _key_password(ask: Ask | None) -> Callable[[Path], str] | None:
    if ask is None:
        return None
    return lambda path: ask(f"Password of the client key {path}", hidden=True)


def _explicit(options: ConnectionOptions, chosen: Sequence[RepositoryConfig]) -> Explicit | None:
    if options.username is None and options.password is None:
        return None
    if len(chosen) != 1:
        names = ", ".join(each.name for each in chosen)
        msg = f"--username and --password are for one repository, and there are several: {names}"
        raise UsageError(msg, hint="Name the repository with -r, or set PUBLISH_ALL_<NAME>_TOKEN for each.")
    return Explicit(repository=chosen[0].name, username=options.username, password=options.password)


def _by_name(known: KnownRepositories, chosen: Sequence[RepositoryConfig]) -> Mapping[str, RepositoryConfig]:
    return {name: known.get(name) for name in known.names} | {each.name: each for each in chosen}
