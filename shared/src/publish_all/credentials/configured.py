"""Credentials in environment variables and in the files of Poetry, Hatch, pdm, uv and twine.

`VARIABLES` is the one table of the variables; the reference documentation is made from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from publish_all import diagnoses
from publish_all.config.addresses import host_of, hostname_of, is_below, is_pypi, same_url, without_user
from publish_all.config.builtin import canonical, normalized
from publish_all.config.model import Scope
from publish_all.config.rules import variable_part
from publish_all.config.tools import PYPI, PYPIRC, TESTPYPI, Tool, ToolRepository, ToolSettings
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    CredentialSource,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, credential_of, read_pypi_token, refused
from publish_all.diagnoses import Diagnosis
from publish_all.events import Found, Listener, ignore


class Variable(NamedTuple):
    """One variable that holds a secret; `{REPOSITORY}` and `{PROJECT}` in its name are filled in.

    `username` is the variable with the user name for it, if there is one. One with `{REPOSITORY}` serves the
    repository of that name, one of a tool where the tool itself would send it: where its variables say, else `default`.
    """

    tool: Tool
    name: str
    username: str | None = None
    default: str = PYPI

    @property
    def kind(self) -> CredentialKind:
        return CredentialKind.TOKEN if "TOKEN" in self.name else CredentialKind.PASSWORD

    @property
    def by_name(self) -> bool:
        return "{REPOSITORY}" in self.name


_OUR_USER = "PUBLISH_ALL_{REPOSITORY}_USERNAME"

VARIABLES = (
    Variable(Tool.PUBLISH_ALL, "PUBLISH_ALL_{REPOSITORY}_TOKEN_FOR_{PROJECT}", _OUR_USER),
    Variable(Tool.PUBLISH_ALL, "PUBLISH_ALL_{REPOSITORY}_TOKEN", _OUR_USER),
    Variable(Tool.PUBLISH_ALL, "PUBLISH_ALL_{REPOSITORY}_PASSWORD", _OUR_USER),
    Variable(Tool.POETRY, "POETRY_PYPI_TOKEN_{REPOSITORY}"),
    Variable(
        Tool.POETRY, "POETRY_HTTP_BASIC_{REPOSITORY}_PASSWORD", "POETRY_HTTP_BASIC_{REPOSITORY}_USERNAME"
    ),
    Variable(Tool.HATCH, "HATCH_INDEX_AUTH", "HATCH_INDEX_USER"),
    Variable(Tool.TWINE, "TWINE_PASSWORD", "TWINE_USERNAME"),
    Variable(Tool.UV, "UV_PUBLISH_TOKEN"),
    Variable(Tool.UV, "UV_PUBLISH_PASSWORD", "UV_PUBLISH_USERNAME"),
    Variable(Tool.FLIT, "FLIT_PASSWORD", "FLIT_USERNAME"),
    Variable(Tool.PDM, "PDM_PUBLISH_PASSWORD", "PDM_PUBLISH_USERNAME"),
    Variable(Tool.COMMON, "PYPI_API_TOKEN"),
    Variable(Tool.COMMON, "PYPI_TOKEN"),
    Variable(Tool.COMMON, "TESTPYPI_API_TOKEN", default=TESTPYPI),
    Variable(Tool.GITHUB, "GITHUB_TOKEN", "GITHUB_ACTOR"),
    Variable(Tool.GITHUB, "GH_TOKEN", "GITHUB_ACTOR"),
)


class EnvironmentSource(CredentialSource):
    """The environment of the process. `names` are those of all repositories, whose variables must differ.

    What a tool's own configuration says about names counts: a value that the tool would send elsewhere is not for us.
    """

    name = "environment"

    def __init__(self, tools: ToolSettings, names: Iterable[str] = ()) -> None:
        self._tools = tools
        self._names = frozenset(names)

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        for variable in VARIABLES:
            elsewhere = self._elsewhere(variable, request)
            for name, user in self._filled(variable, request):
                if elsewhere is None:
                    found = self._value(variable, name, user, request)
                    if found is not None:
                        return found
                    # Of other tools, only variables that are set matter.
                    ours = variable.tool in (Tool.PUBLISH_ALL, Tool.GITHUB)
                    if ours and self._tools.variable(name) is None:
                        tell(f"environment variable {name}", "not set")
                elif self._tools.variable(name) is not None:
                    tell(f"environment variable {name}", f"set, but it is for {elsewhere}")
        return None

    def username(self, request: CredentialRequest) -> str | None:
        """The user name from a variable, the caller or the configuration."""
        users = (
            self._tools.variable(user)
            for variable in VARIABLES
            if variable.kind is CredentialKind.PASSWORD and self._elsewhere(variable, request) is None
            for _, user in self._filled(variable, request)
            if user is not None
        )
        return next(filter(None, users), None) or request.username or request.config.username

    def _filled(self, variable: Variable, request: CredentialRequest) -> Iterator[tuple[str, str | None]]:
        """The names of a tool's variables for the secret and the user name of a repository."""
        if "{PROJECT}" in variable.name and request.project is None:
            return
        names = poetry_names(self._tools, request) if variable.tool is Tool.POETRY else (request.repository,)
        for repository in dict.fromkeys(map(variable_part, names if variable.by_name else ("",))):
            project = variable_part(request.project or "")
            secret = variable.name.format(REPOSITORY=repository, PROJECT=project)
            yield secret, variable.username and variable.username.format(REPOSITORY=repository)

    def _elsewhere(self, variable: Variable, request: CredentialRequest) -> str | None:
        """The purpose of a variable that is not for this request, in words; None if it is for it."""
        config = request.config
        if variable.tool is Tool.GITHUB:
            return None if self._is_github(request) else "GitHub"
        if not variable.by_name:
            stated = self._tools.target(variable.tool) or variable.default
            url = self._tools.url_of(variable.tool, stated)
            if url is None:
                return None if stated == request.repository and request.by_name else stated
            is_target = any(same_url(url, address) for address in request.addresses)
            return None if is_target else without_user(stated) if "://" in stated else stated
        if not request.by_name:
            return "the host of the upload URL"
        if variable.tool is Tool.PUBLISH_ALL and config.scope is Scope.PROJECT:
            # A project may set another URL under a name of the user; a credential for the name is not for that URL.
            url = self._tools.url_of(variable.tool, config.name)
            if url is not None and host_of(url) != host_of(request.url):
                return without_user(url)
        return None

    def _is_github(self, request: CredentialRequest) -> bool:
        """GitHub's registry and API, of github.com or the Enterprise Server of the job, or where the user has `github` or `releases`."""
        config = request.config
        server = hostname_of(self._tools.variable("GITHUB_SERVER_URL") or "https://github.com")
        own = (
            {"ghcr.io", "api.github.com"}
            if server == "github.com"
            else {server, f"containers.{server}", f"api.{server}"}
        )
        named_by_user = (
            config.name in {"github", "releases"}
            and config.scope in {Scope.USER, Scope.ENVIRONMENT, Scope.COMMAND_LINE}
            and config.url is not None
            and host_of(config.url) == host_of(request.url)
        )
        return hostname_of(request.url) in own or named_by_user

    def _value(
        self, variable: Variable, name: str, user: str | None, request: CredentialRequest
    ) -> Credential | None:
        value = self._tools.variable(name)
        stated = self._tools.variable(user) if user is not None else None
        is_password = variable.kind is CredentialKind.PASSWORD
        # Some servers need a token as the user name, with an explicitly empty password.
        is_empty = variable.by_name and is_password and stated and self._tools.environment.get(name) == ""
        if value is None and not is_empty:
            return None
        if variable.by_name:
            self._ensure_unambiguous(request)
        origin = f"environment variable {name}"
        username = (stated or "").strip() or request.username
        if user is None:
            username = TOKEN_USER
        elif not username and is_password and variable.by_name and not is_pypi(request.url):
            message = f"The {origin} contains a password, and the user name is missing."
            hint = f"Set {user}, too."
            raise refused(Diagnosis("PA310").found(message, where=origin, hint=hint))
        return credential_of(
            request, username=username or TOKEN_USER, value=value or "", origin=origin, kind=variable.kind
        )

    def _ensure_unambiguous(self, request: CredentialRequest) -> None:
        """Raise if the names of the variables could also belong to another repository."""
        own, part = request.repository, variable_part(request.repository)
        other = next(
            (each for each in sorted(self._names) if each != own and variable_part(each) == part), None
        )
        if other is not None:
            message = f"The repositories {own} and {other} would use the same environment variables."
            raise refused(Diagnosis("PA314").found(message, where=own))


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
            users = {request.username, entry.username} - {None} if self.name == PYPIRC else set()
            if entry.secret is None or len(users) > 1:
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
