"""What goes over the build worker's pipes: one JSON object per line, and back into values."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from publish_all.builders.builder import BuildRequest, BuildResult, BuiltFile
from publish_all.config.model import Compression
from publish_all.errors import BuildError, ConfigurationError, PublishAllError, VersionError
from publish_all.events import BuildFinished, BuildStarted, Event, Note
from publish_all.variants.tag import PlatformWheel, WheelTag
from publish_all.variants.variant import BuildVariant

_EVENTS: Mapping[str, type[Event]] = {each.__name__: each for each in (BuildStarted, BuildFinished, Note)}
_ERRORS: Mapping[str, type[PublishAllError]] = {
    each.__name__: each for each in (BuildError, ConfigurationError, VersionError)
}
# TOML's dates and times have no form in JSON.
_TIMES: Mapping[str, Any] = {
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
}


def own_pipes() -> tuple[IO[str], IO[str]]:
    """Take the pipes for ourselves: whatever backends print goes to standard error, and they can read nothing."""
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
        msg = "the build worker said something that is not a message"
        raise BuildError(msg)
    return message


def event_message(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__, "fields": dataclasses.asdict(event)}


def event_from(message: Mapping[str, Any]) -> Event:
    return _EVENTS[message["event"]](**message["fields"])


def error_message(error: PublishAllError) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from(message: Mapping[str, Any]) -> PublishAllError:
    return _ERRORS.get(message["error"], BuildError)(message["message"], hint=message["hint"])


def result_from(plain: Mapping[str, Any]) -> BuildResult:
    return BuildResult(files=tuple(BuiltFile(**each) for each in plain["files"]))


def request_from(plain: Mapping[str, Any]) -> BuildRequest:
    return BuildRequest(
        root=Path(plain["root"]),
        output=Path(plain["output"]),
        variants=tuple(variant_from(each) for each in plain["variants"]),
        kinds=tuple(plain["kinds"]),
        source_date_epoch=plain["source_date_epoch"],
        compression=Compression(plain["compression"]),
        admitted=tuple(plain["admitted"]),
    )


def variant_from(plain: Mapping[str, Any]) -> BuildVariant:
    publish_to = plain["publish_to"]
    return BuildVariant(
        **{
            **plain,
            "include": tuple(plain["include"]),
            "exclude": tuple(plain["exclude"]),
            "publish_to": None if publish_to is None else tuple(publish_to),
            "wheels": tuple(_wheel_from(each) for each in plain["wheels"]),
            "wheel": None if plain["wheel"] is None else _wheel_from(plain["wheel"]),
        }
    )


def _wheel_from(plain: Mapping[str, Any]) -> PlatformWheel:
    return PlatformWheel(
        **{
            **plain,
            "tag": WheelTag.parse(plain["tag"]),
            "include": tuple(plain["include"]),
            "exclude": tuple(plain["exclude"]),
        }
    )


def _plain(value: object) -> object:
    if isinstance(value, WheelTag):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return {"$time": type(value).__name__, "value": value.isoformat()}
    msg = f"{type(value).__name__} does not go over the worker's pipe"
    raise TypeError(msg)


def _timed(plain: dict[str, Any]) -> Any:
    return _TIMES[plain["$time"]](plain["value"]) if plain.keys() == {"$time", "value"} else plain
