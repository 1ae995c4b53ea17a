"""The `.pypirc` file: https://packaging.python.org/specifications/pypirc/."""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from publish_all._values import dataclass
from publish_all.config.builtin import normalized
from publish_all.credentials import diagnoses
from publish_all.credentials.address import PYPI, TESTPYPI, same_url
from publish_all.credentials.binding import Bindings
from publish_all.credentials.source import Credential, CredentialRequest
from publish_all.credentials.token import read_pypi_token
from publish_all.credentials.value import TOKEN_USER, clean, made, refused
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, ignore

_DEFAULT_URLS = {"pypi": PYPI, "testpypi": TESTPYPI}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One section. `password` never leaves this module but as a `Secret`."""

    section: str
    url: str
    username: str | None
    password: str | None = field(repr=False)


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
        servers = [server for server in self.servers() if self._serves(server, request)]
        servers = [server for server in servers if not _is_of_other_project(server, request)]
        for server in sorted(servers, key=lambda server: _rank(server, request)):
            found = self._credential(server, request)
            if found is not None:
                self._warn_if_readable_by_others()
                return found
        return None

    def servers(self) -> tuple[Server, ...]:
        """The sections which state or imply a URL. Raises `CredentialError` when the file is there and unreadable."""
        parser = configparser.RawConfigParser()
        try:
            with self.path.open(encoding="utf-8") as file:
                parser.read_file(file)
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(type(error).__name__) from error
        except configparser.Error as error:
            # The parser's own messages quote lines of the file, and so may hold a password.
            raise self._unreadable(f"it is not an INI file ({type(error).__name__})") from None
        return tuple(_servers(parser))

    def _serves(self, server: Server, request: CredentialRequest) -> bool:
        return any(same_url(server.url, address) for address in self.bindings.addresses(request))

    def _credential(self, server: Server, request: CredentialRequest) -> Credential | None:
        if server.password is None:
            return None
        if request.username and server.username and request.username != server.username:
            return None
        origin = f"[{server.section}] in {self.path}"
        secret = clean(server.password, origin=origin, listener=self.listener)
        if secret is None:
            return None
        username = server.username or request.username or TOKEN_USER
        return made(request, username=username, secret=secret, origin=origin)

    def _unreadable(self, why: str) -> CredentialError:
        return refused(
            diagnoses.FILE_UNREADABLE.found(
                f"{self.path} cannot be read: {why}.",
                where=str(self.path),
                hint="Repair the file, or move it away.",
            )
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


def _servers(parser: configparser.RawConfigParser) -> Iterator[Server]:
    for section in parser.sections():
        url = parser.get(section, "repository", fallback=None) or _DEFAULT_URLS.get(section)
        if section != "distutils" and url is not None:
            yield Server(
                section=section,
                url=url,
                username=parser.get(section, "username", fallback=None) or None,
                password=parser.get(section, "password", fallback=None) or None,
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
    return (2 if name in _DEFAULT_URLS else 3), name
