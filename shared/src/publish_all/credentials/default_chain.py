"""Creates the usual chain of sources for one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from publish_all._process import Run, run
from publish_all._secret import Secret
from publish_all.config.addresses import hostname_of
from publish_all.config.model import When
from publish_all.config.tools import ToolSettings
from publish_all.credentials import keyring
from publish_all.credentials.chain import CredentialChain
from publish_all.credentials.configured import PLACES, EnvironmentSource, ToolFileSource
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    CredentialSource,
    Purpose,
    Tell,
    tell_nobody,
)
from publish_all.credentials.docker import DockerSource
from publish_all.credentials.identity import AmbientIdentity, detect_ambient
from publish_all.credentials.prompt import Ask, PromptSource
from publish_all.credentials.trusted_publishing import TrustedPublishingSource, mask_for
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.errors import UsageError
from publish_all.events import Event, Listener, ignore

if TYPE_CHECKING:
    from publish_all._http import Session

_GH_SECONDS = 5.0
_GH_SERVERS = {"ghcr.io": "github.com", "api.github.com": "github.com"}
_MODES = {"auto": When.AUTO, "oidc": When.ALWAYS, "token": When.NEVER}
"""The values of `--auth`, and what they mean for trusted publishing."""


class Explicit(CredentialSource):
    """`--username` and `--password` as given with `--repository`; either may be missing.

    A user name alone is not a credential: the other sources are searched for that user.
    """

    name = "command line"

    def __init__(
        self, repository: str, *, username: str | None = None, password: Secret | None = None
    ) -> None:
        self.repository = repository
        self.stated_username = username
        self.password = password

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        del tell
        if request.repository != self.repository or self.password is None:
            return None
        username = self.stated_username or request.username or TOKEN_USER
        origin = "the command line's --password"
        return credential_of(request, username=username, value=self.password.reveal(), origin=origin)

    def username(self, request: CredentialRequest) -> str | None:
        return self.stated_username if request.repository == self.repository else None


class GitHubCliSource(CredentialSource):
    """`gh auth token`, for GitHub only. A missing, slow or logged-out gh has no credential."""

    name = "gh auth token"

    def __init__(self, run: Run = run) -> None:
        self._run = run

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        server = _GH_SERVERS.get(hostname_of(request.url))
        if server is None:
            return None
        command = ["gh", "auth", "token", "--hostname", server]
        try:
            done = self._run(command, cwd=Path("/"), timeout=_GH_SECONDS)
        except (OSError, TimeoutError) as error:
            missing = isinstance(error, FileNotFoundError)
            tell(self.name, "gh is not installed" if missing else "gh did not answer")
            return None
        if done.returncode != 0:
            tell(self.name, f"gh is not logged in to {server}")
            return None
        return credential_of(
            request,
            username=request.username or TOKEN_USER,
            value=done.stdout.strip(),
            origin=self.name,
            kind=CredentialKind.TOKEN,
        )


def default_chain(
    tools: ToolSettings,
    names: Iterable[str],
    *,
    session: Session,
    explicit: Explicit | None = None,
    auth: str = "auto",
    ask: Ask | None = None,
    listener: Listener = ignore,
    run: Run = run,
    backends: Callable[[], tuple[keyring.Backend, ...]] = keyring.installed_backends,
    detect: Callable[[str], str | None] = detect_ambient,
) -> CredentialChain:
    """All sources in their order: command line, environment, trusted publishing, keyring, files, gh, prompt.

    `names` are those of all repositories; `auth` is `auto`, `oidc` (nothing but trusted publishing, for
    repositories that can have it) or `token` (never trusted publishing). `ask` prompts, None where no user can be
    asked. Raises `UsageError` for another `auth`.
    """
    mode = _MODES.get(auth)
    if mode is None:
        msg = f"--auth must be auto, oidc or token, not {auth!r}"
        raise UsageError(msg)
    if mode is When.ALWAYS and explicit is not None and explicit.password is not None:
        msg = "--auth oidc cannot be used with --password"
        raise UsageError(msg, hint="Remove one of the two options.")

    told: set[Event] = set()

    def once(event: Event) -> None:
        """Report the same finding once, although it occurs for each project."""
        if event not in told:
            told.add(event)
            listener(event)

    def when(request: CredentialRequest) -> When:
        """Whether trusted publishing may, must or must not be used. Only uploads to a legacy repository can."""
        config = request.config
        if request.purpose is not Purpose.UPLOAD or not config.kind.trusted_publishing:
            return When.NEVER
        return mode if mode is not When.AUTO else config.trusted_publishing

    sources: list[CredentialSource] = [
        *([explicit] if explicit is not None else []),
        EnvironmentSource(tools, names),
        TrustedPublishingSource(
            http=session,
            identity=AmbientIdentity(environment=tools.environment, detect=detect),
            when=when,
            mask=mask_for(tools.environment),
            listener=once,
        ),
        keyring.KeyringSource(tools, backends=backends, listener=once, interactive=ask is not None),
        *(ToolFileSource(tools, place, once) for place in PLACES if place in tools.places),
        DockerSource(tools.files.docker if tools.files else (), tools.environment.get("DOCKER_AUTH_CONFIG")),
        GitHubCliSource(run),
        *([PromptSource(ask=ask, store=keyring.store, listener=listener)] if ask is not None else []),
    ]
    return CredentialChain(sources, when=when, listener=once)
