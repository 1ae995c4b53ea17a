"""Events of a run, as values. Engines emit them; reporters (console, plain, JSON, GitHub) consume them.

Every field is a plain value: no secrets, no exceptions, no open files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from publish_all.findings import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """The base of all events."""


Listener: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore the event: the default of every engine."""
    del event


def unless_it_breaks(listener: Listener) -> Listener:
    """A listener whose output may fail (a full disk, a closed pipe): the work continues without it."""
    broken = False

    def hear(event: Event) -> None:
        nonlocal broken
        if not broken:
            try:
                listener(event)
            except (OSError, ValueError):
                broken = True

    return hear


@dataclass(frozen=True, kw_only=True, slots=True)
class Note(Event):
    """A message that is neither a result nor a finding."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Found(Event):
    """A check, preflight or upload found something."""

    finding: Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStarted(Event):
    """A step of a release begins: build, check, before-publish, preflight, upload, verify."""

    step: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentChosen(Event):
    """The environment of the builds (the current one, or an isolated one), and the reason.

    `dropped` names the environment variables that the builds do not get.
    """

    isolated: bool
    reason: str
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildStarted(Event):
    """The build of one file of one build variant begins. `variant` is None for the project itself.

    `tag` is the tag of a platform wheel, None if the backend sets it. It is the file `number`
    (from 1) of the `files` that are built.
    """

    project: str
    variant: str | None
    kind: str
    tag: str | None = None
    number: int = 1
    files: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildFinished(Event):
    """One file is built. `size` is in bytes, `seconds` is wall time."""

    project: str
    variant: str | None
    filename: str
    size: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryWaiting(Event):
    """A repository did not answer a question before the uploads; it is asked again after `seconds`."""

    repository: str
    seconds: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryStarted(Event):
    """Uploads to a repository begin: the number of files and bytes, without those that are already uploaded."""

    repository: str
    url: str
    files: int
    size: int
    skipped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadStarted(Event):
    """An attempt (from 1) to upload a file begins. `size` is in bytes."""

    repository: str
    filename: str
    size: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadProgressed(Event):
    """The number of the `size` bytes of a file that were sent in this attempt."""

    repository: str
    filename: str
    sent: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadWaiting(Event):
    """An attempt failed with a temporary error; the next one starts after `seconds`."""

    repository: str
    filename: str
    attempt: int
    seconds: float
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadFinished(Event):
    """A file's upload ended. `status` is uploaded, present, skipped, conflict or refused."""

    repository: str
    filename: str
    status: str
    attempts: int
    seconds: float
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyWaiting(Event):
    """The index does not list these files yet; asked again after `seconds`."""

    repository: str
    missing: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryFinished(Event):
    """All work for a repository is done, or given up."""

    repository: str
    complete: bool
    verified: bool
