"""The protocol of the build worker: one JSON object per line over its pipes, converted from and to values.

`ask_worker` sends one question to a new worker, which replies with events and then with its answer or an error.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import IO, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from publish_all._process import piped
from publish_all.errors import BuildError, ConfigurationError, PublishAllError, VersionError
from publish_all.events import BuildFinished, BuildStarted, Event, Found, Listener, Note
from publish_all.variants.variant import WheelTag

T = TypeVar("T")

_EVENTS: Mapping[str, type[Event]] = {
    each.__name__: each for each in (BuildStarted, BuildFinished, Found, Note)
}
_ERRORS: Mapping[str, type[PublishAllError]] = {
    each.__name__: each for each in (BuildError, ConfigurationError, VersionError)
}
# JSON has no dates and times, as TOML has.
_TIMES: Mapping[str, Any] = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LOG_LINES = 40


def ask_worker(
    question: Mapping[str, Any],
    *,
    executable: str,
    environment: Mapping[str, str],
    workspace: Path,
    listener: Listener,
    own_group: bool = True,
) -> Any:
    """One question to a new worker, and its answer. Raises what the worker reports.

    `workspace` is a folder for the worker's log and temporary files; a `BuildError` ends with the last lines of the log.
    Without `own_group`, the worker and its child processes belong to the process group of this process, and end with it.
    """
    log = workspace / "log"
    # python -m adds the current folder to the path, where the project's modules would hide ours.
    empty = workspace / "empty"
    empty.mkdir(exist_ok=True, parents=True)
    # -u: what a backend printed is in the log when its error is, and when it dies.
    command = [executable, "-u", "-m", "publish_all.builders.worker"]
    with piped(command, cwd=empty, environment=environment, errors=log, own_group=own_group) as worker:
        worker.say(dumps({"workspace": workspace / "work", **question}))
        for line in worker.lines():
            message = loads(line)
            if "answer" in message:
                return message["answer"]
            if "error" in message:
                error = error_from(message)
                if isinstance(error, BuildError):
                    raise BuildError(error.message + _printed(log), hint=error.hint)
                raise error
            listener(value_of(_EVENTS[message["event"]], message["fields"]))
        code = worker.end(within=5)
    raise BuildError(f"the build worker ended with exit code {code} and no answer{_printed(log)}")


def _printed(log: Path) -> str:
    """The last lines of the backend's output, to follow a message."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line for line in _CONTROL.sub("", text.replace("\r\n", "\n")).split("\n") if line.strip()]
    return "\n    ".join(["\nThe backend printed:", *lines[-_LOG_LINES:]]) if lines else ""


def own_pipes() -> tuple[IO[str], IO[str]]:
    """Reserve the pipes for the protocol: output of backends goes to standard error, and their input is empty."""
    incoming = os.fdopen(os.dup(0), encoding="utf-8")
    outgoing = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def dumps(message: Mapping[str, Any]) -> str:
    """One line, without its end."""
    return json.dumps(message, default=_plain)


def loads(line: str) -> dict[str, Any]:
    message = json.loads(line, object_hook=_timed)
    if not isinstance(message, dict):
        raise BuildError("the build worker sent an invalid message")
    return message


def event_message(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__, "fields": event}


def error_message(error: PublishAllError) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from(message: Mapping[str, Any]) -> PublishAllError:
    return _ERRORS.get(message["error"], BuildError)(message["message"], hint=message["hint"])


def value_of(kind: type[T], plain: Any) -> T:
    """The value of this type that was sent."""
    return cast("T", _value_of(kind, plain))


def _value_of(kind: Any, plain: Any) -> Any:
    if get_origin(kind) in {Union, UnionType}:  # with None
        return None if plain is None else _value_of(get_args(kind)[0], plain)
    if get_origin(kind) is tuple:
        return tuple(_value_of(get_args(kind)[0], each) for each in plain)
    if kind is WheelTag:
        return WheelTag.parse(plain)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: _value_of(hints[name], each) for name, each in plain.items()})
    if get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, Path | enum.Enum):
        return kind(plain)
    return plain


def _plain(value: object) -> object:
    if isinstance(value, WheelTag | Path):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return {"$time": type(value).__name__, "value": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be sent over the worker's pipe")


def _timed(plain: dict[str, Any]) -> Any:
    return _TIMES[plain["$time"]](plain["value"]) if plain.keys() == {"$time", "value"} else plain
