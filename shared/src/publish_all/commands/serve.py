"""Serve an index over repositories until stopped. Needs the extra `serve`: see `index.ensure_installed`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from platformdirs import user_cache_path
from starlette.types import ASGIApp

from publish_all._http import BasicAuth, make_session
from publish_all._http_errors import HttpError, ensure_allowed
from publish_all._secret import Secret
from publish_all._urls import is_loopback, origin, shown_or_raw, shown_url, without_userinfo
from publish_all.commands.context import project_of_files
from publish_all.commands.index import IndexOptions, open_sources, published_names
from publish_all.config.model import ProjectConfig
from publish_all.errors import UsageError
from publish_all.index.cache import BlobCache
from publish_all.index.fallback import Fallback, FallbackSource, Routing, private_patterns
from publish_all.index.index_source import IndexSource, Visitor
from publish_all.index.middleware import Tell, Watch, json_line, text_line
from publish_all.index.running import GRACE_SECONDS, listen, run
from publish_all.index.server import Gate, make_app
from publish_all.index.service import IndexService
from publish_all.index.upload import Uploads, VisitorCredentials
from publish_all.repositories.repository import Means, Repository, make_repository


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """The application, its service, and the `names` of its repositories."""

    app: ASGIApp
    service: IndexService
    names: tuple[str, ...]

    @property
    def rule(self) -> str:
        """A line for the user about the origin of names."""
        ours, routing = ", ".join(self.names), self.service.routing
        if not routing.fallbacks:
            more = "" if routing.private else "; to use a fallback, set --private"
            return f"all names come from {ours} only{more}"
        others = " and ".join(shown_url(each.url) for each in routing.fallbacks)
        return f"{', '.join(routing.private)}: from {ours} only; all other names: from {others} only"


def serve(
    options: IndexOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    log: Callable[[str], None] | None = None,
    log_as_json: bool = False,
    grace: int = GRACE_SECONDS,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM. `port` 0 is any free one; `log` writes a line for each request.

    `grace` and `trusted_proxies` are as for `running.run`. Raises `PublishAllError`.
    """
    from publish_all.index.metrics import observe  # slow to load, and `exec` does without

    local = is_loopback(host)
    if options.own_credentials and options.password is None and not local:
        raise UsageError(
            f"with --own-credentials, everyone who can connect to {host} can read your private packages",
            hint="Set PUBLISH_ALL_SERVE_PASSWORD to a password for clients, or remove "
            "--own-credentials, so that each client uses its own credentials.",
        )
    with open_index(options, local=local) as index:
        bound = listen(host, port)
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
        address = f"{url}{options.base_path}/simple/"
        serving = f"serving {', '.join(index.names)} at {address} (press Ctrl-C to stop)"
        options.connection.runtime.note(serving, index.rule)
        line = json_line if log_as_json else text_line
        told: list[Tell] = [observe] if log is None else [observe, lambda fields: log(line(fields))]
        app = Watch(index.app, *told)
        run(app, bound, stop=index.service.stop, grace=grace, trusted_proxies=trusted_proxies)


