"""What an index over repositories has: for `serve`, `exec`, `site` and `download --with-dependencies`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from publish_all._own_source import install_hint
from publish_all._secret import Secret
from publish_all.commands.context import distribution_names
from publish_all.commands.destinations import Connection, ConnectionOptions, open_connection
from publish_all.config.kinds import KINDS
from publish_all.config.load import names_of
from publish_all.config.model import ProjectConfig
from publish_all.distributions.distribution import release_of
from publish_all.errors import UsageError

if TYPE_CHECKING:
    from packaging.version import Version

    from publish_all._http import HttpOptions
    from publish_all.index.index_source import IndexSource
    from publish_all.repositories.simple_pages import IndexFile

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexOptions:
    """The options of an index.

    `private` are names and patterns that are never looked up in the `fallbacks`; empty for those that the
    project publishes. `default_fallback` is used without one where private names are known, and is what
    clients themselves would ask. With `proxy` the pages and files of a fallback pass through us; those of
    several, and of one with a password, always do. They are reached by `fallback_http`, by default as the
    repositories are. `password` is what clients must know; with it, or with `own_credentials`, repositories are
    read with our own credentials, else with those that each client sends. `cache_dir` None is the user's cache
    folder; `cache_size` and `upload_limit` are in bytes, and so is `chunked_above`, above which files are sent without
    their length. `base_path` is empty, or as `/python`.
    """

    directory: Path
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    fallbacks: tuple[str, ...] = ()
    default_fallback: str | None = None
    fallback_http: HttpOptions | None = None
    private: tuple[str, ...] = ()
    proxy: bool = False
    password: Secret | None = None
    own_credentials: bool = False
    takes_uploads: bool = True
    cache_dir: Path | None = None
    cache_size: int = 2 * GIB
    upload_limit: int = 2 * GIB
    base_path: str = ""
    chunked_above: float = math.inf


def ensure_installed() -> None:
    """Raise `UsageError` without the libraries of the extra `serve`, which `commands.serve` and `commands.exec` import."""
    for name in ("prometheus_client", "python_multipart", "starlette", "uvicorn"):
        if find_spec(name) is None:
            msg = f"{name} is not installed, but the index server needs it"
            raise UsageError(msg, hint=install_hint("cli", "serve"))


def published_names(config: ProjectConfig | None) -> tuple[NormalizedName, ...]:
    """The names of the project, its build variants and workspace; none of a project that we are not configured for.

    The name of a project which only installs packages would make those packages look public.
    """
    if config is None or not ("publish-all" in config.pyproject.get("tool", {}) or config.origins):
        return ()
    others = [each for each in config.siblings() if each.root != config.root]
    own = () if others and not names_of(config) else distribution_names(config)
    return (*own, *(name for each in others for name in distribution_names(each)))


def project_names(texts: Sequence[str]) -> tuple[NormalizedName, ...]:
    """Names that a person wrote. Raises `UsageError`."""
    try:
        return tuple(canonicalize_name(each, validate=True) for each in texts)
    except InvalidName as error:
        raise UsageError(f"{' '.join(texts)!r} is not the name of a project") from error


def releases_of(files: Iterable[IndexFile]) -> dict[Version, list[IndexFile]]:
    """The distributions among the files of a page, by version."""
    found: dict[Version, list[IndexFile]] = {}
    for file in files:
        if (release := release_of(file.filename)) is not None:
            found.setdefault(release[1], []).append(file)
    return found


def open_sources(
    config: ProjectConfig | None, options: ConnectionOptions, *, own: bool
) -> tuple[Connection, tuple[IndexSource, ...]]:
    """The repositories that an index can be over, and a source for each; one that was named and has an index itself is an error.

    A source is made by `make` in the module of `publish_all.index` that is named for the kind of the repository.
    """
    opened = open_connection(config, options)
    found = tuple(each for each in opened.chosen if not each.kind.standard_api)
    others = [each.name for each in opened.chosen if each not in found]
    named = options.repositories or options.repository_url is not None
    if not found or (named and others):
        msg = "no repository given that can be served"
        if named and others:
            msg = f"{others[0]} is a package index, which pip and uv can use directly"
        kinds = " or ".join(each.name for each in KINDS.values() if not each.standard_api)
        raise UsageError(msg, hint=f"Select one of the kind {kinds}, such as `-r github` or `-r local`.")
    opened = replace(opened, chosen=found)
    sources = []
    for repository in opened.repositories():
        module = import_module(f"publish_all.index.{repository.kind.name.replace('-', '_')}_source")
        make: Callable[..., IndexSource] = module.make
        sources.append(make(repository, own=own))
    return opened, tuple(sources)
