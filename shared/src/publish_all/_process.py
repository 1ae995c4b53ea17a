"""The only module that starts processes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Names of variables that hold credentials: of ours, the hosts', CI's, and whatever says so itself.
_SECRET_NAME = re.compile(
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|HATCH_INDEX_AUTH|_AUTH$|_PAT$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a process ended: its exit code and what it printed, decoded with replacement."""

    returncode: int
    stdout: str
    stderr: str


class Run(Protocol):
    """Runs a command to its end. Raises `FileNotFoundError` when there is no such program, `TimeoutError` after `timeout` seconds."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed: ...


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Completed:
    try:
        done = subprocess.run(
            list(command),
            cwd=cwd,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{command[0]} did not end within {timeout:g} s"
        raise TimeoutError(msg) from error
    return Completed(
        returncode=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )


def holds_secret(name: str) -> bool:
    """Whether an environment variable of this name may hold a credential."""
    return _SECRET_NAME.search(name) is not None


def scrubbed(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that may be a credential: for processes that run project code."""
    source = os.environ if environment is None else environment
    return {name: value for name, value in source.items() if not holds_secret(name)}
