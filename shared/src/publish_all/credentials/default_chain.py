"""Creates the usual chain of sources for one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from publish_all._actions import mask_for
from publish_all._process import Run, run
from publish_all.config.model import When
from publish_all.config.tools import ToolSettings
from publish_all.credentials import keyring
from publish_all.credentials.chain import CredentialChain
from publish_all.credentials.configured import PLACES, EnvironmentSource, ToolFileSource
from publish_all.credentials.credential_source import CredentialRequest, CredentialSource, Purpose
from publish_all.credentials.docker import DockerSource, GitHubCliSource
from publish_all.credentials.prompt import Ask, Explicit, PromptSource
from publish_all.credentials.trusted_publishing import (
    AmbientIdentity,
    TrustedPublishingSource,
    detect_ambient,
)
from publish_all.errors import UsageError
from publish_all.events import Event, Listener, ignore

if TYPE_CHECKING:
    from publish_all._http import Session

_MODES = {"auto": When.AUTO, "oidc": When.ALWAYS, "token": When.NEVER}
"""The values of `--auth`, and what they mean for trusted publishing."""


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
