"""The usual chain of sources, put together for one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from publish_all._process import Run, run
from publish_all.config.folders import Folders, HostFolders, usual_folders
from publish_all.config.hosts import host_repositories
from publish_all.config.model import RepositoryConfig
from publish_all.credentials import keyring
from publish_all.credentials.address import PYPI, TESTPYPI
from publish_all.credentials.binding import Bindings, KnownNames
from publish_all.credentials.chain import CredentialChain
from publish_all.credentials.environment import EnvironmentSource, Tool
from publish_all.credentials.explicit import Explicit, ExplicitSource
from publish_all.credentials.github_cli import GitHubCliSource
from publish_all.credentials.host_config import HatchSource, PoetrySource, names_of, read_hatch, read_poetry
from publish_all.credentials.prompt import Ask, PromptSource
from publish_all.credentials.pypirc import PypircSource
from publish_all.credentials.source import CredentialRequest, CredentialSource
from publish_all.events import Event, Listener, ignore


def default_chain(
    *,
    environment: Mapping[str, str],
    repositories: Mapping[str, RepositoryConfig],
    home: Path,
    explicit: Explicit | None = None,
    interactive: bool = False,
    ask: Ask | None = None,
    listener: Listener = ignore,
    run: Run = run,
    backends: Callable[[], tuple[keyring.Backend, ...]] = keyring.installed_backends,
    clock: Callable[[], float] = time.time,
    folders: Folders | None = None,
) -> CredentialChain:
    listener = _once(listener)
    bindings = Bindings(repositories)
    files = (folders or usual_folders(environment=environment, home=home)).hosts
    known = _known_names(files, environment)
    poetry = read_poetry(files.poetry, known[Tool.POETRY])
    hatch = read_hatch(files.hatch, known[Tool.HATCH], cache=_hatch_cache(environment))
    pypirc = PypircSource(path=files.pypirc, bindings=bindings, listener=listener)
    variables = EnvironmentSource(environment=environment, bindings=bindings, known=known, listener=listener)
    said = ExplicitSource(explicit=explicit, listener=listener) if explicit is not None else None
    sources: list[CredentialSource] = [said] if said is not None else []
    sources += [
        variables,
        keyring.KeyringSource(
            bindings=bindings, poetry=poetry, hatch=hatch, backends=backends, listener=listener
        ),
        PoetrySource(settings=poetry, bindings=bindings, listener=listener),
        HatchSource(settings=hatch, bindings=bindings, listener=listener),
        pypirc,
        GitHubCliSource(home=home, run=run, listener=listener),
    ]
    if interactive and ask is not None:
        sources.append(PromptSource(ask=ask, store=keyring.store, listener=listener))

    def username(request: CredentialRequest) -> str | None:
        stated = said.username(request) if said is not None else None
        return stated or variables.username(request)

    return CredentialChain(sources, username=username, listener=listener, clock=clock)


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
