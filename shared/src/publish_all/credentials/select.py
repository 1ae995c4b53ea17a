"""The usual chain of sources, put together for one run."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from publish_all import diagnoses
from publish_all._process import Run, run, run_with_input
from publish_all.config.builtin import normalized
from publish_all.config.folders import Folders, HostFolders, usual_folders
from publish_all.config.hosts import host_repositories
from publish_all.config.model import ProjectConfig, RepositoryConfig, When
from publish_all.config.pypirc import DEFAULT_URLS
from publish_all.config.user import environment_repositories, user_repositories
from publish_all.credentials import docker, keyring
from publish_all.credentials.address import PYPI, TESTPYPI
from publish_all.credentials.audience import Http
from publish_all.credentials.binding import Bindings, KnownNames
from publish_all.credentials.chain import CredentialChain
from publish_all.credentials.docker import DockerSource
from publish_all.credentials.environment import EnvironmentSource, Tool
from publish_all.credentials.explicit import Explicit, ExplicitSource
from publish_all.credentials.github_cli import GitHubCliSource
from publish_all.credentials.host_config import (
    AccountsSource,
    PoetrySource,
    names_of,
    read_hatch,
    read_pdm,
    read_poetry,
    read_uv,
)
from publish_all.credentials.identity import AmbientIdentity, detect_ambient
from publish_all.credentials.prompt import Ask, PromptSource
from publish_all.credentials.pypirc import PypircSource
from publish_all.credentials.source import Credential, CredentialRequest, CredentialSource, Purpose
from publish_all.credentials.trusted_publishing import TrustedPublishingSource, mask_in_github
from publish_all.errors import UsageError
from publish_all.events import Event, Listener, ignore
from publish_all.findings import Finding


def default_chain(
    *,
    environment: Mapping[str, str],
    repositories: Mapping[str, RepositoryConfig],
    session: Http,
    home: Path,
    project: ProjectConfig | None = None,
    explicit: Explicit | None = None,
    auth: str = "auto",
    interactive: bool = False,
    ask: Ask | None = None,
    listener: Listener = ignore,
    run: Run = run,
    ask_helper: docker.Ask = run_with_input,
    backends: Callable[[], tuple[keyring.Backend, ...]] = keyring.installed_backends,
    clock: Callable[[], float] = time.time,
    folders: Folders | None = None,
    detect: Callable[[str], str | None] = detect_ambient,
    mask: Callable[[str], None] | None = None,
) -> CredentialChain:
    """All sources in their order: command line, environment, trusted publishing, keyring, files, gh, prompt.

    `repositories` are those of the run; `auth` is `auto`, `oidc` (nothing but trusted publishing, for
    repositories that can have it) or `token` (never trusted publishing). `ask` prompts, if
    `interactive`. `project` is the one whose poetry.toml and pdm.toml are read, too. What is left out has a default for production. Raises `UsageError` for another `auth`.
    """
    mode = _mode(auth, explicit)
    listener = _once(listener)
    bindings = Bindings(repositories)
    places = folders or usual_folders(environment=environment, home=home)
    files = places.hosts
    variables = tool_variables(environment, repositories, places, listener=listener)
    known = variables.known
    poetry = read_poetry((files.poetry, files.poetry.with_name("auth.toml")), known[Tool.POETRY])
    hatch = read_hatch(files.hatch, known[Tool.HATCH], cache=_hatch_cache(environment))
    pypirc = PypircSource(path=files.pypirc, bindings=bindings, listener=listener)
    said = ExplicitSource(explicit=explicit, listener=listener) if explicit is not None else None
    publishing = TrustedPublishingSource(
        http=session,
        identity=AmbientIdentity(environment=environment, detect=detect),
        bindings=bindings,
        required=lambda request: _when(mode, bindings, request) is When.ALWAYS,
        mask=mask or mask_for(environment),
        listener=listener,
        clock=clock,
    )
    sources: list[CredentialSource] = [said] if said is not None else []
    sources += [
        variables,
        publishing,
        keyring.KeyringSource(
            bindings=bindings,
            poetry=poetry,
            hatch=hatch,
            backends=backends,
            listener=listener,
            interactive=interactive,
        ),
        *_of_project(project, environment, files, bindings, listener),
        PoetrySource(settings=poetry, bindings=bindings, listener=listener),
        AccountsSource(
            name="Hatch's configuration",
            accounts=hatch.accounts,
            broken=hatch.broken,
            bindings=bindings,
            listener=listener,
        ),
        replace(read_pdm((files.pdm,), known[Tool.PDM]), bindings=bindings, listener=listener),
        replace(read_uv(files.uv_credentials), bindings=bindings, listener=listener),
        pypirc,
        DockerSource(
            files=files.docker,
            content=environment.get("DOCKER_AUTH_CONFIG"),
            bindings=bindings,
            ask=ask_helper,
            listener=listener,
        ),
        GitHubCliSource(run=run, listener=listener),
    ]
    if interactive and ask is not None:
        sources.append(PromptSource(ask=ask, store=keyring.store, listener=listener))

    def username(request: CredentialRequest) -> str | None:
        stated = said.username(request) if said is not None else None
        return stated or variables.username(request) or request.username or pypirc.username(request)

    def applies(source: CredentialSource, request: CredentialRequest) -> bool:
        when = _when(mode, bindings, request)
        return when is When.AUTO or (source is publishing) is (when is When.ALWAYS)

    def remark(request: CredentialRequest, credential: Credential) -> Finding | None:
        from_environment = credential.origin.startswith("environment variable")
        auto = _when(mode, bindings, request) is When.AUTO
        return (
            _unused(request, credential)
            if from_environment and auto and publishing.is_possible(request)
            else None
        )

    return CredentialChain(
        sources, applies=applies, username=username, remark=remark, listener=listener, clock=clock
    )


def tool_variables(
    environment: Mapping[str, str],
    repositories: Mapping[str, RepositoryConfig],
    places: Folders,
    *,
    listener: Listener = ignore,
) -> EnvironmentSource:
    """The environment, with what the tools' own user-wide configuration says about names."""
    known = {
        **_known_names(places.hosts, environment),
        Tool.PUBLISH_ALL: _named_by_the_user(places, environment),
    }
    return EnvironmentSource(
        environment=environment, bindings=Bindings(repositories), known=known, listener=listener
    )


