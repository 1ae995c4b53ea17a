"""Take a release back: yank it, so that installers skip it, or delete its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.utils import NormalizedName

from publish_all._http_errors import HttpError
from publish_all._server_text import plain
from publish_all.commands.context import project_of_files
from publish_all.commands.destinations import ConnectionOptions, open_connection
from publish_all.commands.found_files import parse_release
from publish_all.errors import PublishAllError, UsageError
from publish_all.repositories.repository import Repository


class TakenBack(NamedTuple):
    """A file of a release, or what else goes with it, and its state now: "yanked", "not yanked", "deleted", "would be
    deleted", or "kept by the registry", which removes it when it cleans up.
    """

    project: NormalizedName
    version: str
    file: str
    state: str


def yank(
    directory: Path, releases: Sequence[str], connection: ConnectionOptions, *, reason: str | None
) -> tuple[TakenBack, ...]:
    """Yank releases (`NAME==VERSION`) for a reason, which may be empty, or with None unyank them. Raises `PublishAllError`."""
    wanted = dict.fromkeys(parse_release(each) for each in releases)
    repository = _open(directory, connection)
    line = plain(reason, limit=len(reason)) if reason is not None else None
    step, state = ("unyank", "not yanked") if reason is None else ("yank", "yanked")
    done: list[TakenBack] = []
    for project, version in wanted:
        connection.runtime.step(step, f"{repository.name}: {project} {version}")
        names = repository.yank(project, version, line)
        done += (TakenBack(project, str(version), each, state) for each in names)
    return tuple(done)


def delete(
    directory: Path,
    releases: Sequence[str],
    connection: ConnectionOptions,
    *,
    confirm: Callable[[str], bool],
    dry_run: bool = False,
) -> tuple[TakenBack, ...]:
    """Delete releases (`NAME==VERSION`), after all files were shown in notes and `confirm` has agreed.

    With `dry_run` nothing is deleted. Empty if `confirm` refuses. Raises `PublishAllError`.
    """
    wanted = dict.fromkeys(parse_release(each) for each in releases)
    repository = _open(directory, connection)
    steps = [(*each, step) for each in wanted for step in repository.deletion(*each)]
    parts = [(project, str(version), part) for project, version, step in steps for part in step.parts]
    if dry_run:
        return tuple(TakenBack(*each, "would be deleted") for each in parts)
    for project, shown, part in parts:
        connection.runtime.note(f"{project} {shown}: will delete {part}")
    if not confirm(f"Delete these files from {repository.name} ({repository.url})?"):
        connection.runtime.note("nothing was deleted")
        return ()
    kept: set[str] = set()
    for number, (_, _, step) in enumerate(steps):
        try:
            step.remove()
        except PublishAllError as error:
            if step.needed or (isinstance(error, HttpError) and error.retryable):
                connection.runtime.note(f"steps done before the error: {number} of {len(steps)}")
                raise
            kept.update(step.parts)
    return tuple(TakenBack(*each, "kept by the registry" if each[2] in kept else "deleted") for each in parts)


def _open(directory: Path, connection: ConnectionOptions) -> Repository:
    """The one repository that is named, or that the project publishes to."""
    config = project_of_files(directory, optional=True)
    opened = open_connection(config, connection)
    if len(opened.chosen) > 1:
        names = ", ".join(each.name for each in opened.chosen)
        msg = f"the project publishes to several repositories: {names}"
        raise UsageError(msg, hint="Select one with -r.")
    (repository,) = opened.repositories()
    return repository
