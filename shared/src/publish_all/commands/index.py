"""The index over repositories: options made into sources, rules and the application."""

from __future__ import annotations

import atexit
import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from publish_all._http import BasicAuth, HttpOptions, make_session
from publish_all._http_errors import HttpError, ensure_allowed
from publish_all._secret import Secret
from publish_all._temporary import temporary_folder
from publish_all._urls import origin, shown_or_raw, shown_url, without_userinfo
from publish_all._values import dataclass
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import Connection, ConnectionOptions, open_connection
from publish_all.commands.names import distribution_names
from publish_all.config.model import ProjectConfig, RepositoryConfig
from publish_all.credentials.source import Credentials, Purpose
from publish_all.errors import UsageError
from publish_all.events import Listener
from publish_all.repositories.directory import DirectoryRepository
from publish_all.repositories.oci import OciRepository
from publish_all.repositories.repository import Means, Repository, make_repository

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from publish_all.index.fallback import Fallback, Routing
    from publish_all.index.service import IndexService
    from publish_all.index.source import IndexSource, Visitor
    from publish_all.index.upload import Uploads

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexOptions:
    """What is served, and to whom.

    `private` are names and patterns that are never looked up in the `fallbacks`; empty for those that the
    project publishes. `default_fallback` is used without one where private names are known, and is what
    clients themselves would ask. With `proxy` the pages and files of a fallback pass through us; those of
    several, and of one with a password, always do. They are reached by `fallback_http`, by default as the
    repositories are. `password` is what clients must know; with it, or with `own_credentials`, repositories are read with our own
    credentials, else with those that each client sends. `cache_dir` None is the user's cache folder;
    `cache_size` and `upload_limit` are in bytes.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """The application, and what it serves in words: `names` of the repositories, `private` patterns.

    `greet` is to be called when the server begins, `stop` when it ends; `refusals` gives why clients
    did not get what they asked for.
    """

    app: ASGIApp
    greet: Callable[[], None]
    stop: Callable[[], None]
    refusals: Callable[[], tuple[str, ...]]
    names: tuple[str, ...]
    routing: Routing

    @property
    def rule(self) -> str:
        """What comes from where."""
        ours = ", ".join(self.names)
        if not self.routing.fallbacks:
            more = "" if self.routing.private else "; for others from elsewhere state --private names"
            return f"all names come from {ours} only{more}"
        others = " and ".join(shown_url(each.url) for each in self.routing.fallbacks)
        return f"{', '.join(self.routing.private)}: from {ours} only; all other names: from {others} only"


def ensure_installed() -> None:
    """Raise `UsageError` without the libraries of the extra `serve`."""
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        msg = f"{error.name} is not installed, which the index server needs"
        hint = 'Install publish-all with the extra: `pip install "publish-all[cli,serve]"`.'
        raise UsageError(msg, hint=hint) from error


@contextmanager
def open_index(options: IndexOptions, *, listener: Listener, local: bool = True) -> Iterator[Index]:
    """The index, ready to be run; what it keeps in passing is removed at the end. Raises `PublishAllError`.

    `local`: it listens on this machine only.
    """
    ensure_installed()
    from publish_all.index.access import Gate
    from publish_all.index.cache import BlobCache
    from publish_all.index.server import make_app
    from publish_all.index.service import IndexService

    config = project_of_files(options.directory, optional=True)
    opened = open_connection(config, options.connection, listener=listener)
    chosen = _servable(opened.chosen, options)
    own = options.own_credentials or options.password is not None
    cache = BlobCache(options.cache_dir or _cache_dir(), limit=options.cache_size)
    sources = tuple(_source(each, opened, own=own) for each in chosen)
    _ensure_one_scope(sources)
    routing = routing_of(options, config)
    proxied = _proxied(routing, opened, options.fallback_http)
    service = IndexService(sources, routing=routing, cache=cache, proxied=proxied)
    # What is read without a credential of the client is for whoever can reach it.
    unasked = options.password is None and any(each.scope is None for each in sources)
    gate = Gate(password=options.password, local=local and unasked)
    with temporary_folder(within=_made(cache.folder)) as folder:
        uploads = _uploads(chosen[0], options, opened, service, folder, own=own)
        yield Index(
            app=make_app(service, gate=gate, uploads=uploads),
            greet=service.greet,
            stop=service.stop,
            refusals=lambda: service.refusals,
            names=tuple(each.name for each in chosen),
            routing=routing,
        )


def routing_of(options: IndexOptions, config: ProjectConfig | None) -> Routing:
    """Which names are ours, and where all others are. Raises `UsageError` for a fallback without private names."""
    from publish_all.index.fallback import Routing, private_patterns

    private = private_patterns(options.private or published_names(config))
    default = options.default_fallback if private else None
    stated = options.fallbacks or ((default,) if default is not None else ())
    if stated and not private:
        msg = "a fallback needs private names, which are never looked up there"
        hint = 'State them as --private "kindling-*" (may be given several times), or run inside the project.'
        raise UsageError(msg, hint=hint)
    fallbacks = tuple(_fallback(each, guarded=options.password is not None) for each in dict.fromkeys(stated))
    proxy = options.proxy or len(fallbacks) > 1 or any(each.auth is not None for each in fallbacks)
    for each in fallbacks:
        # The client's own index is the client's business, as long as nothing of it passes through us.
        if options.fallbacks or proxy:
            _ensure_readable(each.url)
    return Routing(private=private, fallbacks=fallbacks, proxy=proxy and bool(fallbacks))


def _fallback(url: str, *, guarded: bool) -> Fallback:
    """The fallback at a URL, with its password taken out. Raises `UsageError` for a password that all clients would use."""
    from publish_all.index.fallback import Fallback

    url = url.rstrip("/") + "/"
    try:
        parts = urlsplit(url)
        bare = without_userinfo(url)
    except ValueError as error:
        raise UsageError(f"--fallback: {shown_or_raw(url)} is not a URL: {error}") from error
    if bare != url and not guarded:
        msg = "--fallback holds a user name or password, which all clients of this index would use"
        raise UsageError(
            msg,
            hint="Set PUBLISH_ALL_SERVE_PASSWORD to a password that clients must know, or name an index that anyone may read.",
        )
    if parts.password is None:
        # A user name alone is for the client, whose keyring has the password.
        return Fallback(url=url)
    secret = Secret(unquote(parts.password))
    return Fallback(url=bare, auth=BasicAuth(username=unquote(parts.username or ""), secret=secret))


def _ensure_readable(url: str) -> None:
    try:
        ensure_allowed(url)
    except HttpError as error:
        raise UsageError(f"--fallback: {error.message}", hint=error.hint) from error


def published_names(config: ProjectConfig | None) -> tuple[NormalizedName, ...]:
    """The names of the project and of its build variants; none of a project that we are not configured for.

    The name of a project which only installs packages would make those packages look public.
    """
    if config is None or "publish-all" not in config.pyproject.get("tool", {}):
        return ()
    return distribution_names(config)


def _servable(chosen: Sequence[RepositoryConfig], options: IndexOptions) -> tuple[RepositoryConfig, ...]:
    """Those that we can serve; one that was named and that we can't is an error."""
    legacy = [each for each in chosen if each.kind.standard_api]
    named = bool(options.connection.repositories) or options.connection.repository_url is not None
    if legacy and named:
        msg = f"{legacy[0].name} is an index itself, and needs no other in front of it"
        raise UsageError(msg, hint="Name repositories of the kind oci or directory, as `-r github`.")
    found = tuple(each for each in chosen if each not in legacy)
    if not found:
        msg = "no repository is named that can be served"
        raise UsageError(msg, hint="Name one of the kind oci or directory, as `-r github` or `-r local`.")
    return found


