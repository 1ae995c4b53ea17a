"""Asks a new build worker one question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publish_all._process import piped
from publish_all.builders import wire
from publish_all.errors import BuildError
from publish_all.events import Listener

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
) -> Mapping[str, Any]:
    """One question to a new worker, and its answer. Raises what the worker reports.

    `workspace` is a folder for the worker's log and temporary files; a `BuildError` ends with what the log says.
    Without `own_group` the worker and what it starts belong to the process group of this process, and end with it.
    """
    log = workspace / "log"
    # python -m puts the current folder on the path, where the project's modules would hide ours.
    empty = workspace / "empty"
    empty.mkdir(exist_ok=True, parents=True)
    command = [executable, "-m", "publish_all.builders.worker"]
    with piped(command, cwd=empty, environment=environment, errors=log, own_group=own_group) as worker:
        worker.say(wire.dumps({"workspace": workspace / "work", **question}))
        for line in worker.lines():
            message = wire.loads(line)
            if "event" in message:
                listener(wire.event_from(message))
            elif "error" in message:
                raise _with_log(message, log)
            else:
                answer: Mapping[str, Any] = message["answer"]
                return answer
        code = worker.end(within=5)
    raise BuildError(f"the build worker ended with exit code {code} and no answer{_said(log)}")


def _with_log(message: Mapping[str, Any], log: Path) -> Exception:
    error = wire.error_from(message)
    if isinstance(error, BuildError):
        return BuildError(error.message + _said(log), hint=error.hint)
    return error


def _said(log: Path) -> str:
    """The end of what the backend printed, to go after a message."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line for line in _CONTROL.sub("", text.replace("\r\n", "\n")).split("\n") if line.strip()]
    if not lines:
        return ""
    return "\nThe backend printed:\n" + "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])
