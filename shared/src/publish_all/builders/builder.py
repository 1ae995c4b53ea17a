"""The interface of builders: the input and the output of the build worker.

The steps of a build: `run` finds a Python with the requirements of `[build-system]` (`build_environment`) and starts the
build worker with it. The worker builds one file after the other: each kind of each variant, as `build_plan` lists them.
`staged_builder` makes a stage, a copy of the checkout with the changes of the variant, and asks the backend. The worker
collects the files that the backend wrote and describes them, and `run` moves all files into the output folder at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
    """The settings for build environments.

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


def notes_once(listener: Listener) -> Callable[[str], None]:
    """Passes each note to the listener once, for all files."""
    told: set[str] = set()

    def tell(message: str) -> None:
        if message not in told:
            told.add(message)
            listener(Note(message=message))

    return tell
