"""Run a command that installs from our repositories, through an index that lives as long as it does."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Protocol

from publish_all._process import attached
from publish_all._secret import Secret
from publish_all._values import dataclass
from publish_all.commands.index import IndexOptions, ensure_installed, open_index
from publish_all.errors import UsageError
from publish_all.events import Listener, Note, ignore

HOST = "127.0.0.1"
USERNAME = "publish-all"
PYPI = "https://pypi.org/simple/"


class Attached(Protocol):
    """Runs a command on our own terminal and gives its exit code. Raises `OSError` where it can't be started."""

    def __call__(self, command: tuple[str, ...], *, cwd: Path, environment: Mapping[str, str]) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecOptions:
    """What to run, over which index. `port` 0 is any free one."""

    index: IndexOptions
    command: tuple[str, ...]
    port: int = 0
    cwd: Path = field(default_factory=Path.cwd)


def execute(options: ExecOptions, *, listener: Listener = ignore, run: Attached = attached) -> int:
    """The command's exit code. Raises `PublishAllError` for what is ours."""
    if not options.command:
        msg = "there is no command to run"
        raise UsageError(msg, hint="Write it after `--`, as `-- pip install kindling-synapse`.")
    ensure_installed()
    from publish_all.index.child import child_environment, dropped, locks
    from publish_all.index.running import listen, running

    # For this run only: nobody else on this machine gets in.
    password = secrets.token_urlsafe(32)
    own = replace(options.index, password=Secret(password), takes_uploads=False)
    environment = options.index.connection.around.environment
    locking = locks(options.command)
    if locking is not None:
        listener(Note(message=_lock_warning(locking)))
    for name in dropped(environment):
        listener(Note(message=f"{name} is not passed on: it would add to the index or take its place"))
    with open_index(own, listener=listener) as index:
        bound = listen(HOST, options.port)
        url = f"http://{USERNAME}:{password}@{HOST}:{bound.getsockname()[1]}/simple/"
        listener(Note(message=index.rule))
        index.greet()
        with running(index.app, bound, stop=index.stop):
            try:
                child = child_environment(environment, url, HOST)
                code = run(options.command, cwd=options.cwd, environment=child)
            except OSError as error:
                msg = f"{options.command[0]} can't be started: {error.strerror or error}"
                raise UsageError(msg, hint="See whether it is installed, and on PATH.") from error
        if code:
            # pip and uv show the status of an answer at most, and none of its words.
            for each in index.refusals():
                listener(Note(message=each))
        return code


def usual_index(environment: Mapping[str, str]) -> str:
    """The index that the command would install from without us: what the environment says, or PyPI."""
    stated = (environment.get(name, "") for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"))
    # One with a password in it can't be told to others.
    return next((each for each in stated if each and "@" not in each), PYPI)


def _lock_warning(command: str) -> str:
    return (
        f"`{command}` may write a lock file, which would record the address of this index, gone when the "
        "command ends. To lock, run `publish-all serve` at an address that stays, and name that as the index."
    )