@contextmanager
def open_index(options: IndexOptions, *, local: bool = True) -> Iterator[Index]:
    """The index, ready to run. Its temporary files are removed at the end. Raises `PublishAllError`.

    `local`: it listens on this machine only.
    """
    config = project_of_files(options.directory, optional=True)
    own = options.own_credentials or options.password is not None
    cache = BlobCache(_cache_folder(options.cache_dir), limit=options.cache_size)
    opened, sources = open_sources(config, options.connection, own=own)
    scopes = {origin(each.scope): each.scope for each in sources if each.scope is not None}
    if len(scopes) > 1:
        # A client's password is for one registry; it is not shown to another.
        raise UsageError(
            f"the credentials of clients would be sent to several registries: {', '.join(scopes.values())}",
            hint="Serve each one separately, or use your own credentials: --own-credentials, or a password "
            "for clients in PUBLISH_ALL_SERVE_PASSWORD.",
        )
    routing = routing_of(options, config)
    proxied: list[IndexSource] = []
    if routing.proxy:
        session = opened.session if options.fallback_http is None else make_session(options.fallback_http)
        fallbacks = enumerate(routing.fallbacks, start=1)
        proxied += (FallbackSource(each, session, number=number) for number, each in fallbacks)
    service = IndexService(sources, routing=routing, cache=cache, proxied=tuple(proxied))
    # Files that are read without credentials of the client are readable for everyone who can connect.
    unasked = options.password is None and any(each.scope is None for each in sources)
    gate = Gate(password=options.password, local=local and unasked)
    # Uploads go to the first repository, in the client's name, or in ours for who knows the password.
    first = opened.chosen[0]
    passes_on = first.kind.registry and not own
    uploads = None
    if options.takes_uploads and (passes_on or options.password is not None):

        def repository_for(visitor: Visitor) -> Repository:
            credentials = VisitorCredentials(visitor) if passes_on else opened.credentials
            return make_repository(first, Means(credentials=credentials, session=opened.session))

        uploads = Uploads(
            service,
            repository_for,
            folder=cache.folder,
            passes_on=passes_on,
            limit=options.upload_limit,
        )
    app = make_app(
        service,
        gate=gate,
        uploads=uploads,
        base_path=options.base_path,
        chunked_above=options.chunked_above,
    )
    yield Index(app=app, service=service, names=tuple(each.name for each in sources))


def routing_of(options: IndexOptions, config: ProjectConfig | None) -> Routing:
    """Which names are ours, and where all others are. Raises `UsageError` for a fallback without private names."""
    private = private_patterns(options.private or published_names(config))
    default = options.default_fallback if private else None
    stated = options.fallbacks or ((default,) if default is not None else ())
    if stated and not private:
        msg = "--fallback needs --private: the names that are never looked up in the fallback"
        hint = 'Add --private "kindling-*" (can be repeated), or run the command in the project.'
        raise UsageError(msg, hint=hint)
    fallbacks = tuple(_fallback(each, guarded=options.password is not None) for each in dict.fromkeys(stated))
    proxy = options.proxy or len(fallbacks) > 1 or any(each.auth is not None for each in fallbacks)
    # The client's own index is the client's business, as long as nothing of it passes through us.
    try:
        for each in fallbacks if options.fallbacks or proxy else ():
            ensure_allowed(each.url)
    except HttpError as error:
        raise UsageError(f"--fallback: {error.message}", hint=error.hint) from error
    return Routing(private=private, fallbacks=fallbacks, proxy=proxy and bool(fallbacks))


def _fallback(url: str, *, guarded: bool) -> Fallback:
    """The fallback at a URL, with its password taken out. Raises `UsageError` for a password that all clients would use."""
    url = url.rstrip("/") + "/"
    try:
        parts = urlsplit(url)
        bare = without_userinfo(url)
    except ValueError as error:
        raise UsageError(f"--fallback: {shown_or_raw(url)} is not a URL: {error}") from error
    if bare != url and not guarded:
        raise UsageError(
            "--fallback has a user name or password, which all clients of this index would use",
            hint="Set PUBLISH_ALL_SERVE_PASSWORD to a password for clients, or use a public index.",
        )
    if parts.password is None:
        # A user name alone is for the client, whose keyring has the password.
        return Fallback(url=url)
    secret = Secret(unquote(parts.password))
    return Fallback(url=bare, auth=BasicAuth(username=unquote(parts.username or ""), secret=secret))


def _cache_folder(stated: Path | None) -> Path:
    """The folder that is stated or that of the user, or a temporary one for users without a home. Raises `UsageError`."""
    folder = stated or user_cache_path("publish-all", appauthor=False) / "index"
    why = "no permission"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return folder
    except OSError as error:
        why = error.strerror or str(error)
    if stated is not None:
        msg = f"the cache folder {folder} cannot be written: {why}"
        raise UsageError(msg, hint="Choose another one with --cache-dir.")
    folder = Path(tempfile.mkdtemp(prefix="publish-all-index-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
