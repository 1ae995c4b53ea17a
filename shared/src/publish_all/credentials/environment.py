"""Credentials in environment variables: ours, and those that users have set for other tools already.

`VARIABLES` is the one table of them; the reference documentation is made from it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import field

from publish_all import diagnoses
from publish_all._values import dataclass
from publish_all.config.model import Scope
from publish_all.credentials.address import (
    PYPI,
    PYPI_HOSTS,
    TESTPYPI,
    TESTPYPI_HOSTS,
    host_of,
    hostname_of,
    same_url,
    without_user,
)
from publish_all.credentials.binding import Bindings, KnownNames, variable_part
from publish_all.credentials.source import Credential, CredentialKind, CredentialRequest, TraceEntry
from publish_all.credentials.value import TOKEN_USER, credential_of, refused
from publish_all.errors import CredentialError
from publish_all.events import Listener, ignore


class Tool(enum.Enum):
    """Whose variable it is; the order does not matter, that of `VARIABLES` does."""

    PUBLISH_ALL = "publish-all"
    POETRY = "Poetry"
    HATCH = "Hatch"
    TWINE = "twine"
    UV = "uv"
    FLIT = "flit"
    PDM = "PDM"
    COMMON = "common practice"
    GITHUB = "GitHub"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForName:
    """Serves the repository whose name is in the variable's own: `{REPOSITORY}`, `{PROJECT}`."""

    def described(self) -> str:
        return "the repository of that name"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForTarget:
    """Serves the repository that the tool itself would send to.

    That is the URL in the variable `url`, else the repository named in the variable `name` (which may
    be a URL too), else `default`.
    """

    url: str | None = None
    name: str | None = None
    default: str

    def described(self) -> str:
        stated = [f"`{variable}`" for variable in (self.url, self.name) if variable is not None]
        default = f"`{self.default}`"
        return f"the repository of {' or '.join(stated)}; without it {default}" if stated else default


