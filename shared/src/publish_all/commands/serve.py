"""Serve an index over repositories until stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from publish_all._urls import is_loopback
from publish_all._values import dataclass
from publish_all.commands.index import IndexOptions, ensure_installed, open_index
from publish_all.errors import UsageError
from publish_all.events import Listener, Note, ignore


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions:
    """What to serve, and where. `port` 0 is any free one. `log` writes a line for each request, None for no log."""

    index: IndexOptions
    host: str = "127.0.0.1"
    port: int = field(default=8080)
    log: Callable[[str], None] | None = None
    log_as_json: bool = False


def serve(options: ServeOptions, *, listener: Listener = ignore) -> None:
    """Serve until SIGINT or SIGTERM. Raises `PublishAllError`."""
    ensure_installed()
    from publish_all.index.middleware import AccessLog
    from publish_all.index.running import listen, run

    _ensure_guarded(options)
    with open_index(options.index, listener=listener, local=is_loopback(options.host)) as index:
        bound = listen(options.host, options.port)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{bound.getsockname()[1]}"
        listener(Note(message=f"serving {', '.join(index.names)} at {url}/simple/ (Ctrl-C ends it)"))
        listener(Note(message=index.rule))
        index.greet()
        app = index.app
        if options.log is not None:
            app = AccessLog(app, write=options.log, as_json=options.log_as_json)
        run(app, bound, stop=index.stop)


def _ensure_guarded(options: ServeOptions) -> None:
    """Our own credentials must not serve everybody who can reach this machine."""
    own = options.index.own_credentials and options.index.password is None
    if own and not is_loopback(options.host):
        msg = f"with --own-credentials everybody who reaches {options.host} could read what you may read"
        raise UsageError(
            msg,
            hint="Set PUBLISH_ALL_SERVE_PASSWORD to a password that clients must know, or leave "
            "--own-credentials out, so that each client is asked for its own.",
        )
