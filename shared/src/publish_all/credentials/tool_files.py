"""Credentials in the files of Poetry, Hatch, pdm, uv and twine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from publish_all import diagnoses
from publish_all.config.addresses import is_below, same_url
from publish_all.config.builtin import canonical, normalized
from publish_all.config.tools import PYPIRC, Tool, ToolRepository, ToolSettings
from publish_all.credentials.credential_source import (
    Credential,
    CredentialRequest,
    CredentialSource,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, credential_of, read_pypi_token, refused
from publish_all.events import Found, Listener, ignore

PLACES = (
    "the project's poetry.toml",
    "the project's pdm.toml",
    "Poetry's configuration",
    "Hatch's configuration",
    "pdm's configuration",
    "uv auth",
    PYPIRC,
)
"""Where `ToolSettings` has secrets, in the order in which they are asked."""


class ToolFileSource(CredentialSource):
    """The credentials in the files of one tool, for the URL to which the tool itself would send them.

    A name without a URL in Poetry is the name of the repository, and an account of uv is for all URLs below its own.
    """

    def __init__(self, tools: ToolSettings, name: str, listener: Listener = ignore) -> None:
        self.name = name
        self._tools = tools
        self._listener = listener

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        del tell
        broken = self._tools.broken.get(self.name)
        if broken is not None:
            message, hint = f"{broken.message}.", broken.hint or ""
            finding = diagnoses.FILE_UNREADABLE.found(message, where=self.name, hint=hint)
            raise refused(finding) from broken
        for entry in self._serving(request):
            if entry.secret is None or self._is_of_another_user(entry, request):
                continue
            default = TOKEN_USER if entry.tool is not Tool.POETRY else ""
            found = credential_of(
                request,
                username=entry.username or request.username or default,
                value=entry.secret.reveal(),
                origin=entry.origin,
            )
            if found is not None:
                self._warn_if_readable_by_others()
                return found
        return None

    def username(self, request: CredentialRequest) -> str | None:
        """The user name of a section of `.pypirc` without a password, which may be in a keyring (as for twine)."""
        entries = self._serving(request) if self.name == PYPIRC else ()
        return next((each.username for each in entries if each.username and each.secret is None), None)

    def _serving(self, request: CredentialRequest) -> Iterable[ToolRepository]:
        """The entries for a request, best first."""
        entries = [each for each in self._tools.places.get(self.name, ()) if self._serves(each, request)]
        if self.name != PYPIRC:
            # Several names may be of one URL, with a token for each project.
            own = canonical(request.repository)
            return sorted(entries, key=lambda each: canonical(each.name) != own)
        kept = [each for each in entries if not _is_of_another_project(each, request)]
        return sorted(kept, key=lambda each: _rank(each, request))

    def _serves(self, entry: ToolRepository, request: CredentialRequest) -> bool:
        url = self._tools.upload_url(entry)
        if url is not None:
            serves = is_below if entry.tool is Tool.UV else same_url
            return any(serves(address, url) for address in request.addresses)
        same_name = normalized(entry.name) == normalized(request.repository)
        return entry.tool is Tool.POETRY and same_name and request.by_name

    def _is_of_another_user(self, entry: ToolRepository, request: CredentialRequest) -> bool:
        stated = self.name == PYPIRC and request.username and entry.username
        return bool(stated) and request.username != entry.username

    def _warn_if_readable_by_others(self) -> None:
        path = self._tools.files.pypirc if self._tools.files is not None else None
        if self.name != PYPIRC or os.name != "posix" or path is None:
            return
        if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            message = f"{path} is readable by other users of this machine."
            finding = diagnoses.FILE_READABLE_BY_OTHERS.found(message, where=str(path))
            self._listener(Found(finding=finding))


def poetry_names(tools: ToolSettings, request: CredentialRequest) -> tuple[str, ...]:
    """The names, as written, under which Poetry may have credentials of a repository.

    They are those that mean one of its addresses; and the repository's own, unless Poetry knows
    another URL by it: then a project has given a known name to its own URL.
    """
    if not request.by_name:
        return ()
    own = normalized(request.repository)
    names = {normalized(each): each for each in (request.repository, *Tool.POETRY.names)}
    names |= {
        normalized(each.name): each.name
        for each in tools.entries
        if each.tool is Tool.POETRY and not each.of_project and each.name
    }

    def serves(name: str) -> bool:
        url = tools.url_of(Tool.POETRY, name)
        return name == own if url is None else any(same_url(url, each) for each in request.addresses)

    return tuple(written for name, written in names.items() if serves(name))


def _is_of_another_project(entry: ToolRepository, request: CredentialRequest) -> bool:
    """Whether the section is for the token of another project, in the form that PyPI recommends."""
    token = read_pypi_token(entry.secret.reveal().strip()) if entry.secret is not None else None
    if token is None or token.projects is None or request.project in token.projects:
        return False
    return normalized(entry.name) in {normalized(project) for project in token.projects}


def _rank(entry: ToolRepository, request: CredentialRequest) -> tuple[int, str]:
    """The project's own section first, then the repository's, then the indexes', then any other."""
    name = normalized(entry.name)
    known = (normalized(request.project or ""), normalized(request.repository), *Tool.TWINE.names)
    return (min(known.index(name), 2) if name in known else 3), name
