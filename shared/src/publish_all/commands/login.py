"""Keeping a repository's credential in the keyring, and removing it."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import NormalizedName

from publish_all.commands.context import Runtime, project_of_files
from publish_all.config.addresses import host_of, is_confidential
from publish_all.credentials import keyring
from publish_all.credentials.credential_source import CredentialRequest, Purpose
from publish_all.credentials.prompt import Ask, ask_for
from publish_all.credentials.value import TOKEN_USER, cleaned, describe, inspect
from publish_all.errors import CredentialError, UsageError
from publish_all.findings import Severity

COLUMNS = ("repository", "service", "user", "outcome")


def login(
    repository: str,
    directory: Path,
    *,
    ask: Ask | None = None,
    forget: bool = False,
    project: NormalizedName | None = None,
    username: str | None = None,
    runtime: Runtime,
) -> tuple[str, ...]:
    """Ask for a credential, detect its kind, and store it, or remove the one to `forget`. Returns a row of `COLUMNS`.

    `project` is for a token that is limited to it; `username` None for the configured one, or to ask.
    Raises `UsageError` without a terminal, and `CredentialError` if the repository would refuse it
    or the keyring does.
    """
    request = _request(repository, directory, project, username, runtime)
    if forget:
        user = request.username or request.config.username or TOKEN_USER
        removed = keyring.forget(request.url, user, project=project)
        return request.repository, request.url, user, "removed" if removed else "nothing stored"
    if ask is None:
        msg = f"`publish-all login {request.repository}` asks for a credential, which needs a terminal"
        raise UsageError(msg, hint="Run it in a terminal, or set an environment variable instead.")
    found = ask_for(request, ask)
    if found is None:
        raise CredentialError("nothing was entered, so nothing was stored")
    found = cleaned(found, runtime.listener)
    findings = inspect(found, request)
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise CredentialError(errors[0].message, hint=errors[0].hint or None, findings=errors)
    runtime.found(*findings)
    where = keyring.store(request.url, found.username, found.secret, project=project)
    return request.repository, request.url, found.username, f"{describe(found.secret)}, kept in {where}"


def _request(
    repository: str, directory: Path, project: NormalizedName | None, username: str | None, runtime: Runtime
) -> CredentialRequest:
    """What the credential is for, with the service that it is stored under as the URL. Raises `UsageError`."""
    known = runtime.known(project_of_files(directory, optional=True))
    config = known.get(repository)
    if config.kind.local or config.url is None:
        raise UsageError(f"the repository {config.name} is a folder, which needs no credential")
    if not is_confidential(config.url):
        msg = f"the repository {config.name} has no https URL, so a credential for it is not used"
        raise UsageError(msg, hint="Configure its https URL.")
    return CredentialRequest(
        config=config,
        url=host_of(config.url) if config.kind.registry or "{owner}" in config.url else config.url,
        project=project,
        purpose=Purpose.UPLOAD,
        username=username,
    )