def _of_project(
    project: ProjectConfig | None,
    environment: Mapping[str, str],
    files: HostFolders,
    bindings: Bindings,
    listener: Listener,
) -> tuple[CredentialSource, ...]:
    """The project's own poetry.toml and pdm.toml: what they hold goes to the URLs that these tools have for it."""
    if project is None:
        return ()
    found = host_repositories(project, environment=environment, folders=files).repositories
    poetry = read_poetry((project.root / "poetry.toml",), names_of("Poetry", found, built_in={"pypi": PYPI}))
    pdm = read_pdm((project.root / "pdm.toml",), names_of("pdm", found, built_in=DEFAULT_URLS))
    return (
        PoetrySource(settings=poetry, bindings=bindings, listener=listener, name="the project's poetry.toml"),
        replace(pdm, name="the project's pdm.toml", bindings=bindings, listener=listener),
    )


class AuthMode(enum.Enum):
    """The values of `--auth`."""

    AUTO = "auto"
    OIDC = "oidc"
    TOKEN = "token"  # noqa: S105 - the name of a mode


def _mode(auth: str, explicit: Explicit | None) -> AuthMode:
    try:
        mode = AuthMode(auth)
    except ValueError as error:
        msg = f"--auth is auto, oidc or token, not {auth!r}"
        raise UsageError(msg) from error
    if mode is AuthMode.OIDC and explicit is not None and explicit.password is not None:
        msg = "--auth oidc and --password do not go together"
        raise UsageError(msg, hint="Leave one of them out.")
    return mode


def _when(mode: AuthMode, bindings: Bindings, request: CredentialRequest) -> When:
    """Whether trusted publishing may, must or must not be used. Only uploads to a legacy repository can."""
    config = bindings.config_of(request)
    can = request.purpose is Purpose.UPLOAD and (config is None or config.kind.trusted_publishing)
    if not can or mode is AuthMode.TOKEN:
        return When.NEVER
    if mode is AuthMode.OIDC:
        return When.ALWAYS
    return config.trusted_publishing if config is not None else When.AUTO


def _unused(request: CredentialRequest, credential: Credential) -> Finding:
    return diagnoses.TRUSTED_PUBLISHING_UNUSED.found(
        f"The token in {credential.origin} is used for {request.repository}, though this job could use trusted "
        "publishing; there will be no attestations.",
        where=credential.origin,
        hint="To use trusted publishing, leave the token out or say `--auth oidc`; to use the token without this note, `--auth token`.",
    )


def _mask_nothing(secret: str) -> None:
    del secret


def mask_for(environment: Mapping[str, str]) -> Callable[[str], None]:
    """Masks secrets in the log of GitHub Actions; elsewhere there is nothing to tell and nobody to hear it."""
    return mask_in_github if environment.get("GITHUB_ACTIONS") == "true" else _mask_nothing


def _known_names(files: HostFolders, environment: Mapping[str, str]) -> Mapping[Tool, KnownNames]:
    """What each tool's own, user-wide configuration says about names; a project has no say in it."""
    found = host_repositories(None, environment=environment, folders=files).repositories
    index = {"pypi": PYPI, "testpypi": TESTPYPI}
    return {
        Tool.POETRY: names_of("Poetry", found, built_in={"pypi": PYPI}),
        Tool.HATCH: names_of("Hatch", found, built_in={"main": PYPI, "test": TESTPYPI}),
        Tool.TWINE: names_of(".pypirc", found, built_in=index),
        Tool.PDM: names_of("pdm", found, built_in=index),
        Tool.UV: names_of("uv", found, built_in={}),
    }


def _named_by_the_user(places: Folders, environment: Mapping[str, str]) -> KnownNames:
    """The addresses that the user's own configuration of ours gives to names."""
    stated = {**user_repositories(places.config), **environment_repositories(environment)[0]}
    return KnownNames(
        urls={normalized(name): each.url for name, each in stated.items() if each.url is not None}
    )


def _hatch_cache(environment: Mapping[str, str]) -> Path:
    from platformdirs import user_cache_path

    stated = environment.get("HATCH_CACHE_DIR")
    return Path(stated) if stated else user_cache_path("hatch", appauthor=False)


def _once(listener: Listener) -> Listener:
    """Say the same thing once, though it is found for each project anew."""
    said: set[Event] = set()

    def heard(event: Event) -> None:
        if event not in said:
            said.add(event)
            listener(event)

    return heard
