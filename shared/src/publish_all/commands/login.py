"""Keeping a repository's credential in the keyring, and removing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import Path

from packaging.utils import NormalizedName

from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.commands.context import Surroundings
from publish_all.config.folders import Folders
from publish_all.config.known import known_repositories
from publish_all.config.load import load_project, search_pyproject
from publish_all.config.model import RepositoryConfig
from publish_all.credentials import keyring
from publish_all.credentials.address import PYPI_HOSTS, TESTPYPI_HOSTS, host_of, hostname_of, is_confidential
from publish_all.credentials.prompt import Ask
from publish_all.credentials.source import CredentialRequest, Purpose
from publish_all.credentials.token import describe, inspect
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.errors import CredentialError, UsageError
from publish_all.events import Found, Listener
from publish_all.findings import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginOptions:
    """`project` is for a token that is limited to it; `username` None for the configured one, or to ask.

    `ask` prompts. `store` and `forget` are those of the keyring.
    """

    repository: str
    directory: Path
    ask: Ask | None
    project: NormalizedName | None = None
    username: str | None = None
    around: Surroundings = field(default_factory=Surroundings)
    folders: Folders | None = None
    store: Callable[..., str] = keyring.store
    forget: Callable[..., bool] = keyring.forget


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginResult:
    """What is in the keyring now. `kind` says what the secret is, in words that hold none of it."""

    repository: str
    service: str
    username: str
    keyring: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LogoutResult:
    """`removed` is False when nothing was stored."""

    repository: str
    service: str
    username: str
    removed: bool


def login(options: LoginOptions, *, listener: Listener) -> LoginResult:
    """Ask for a credential, look at what it is, and store it.

    Raises `UsageError` where nobody can be asked, `CredentialError` when the repository would refuse it
    or the keyring does.
    """
    config, service = _place(options)
    if options.ask is None:
        msg = f"`publish-all login {config.name}` asks for a credential, and nobody can be asked here"
        raise UsageError(msg, hint="Run it at a terminal, or set an environment variable instead.")
    username = _username(options, config, options.ask)
    question = "API token" if username == TOKEN_USER else f"Password of {username}"
    answer = options.ask(f"{question} for {config.name} ({service})", hidden=True)
    secret = _examined(options, config, service, username=username, answer=answer, listener=listener)
    where = options.store(service, username, secret, project=options.project)
    return LoginResult(
        repository=config.name,
        service=service,
        username=username,
        keyring=where,
        kind=describe(secret),
    )


def logout(options: LoginOptions) -> LogoutResult:
    """Remove what `login` has stored for the same repository, project and user."""
    config, service = _place(options)
    username = options.username or config.username or TOKEN_USER
    removed = options.forget(service, username, project=options.project)
    return LogoutResult(repository=config.name, service=service, username=username, removed=removed)


def _place(options: LoginOptions) -> tuple[RepositoryConfig, str]:
    """The repository, and the service to store under: its URL, or the host of an OCI registry. Raises `UsageError`."""
    inside = search_pyproject(options.directory) is not None
    known = known_repositories(
        load_project(options.directory) if inside else None,
        environment=options.around.environment,
        home=options.around.home,
        folders=options.folders,
    )
    config = known.get(options.repository)
    if config.kind.local or config.url is None:
        msg = f"the repository {config.name} is a folder, and needs no credential"
        raise UsageError(msg)
    if not is_confidential(config.url):
        msg = f"the repository {config.name} is not at an https URL; a credential for it would be of no use"
        raise UsageError(msg, hint="State its https URL.")
    return config, host_of(config.url) if config.kind.registry else config.url


def _username(options: LoginOptions, config: RepositoryConfig, ask: Ask) -> str:
    stated = options.username or config.username
    if stated:
        return stated
    if hostname_of(config.url or "") in PYPI_HOSTS | TESTPYPI_HOSTS:
        return TOKEN_USER
    return ask(f"User name for {config.name} [{TOKEN_USER}]", hidden=False).strip() or TOKEN_USER


def _examined(
    options: LoginOptions,
    config: RepositoryConfig,
    service: str,
    *,
    username: str,
    answer: str,
    listener: Listener,
) -> Secret:
    """What was entered. Raises `CredentialError` for what the repository is known to refuse, before it is stored."""
    request = CredentialRequest(
        repository=config.name, url=service, project=options.project, purpose=Purpose.UPLOAD
    )
    found = answer and credential_of(
        request, username=username, value=answer, origin="the prompt", listener=listener
    )
    if not found:
        msg = "nothing was entered, and nothing is stored"
        raise CredentialError(msg)
    findings = inspect(found, request)
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise CredentialError(errors[0].message, hint=errors[0].hint or None, findings=errors)
    for finding in findings:
        listener(Found(finding=finding))
    return found.secret
