"""The `.pypirc` file as a source of credentials."""

from __future__ import annotations

import os
import stat
from dataclasses import field
from pathlib import Path

from publish_all import diagnoses
from publish_all._values import dataclass
from publish_all.config.builtin import normalized
from publish_all.config.pypirc import DEFAULT_URLS, Server, read_pypirc
from publish_all.credentials.address import same_url
from publish_all.credentials.binding import Bindings
from publish_all.credentials.source import Credential, CredentialRequest
from publish_all.credentials.token import read_pypi_token
from publish_all.credentials.value import TOKEN_USER, credential_of, refused
from publish_all.errors import ConfigurationError, CredentialError
from publish_all.events import Found, Listener, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class PypircSource:
    """The user's `.pypirc`. A section serves the URL that it states, whatever its name.

    A section named as the project, which states the URL, holds the token of that project; this is
    what PyPI's own page for a new project token says to write.
    """

    path: Path
    bindings: Bindings = field(default_factory=Bindings)
    listener: Listener = ignore
    name: str = ".pypirc"

    def find(self, request: CredentialRequest) -> Credential | None:
        for server in self._serving(request):
            found = self._credential(server, request)
            if found is not None:
                self._warn_if_readable_by_others()
                return found
        return None

    def username(self, request: CredentialRequest) -> str | None:
        """The user name that a section states without a password, which a keyring may hold then (as for twine).

        A file that cannot be read states none here: `find` has the error.
        """
        try:
            servers = self._serving(request)
        except CredentialError:
            return None
        return next((each.username for each in servers if each.username and each.password is None), None)

    def _serving(self, request: CredentialRequest) -> list[Server]:
        """The sections for a request, best first. Raises `CredentialError` when the file is there and unreadable."""
        try:
            servers = read_pypirc(self.path)
        except ConfigurationError as error:
            raise refused(
                diagnoses.FILE_UNREADABLE.found(
                    f"{error.message}.",
                    where=str(self.path),
                    hint=error.hint or "Repair the file, or move it away.",
                )
            ) from error
        serving = [
            each
            for each in servers
            if any(same_url(each.url, address) for address in self.bindings.addresses(request))
            and not _is_of_other_project(each, request)
        ]
        return sorted(serving, key=lambda server: _rank(server, request))

    def _credential(self, server: Server, request: CredentialRequest) -> Credential | None:
        if server.password is None or (not server.password and server.username is None):
            return None
        if request.username and server.username and request.username != server.username:
            return None
        return credential_of(
            request,
            username=server.username or request.username or TOKEN_USER,
            value=server.password,
            origin=f"[{server.section}] in {self.path}",
            listener=self.listener,
        )

    def _warn_if_readable_by_others(self) -> None:
        if os.name != "posix":
            return
        if self.path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            self.listener(
                Found(
                    finding=diagnoses.FILE_READABLE_BY_OTHERS.found(
                        f"Other users of this machine can read {self.path}.",
                        where=str(self.path),
                        hint=f"chmod 600 {self.path}",
                    )
                )
            )


def _is_of_other_project(server: Server, request: CredentialRequest) -> bool:
    """Whether the section is one of those that PyPI says to write for another project's token."""
    token = read_pypi_token((server.password or "").strip())
    if token is None or token.projects is None or request.project in token.projects:
        return False
    return normalized(server.section) in {normalized(project) for project in token.projects}


def _rank(server: Server, request: CredentialRequest) -> tuple[int, str]:
    """The project's own section first, then the repository's, then the indexes', then any other."""
    name = normalized(server.section)
    if request.project is not None and name == normalized(request.project):
        return 0, name
    if name == normalized(request.repository):
        return 1, name
    return (2 if name in DEFAULT_URLS else 3), name