@dataclass(frozen=True, kw_only=True, slots=True)
class ForGitHub:
    """Serves GitHub's container registry and API, on github.com or the GitHub Enterprise Server of the job."""

    def described(self) -> str:
        return (
            "`ghcr.io` and `api.github.com`, or the server in `GITHUB_SERVER_URL`, or the one to which the "
            "user (not a project) has pointed `github`"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One variable that holds a secret; `{REPOSITORY}` and `{PROJECT}` in its name are filled in.

    `username` is the variable with the user name for it, if there is one.
    """

    tool: Tool
    name: str
    username: str | None = None
    kind: CredentialKind
    serves: ForName | ForTarget | ForGitHub


_TOKEN, _PASSWORD = CredentialKind.TOKEN, CredentialKind.PASSWORD
_HATCH = ForTarget(name="HATCH_INDEX_REPO", default=PYPI)
_TWINE = ForTarget(url="TWINE_REPOSITORY_URL", name="TWINE_REPOSITORY", default=PYPI)
_UV = ForTarget(url="UV_PUBLISH_URL", name="UV_PUBLISH_INDEX", default=PYPI)
_FLIT = ForTarget(url="FLIT_INDEX_URL", default=PYPI)
_PDM = ForTarget(name="PDM_PUBLISH_REPO", default=PYPI)
_OURS, _OUR_USER = ForName(), "PUBLISH_ALL_{REPOSITORY}_USERNAME"

VARIABLES: tuple[Variable, ...] = (
    Variable(
        tool=Tool.PUBLISH_ALL,
        name="PUBLISH_ALL_{REPOSITORY}_TOKEN_FOR_{PROJECT}",
        username=_OUR_USER,
        kind=_TOKEN,
        serves=_OURS,
    ),
    Variable(
        tool=Tool.PUBLISH_ALL,
        name="PUBLISH_ALL_{REPOSITORY}_TOKEN",
        username=_OUR_USER,
        kind=_TOKEN,
        serves=_OURS,
    ),
    Variable(
        tool=Tool.PUBLISH_ALL,
        name="PUBLISH_ALL_{REPOSITORY}_PASSWORD",
        username=_OUR_USER,
        kind=_PASSWORD,
        serves=_OURS,
    ),
    Variable(tool=Tool.POETRY, name="POETRY_PYPI_TOKEN_{REPOSITORY}", kind=_TOKEN, serves=ForName()),
    Variable(
        tool=Tool.POETRY,
        name="POETRY_HTTP_BASIC_{REPOSITORY}_PASSWORD",
        username="POETRY_HTTP_BASIC_{REPOSITORY}_USERNAME",
        kind=_PASSWORD,
        serves=ForName(),
    ),
    Variable(
        tool=Tool.HATCH, name="HATCH_INDEX_AUTH", username="HATCH_INDEX_USER", kind=_PASSWORD, serves=_HATCH
    ),
    Variable(
        tool=Tool.TWINE, name="TWINE_PASSWORD", username="TWINE_USERNAME", kind=_PASSWORD, serves=_TWINE
    ),
    Variable(tool=Tool.UV, name="UV_PUBLISH_TOKEN", kind=_TOKEN, serves=_UV),
    Variable(
        tool=Tool.UV,
        name="UV_PUBLISH_PASSWORD",
        username="UV_PUBLISH_USERNAME",
        kind=_PASSWORD,
        serves=_UV,
    ),
    Variable(tool=Tool.FLIT, name="FLIT_PASSWORD", username="FLIT_USERNAME", kind=_PASSWORD, serves=_FLIT),
    Variable(
        tool=Tool.PDM,
        name="PDM_PUBLISH_PASSWORD",
        username="PDM_PUBLISH_USERNAME",
        kind=_PASSWORD,
        serves=_PDM,
    ),
    Variable(tool=Tool.COMMON, name="PYPI_API_TOKEN", kind=_TOKEN, serves=ForTarget(default=PYPI)),
    Variable(tool=Tool.COMMON, name="PYPI_TOKEN", kind=_TOKEN, serves=ForTarget(default=PYPI)),
    Variable(tool=Tool.COMMON, name="TESTPYPI_API_TOKEN", kind=_TOKEN, serves=ForTarget(default=TESTPYPI)),
    Variable(tool=Tool.GITHUB, name="GITHUB_TOKEN", username="GITHUB_ACTOR", kind=_TOKEN, serves=ForGitHub()),
    Variable(tool=Tool.GITHUB, name="GH_TOKEN", username="GITHUB_ACTOR", kind=_TOKEN, serves=ForGitHub()),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentSource:
    """The environment of the process.

    `known` holds what the tools' own configuration says about names: a value that such a tool would
    send elsewhere is not for us.
    """

    environment: Mapping[str, str]
    bindings: Bindings = field(default_factory=Bindings)
    known: Mapping[Tool, KnownNames] = field(default_factory=dict)
    listener: Listener = ignore
    name: str = "environment"

    def find(self, request: CredentialRequest) -> Credential | None:
        for variable in VARIABLES:
            for name, username_name in self._names(variable, request):
                found = self._value(variable, name, username_name, request)
                if found is not None:
                    return found
        return None

    def stated_targets(self) -> Iterator[tuple[str, str, str | None]]:
        """What the tools' variables name as the place for uploads: variable, value, and the URL that the tool makes of it."""
        seen = set[str]()
        for each in VARIABLES:
            if not isinstance(each.serves, ForTarget):
                continue
            for variable in (each.serves.url, each.serves.name):
                value = self._text(variable) if variable is not None else None
                if variable is not None and value is not None and variable not in seen:
                    seen.add(variable)
                    yield variable, value, self._url_behind(each.tool, value)

    def is_target_of(self, tool: Tool, request: CredentialRequest) -> bool:
        """Whether a tool's own variables say that it would send to the URL of a request."""
        targets = {each.serves for each in VARIABLES if each.tool is tool}
        return any(
            isinstance(each, ForTarget)
            and self._stated(each) is not None
            and self._is_target(tool, each, request)
            for each in targets
        )

    def username(self, request: CredentialRequest) -> str | None:
        """The user name that a variable states for this request without a secret beside it (a keyring may hold that)."""
        for variable in VARIABLES:
            if variable.kind is _PASSWORD and self._is_for(variable, request):
                for _, username_name in self._names(variable, request):
                    if username_name is not None and self._text(username_name):
                        return self._text(username_name)
        return None

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        """Which variables would have been taken, and which are set but belong elsewhere."""
        return tuple(self._missed(request))

    def _missed(self, request: CredentialRequest) -> Iterator[TraceEntry]:
        for variable in VARIABLES:
            for name, _ in self._names(variable, request, whether_or_not=True):
                if self._text(name) is None:
                    if self._is_for(variable, request) and variable.tool is Tool.PUBLISH_ALL:
                        yield TraceEntry(source=f"environment variable {name}", outcome="not set")
                elif not self._is_for(variable, request):
                    target = self._target_of(variable, request)
                    yield TraceEntry(
                        source=f"environment variable {name}", outcome=f"set, but it is for {target}"
                    )

    def _names(
        self, variable: Variable, request: CredentialRequest, *, whether_or_not: bool = False
    ) -> Iterator[tuple[str, str | None]]:
        """The names of the secret's and the user name's variable that serve this request."""
        if not (whether_or_not or self._is_for(variable, request)):
            return
        if not isinstance(variable.serves, ForName):
            yield variable.name, variable.username
            return
        if "{PROJECT}" in variable.name and request.project is None:
            return
        project = variable_part(request.project or "")
        for repository in self._repository_parts(variable, request):
            secret = variable.name.format(REPOSITORY=repository, PROJECT=project)
            yield secret, variable.username and variable.username.format(REPOSITORY=repository)

    def _repository_parts(self, variable: Variable, request: CredentialRequest) -> tuple[str, ...]:
        """The names of this request's repository in the tool's own words, as parts of a variable's name."""
        if variable.tool is Tool.PUBLISH_ALL:
            return (variable_part(request.repository),)
        known = self._known(variable.tool)
        serving = known.serving(request.repository, self.bindings.addresses(request))
        return tuple(dict.fromkeys(variable_part(name) for name in serving))

    def _is_for(self, variable: Variable, request: CredentialRequest) -> bool:
        serves = variable.serves
        if isinstance(serves, ForName):
            return self.bindings.by_name(request) and self._is_as_the_user_says(variable, request)
        if isinstance(serves, ForGitHub):
            return self._is_github(request)
        return self._is_target(variable.tool, serves, request)

    def _is_as_the_user_says(self, variable: Variable, request: CredentialRequest) -> bool:
        """Whether a repository is where the user's own configuration has one of its name, if it has one.

        A project may state another address under that name; what was made for the name is not for it.
        """
        config = self.bindings.config_of(request)
        if variable.tool is not Tool.PUBLISH_ALL or config is None or config.scope is not Scope.PROJECT:
            return True
        url = self._known(Tool.PUBLISH_ALL).url_of(request.repository)
        return url is None or host_of(url) == host_of(request.url)

    def _is_target(self, tool: Tool, serves: ForTarget, request: CredentialRequest) -> bool:
        stated = self._stated(serves)
        url = serves.default if stated is None else self._url_behind(tool, stated)
        if url is not None:
            return any(same_url(url, address) for address in self.bindings.addresses(request))
        return stated == request.repository and self.bindings.by_name(request)

    def _stated(self, serves: ForTarget) -> str | None:
        return (serves.url and self._text(serves.url)) or (serves.name and self._text(serves.name)) or None

    def _url_behind(self, tool: Tool, stated: str) -> str | None:
        """What the tool makes of its own variable: a URL, or a name which its configuration may know."""
        return stated if "://" in stated else self._known(tool).url_of(stated)

    def _is_github(self, request: CredentialRequest) -> bool:
        host = hostname_of(request.url)
        server = hostname_of(self._text("GITHUB_SERVER_URL") or "https://github.com")
        own = {"ghcr.io", "api.github.com"} if server == "github.com" else {server, f"containers.{server}"}
        config = self.bindings.config_of(request)
        named_by_user = (
            config is not None
            and request.repository == "github"
            and config.scope in {Scope.USER, Scope.ENVIRONMENT, Scope.COMMAND_LINE}
            and config.url is not None
            and host_of(config.url) == host_of(request.url)
        )
        return host in own or named_by_user

    def _target_of(self, variable: Variable, request: CredentialRequest) -> str:
        serves = variable.serves
        if not self._is_as_the_user_says(variable, request):
            return _shown(self._known(Tool.PUBLISH_ALL).url_of(request.repository) or "")
        if isinstance(serves, ForTarget):
            return _shown(self._stated(serves) or serves.default)
        return "GitHub" if isinstance(serves, ForGitHub) else "the host of the upload URL"

    def _value(
        self, variable: Variable, name: str, username_name: str | None, request: CredentialRequest
    ) -> Credential | None:
        raw = self._text(name)
        if raw is None and not self._is_empty_beside_a_user(variable, name, username_name):
            return None
        origin = f"environment variable {name}"
        self._must_be_plain(request, variable)
        username = self._username_for(variable, username_name, request)
        if username is None:
            raise _incomplete(origin, username_name)
        return credential_of(
            request,
            username=username,
            value=raw or "",
            origin=origin,
            listener=self.listener,
            kind=variable.kind,
        )

    def _is_empty_beside_a_user(self, variable: Variable, name: str, username_name: str | None) -> bool:
        """Whether a password is stated to be empty: some servers want a token as the user name."""
        stated = variable.kind is _PASSWORD and isinstance(variable.serves, ForName) and username_name
        return bool(stated) and self.environment.get(name) == "" and self._text(str(stated)) is not None

    def _username_for(
        self, variable: Variable, username_name: str | None, request: CredentialRequest
    ) -> str | None:
        """The user name to a secret; None for a password made for a name, where nobody says whose it is."""
        stated = self._text(username_name) if username_name is not None else None
        if variable.kind is _TOKEN and variable.tool is not Tool.PUBLISH_ALL and username_name is None:
            return TOKEN_USER
        username = (stated or "").strip() or request.username
        if username is None and variable.kind is _PASSWORD and isinstance(variable.serves, ForName):
            at_pypi = hostname_of(request.url) in PYPI_HOSTS | TESTPYPI_HOSTS
            return TOKEN_USER if at_pypi else None
        return username or TOKEN_USER

    def _must_be_plain(self, request: CredentialRequest, variable: Variable) -> None:
        """Raise when the variable's name could as well mean another repository."""
        other = self.bindings.ambiguous_with(request.repository)
        if other is None or not isinstance(variable.serves, ForName):
            return
        raise refused(
            diagnoses.NAMES_AMBIGUOUS.found(
                f"The repositories {request.repository} and {other} would be served by the same environment variables.",
                where=request.repository,
                hint="Give one of them another name.",
            )
        )

    def _known(self, tool: Tool) -> KnownNames:
        return self.known.get(tool) or KnownNames()

    def _text(self, name: str) -> str | None:
        value = self.environment.get(name)
        return value if value is not None and value.strip() else None


def _incomplete(origin: str, username_name: str | None) -> CredentialError:
    return refused(
        diagnoses.CREDENTIAL_INCOMPLETE.found(
            f"The {origin} holds a password, and nothing says whose it is.",
            where=origin,
            hint=f"Set {username_name} too.",
        )
    )


def _shown(stated: str) -> str:
    """A stated target as it may be shown: a name as it is, a URL without user info."""
    return without_user(stated) if "://" in stated else stated


def documented() -> str:
    """The table of variables in Markdown, for the reference documentation."""
    rows = ["| variable | user name | set for | serves |", "| --- | --- | --- | --- |"]
    for variable in VARIABLES:
        user = f"`{variable.username}`" if variable.username else "`__token__`"
        rows.append(f"| `{variable.name}` | {user} | {variable.tool.value} | {variable.serves.described()} |")
    return "\n".join(rows).replace("{REPOSITORY}", "<REPO>").replace("{PROJECT}", "<PROJECT>")
