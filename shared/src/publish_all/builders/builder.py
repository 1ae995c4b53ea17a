"""The interface of builders: what goes into the build worker, and what comes out of it.

A build goes this way. `run` finds a Python that has what `[build-system]` requires (`build_environment`) and starts the
build worker with it. The worker builds one file after the other: each kind of each variant, as `build_plan` lists them.
Backends run in a stage, a copy of the checkout that holds what the variant changes: hatchling and poetry-core in the
worker itself, the hooks of any other backend in a process of their own (`staged_builder`). The worker collects what the
backend wrote and describes it, and `run` moves all files into the output folder at the end. With
`PUBLISH_ALL_BUILD=stage` hatchling and poetry-core are built with as any other backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from publish_all.config.folders import Folders
from publish_all.config.model import Compression, Isolation
from publish_all.events import Listener, Note
from publish_all.summaries import BuiltFile
from publish_all.variants.variant import BuildVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """Build these variants of the project at `root` into `output`.

    `kinds` is a subset of ("sdist", "wheel"), in the order in which to build; an sdist is left out for
    a variant whose `sdist` is False. `source_date_epoch` is seconds since 1970, None for the backend's
    own stable default (a fixed date where the backend has none). `compression` is how wheels and sdists
    of the backends that run in the worker are deflated.
    """

    root: Path
    output: Path
    variants: tuple[BuildVariant, ...]
    kinds: tuple[str, ...] = ("sdist", "wheel")
    source_date_epoch: int | None = None
    compression: Compression = Compression.DEFAULT


class BuildSettings(NamedTuple):
    """What build environments are made with.

    `environment` is this process's; builds get what they may read of it. `admitted` are the names of
    `build-environment`. `refresh` resolves the requirements of isolated environments again, but of those made
    `since` (Unix time). `folders` say where those
    are kept and where pip's configuration is; None keeps none.
    """

    environment: Mapping[str, str]
    admitted: tuple[str, ...] = ()
    isolation: Isolation = Isolation.ALWAYS
    refresh: bool = False
    since: float = math.inf
    folders: Folders | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """All files of a request, in the order of its variants and kinds."""

    files: tuple[BuiltFile, ...]


class Builder(Protocol):
    """One build backend, run in the build worker."""

    @property
    def name(self) -> str:
        """Backend and its version, for the manifest: `hatchling 1.33.0`."""

    def build(self, variant: BuildVariant, kind: str, output: Path) -> Path:
        """Write the variant's sdist or wheel into `output` and return its path. Raises `BuildError`."""


class Build(Protocol):
    """Runs a whole request in a build worker."""

    def __call__(
        self, request: BuildRequest, *, listener: Listener, settings: BuildSettings
    ) -> BuildResult: ...


def notes_once(listener: Listener) -> Callable[[str], None]:
    """Gives each note to the listener once, for all files."""
    told: set[str] = set()

    def tell(message: str) -> None:
        if message not in told:
            told.add(message)
            listener(Note(message=message))

    return tell
