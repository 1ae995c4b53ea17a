"""The real `poetry` and `hatch` with our plugins: the lowest supported and the newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.environments import installed
from harness.process import Result, run

LOWEST_AND_NEWEST = ("lowest", "newest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """One host's program, run with an environment of its own."""

    name: str
    program: Path
    environment: Mapping[str, str]

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        check: bool = False,
        timeout: float = 180,
    ) -> Result:
        """Run it with further variables. With `check`, anything but exit code 0 fails the test."""
        both = dict(self.environment) | dict(environment or {})
        return run([self.program, *arguments], cwd=cwd, environment=both, check=check, timeout=timeout)


def poetry(age: str, environment: Mapping[str, str]) -> Host:
    return Host(name=f"poetry ({age})", program=installed(f"poetry-{age}", "poetry"), environment=environment)


def hatch(age: str, environment: Mapping[str, str]) -> Host:
    return Host(name=f"hatch ({age})", program=installed(f"hatch-{age}", "hatch"), environment=environment)