def _source(config: RepositoryConfig, opened: Connection, *, own: bool) -> IndexSource:
    from publish_all.index.directory_source import DirectorySource
    from publish_all.index.oci_source import OciSource

    repository = _repository(config, opened, opened.credentials)
    if isinstance(repository, DirectoryRepository):
        return DirectorySource(repository.name, repository.root)
    if not isinstance(repository, OciRepository):
        msg = f"{repository.name} can't be served"
        raise UsageError(msg)
    login = (lambda project: repository.login(project, Purpose.READ)) if own else None
    return OciSource(repository.name, repository.registry, own=login)


def _repository(config: RepositoryConfig, opened: Connection, credentials: Credentials) -> Repository:
    return make_repository(config, Means(credentials=credentials, session=opened.session))


def _ensure_one_scope(sources: Sequence[IndexSource]) -> None:
    """A client's password is for one registry; it is not shown to another."""
    scopes = {origin(each.scope): each.scope for each in sources if each.scope is not None}
    if len(scopes) > 1:
        msg = (
            f"what a client says of itself would be shown to several registries: {', '.join(scopes.values())}"
        )
        raise UsageError(
            msg,
            hint="Serve each on its own, or read them with your own credentials: --own-credentials, or a password "
            "for clients in PUBLISH_ALL_SERVE_PASSWORD.",
        )


def _proxied(routing: Routing, opened: Connection, http: HttpOptions | None) -> tuple[IndexSource, ...]:
    from publish_all.index.fallback import FallbackSource

    if not routing.proxy:
        return ()
    session = opened.session if http is None else make_session(http)
    return tuple(
        FallbackSource(each, session, number=number) for number, each in enumerate(routing.fallbacks, start=1)
    )


def _uploads(
    config: RepositoryConfig,
    options: IndexOptions,
    opened: Connection,
    service: IndexService,
    folder: Path,
    *,
    own: bool,
) -> Uploads | None:
    """Where uploads go: to the first repository, in the client's name, or in ours for who knows the password."""
    from publish_all.index.upload import Uploads, VisitorCredentials

    passes_on = config.kind.registry and not own
    if not options.takes_uploads or not (passes_on or options.password is not None):
        return None

    def repository_for(visitor: Visitor) -> Repository:
        return _repository(config, opened, VisitorCredentials(visitor) if passes_on else opened.credentials)

    return Uploads(service, repository_for, folder=folder, passes_on=passes_on, limit=options.upload_limit)


def _cache_dir() -> Path:
    """The user's cache folder; for a user who can have none, a temporary one that goes with this process."""
    from platformdirs import user_cache_path

    folder = user_cache_path("publish-all", appauthor=False) / "index"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="publish-all-index-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _made(folder: Path) -> Path:
    """The folder for what is kept in passing: the cache's, or the system's where that disk is full."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(tempfile.mkdtemp(dir=folder)).rmdir()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return Path(tempfile.gettempdir())
        msg = f"the cache folder {folder} can't be written: {error.strerror or error}"
        raise UsageError(msg, hint="Choose another one with --cache-dir.") from error
    return folder
