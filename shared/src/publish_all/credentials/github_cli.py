"""The token with which the user is logged in to GitHub's own command line, for GitHub only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from publish_all._process import Run, run
from publish_all._values import dataclass
from publish_all.credentials.address import hostname_of
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest, Purpose, TraceEntry
from publish_all.credentials.value import TOKEN_USER, credential_of
from publish_all.events import Listener, ignore

SECONDS = 5.0

_SERVERS = {"ghcr.io": "github.com", "api.github.com": "github.com"}


@dataclass(frozen=True, kw_only=True, slots=True)
class GitHubCliSource:
    """`gh auth token`. A missing, slow or logged-out gh is "not here"."""

    run: Run = run
    listener: Listener = ignore
    environment: Mapping[str, str] | None = None
    name: str = "gh auth token"
    _outcomes: dict[str, str] = field(default_factory=dict, repr=False)

    def find(self, request: CredentialRequest) -> Credential | None:
        server = _SERVERS.get(hostname_of(request.url))
        if server is None:
            return None
        try:
            done = self.run(
                ["gh", "auth", "token", "--hostname", server],
                cwd=Path("/"),
                environment=self.environment,
                timeout=SECONDS,
            )
        except (OSError, TimeoutError) as error:
            self._outcomes[server] = (
                "gh is not installed" if isinstance(error, FileNotFoundError) else "gh did not answer"
            )
            return None
        if done.returncode != 0:
            self._outcomes[server] = f"gh is not logged in to {server}"
            return None
        return credential_of(
            request,
            username=request.username or TOKEN_USER,
            value=done.stdout.rstrip("\n"),
            origin=self.name,
            listener=self.listener,
            kind=CredentialKind.TOKEN,
        )

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        server = _SERVERS.get(hostname_of(request.url))
        if server is None or request.purpose not in Purpose:
            return ()
        return (TraceEntry(source=self.name, outcome=self._outcomes.get(server, "no token")),)
