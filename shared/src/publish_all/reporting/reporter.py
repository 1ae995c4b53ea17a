"""The interface of reporters, and the choice of one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, TextIO

from publish_all.errors import PublishAllError
from publish_all.events import Event
from publish_all.results import Result


class Reporter(Protocol):
    """Shows a run to somebody: events while it goes on, then its result or its error.

    A context: leaving it takes down whatever is live. stdout gets results, stderr everything else.
    """

    def listener(self, event: Event) -> None:
        """Show what happens. Called in one thread."""

    def show(self, result: Result) -> None:
        """Show what it came to."""

    def error(self, error: PublishAllError) -> None:
        """Show why it ended early, with those of the error's findings that were not shown yet."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Several:
    """Tells several reporters."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def listener(self, event: Event) -> None:
        for each in self._reporters:
            each.listener(event)

    def show(self, result: Result) -> None:
        for each in self._reporters:
            each.show(result)

    def error(self, error: PublishAllError) -> None:
        for each in self._reporters:
            each.error(error)

    def __enter__(self) -> object:
        for each in self._reporters:
            each.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._reporters:
            each.__exit__(kind, error, trace)


def make_reporter(
    kind: str,
    *,
    out: TextIO | None = None,
    err: TextIO | None = None,
    color: bool = True,
    terminal: bool | None = None,
    verbosity: int = 0,
    events: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Reporter:
    """The reporter for `text` or `json`.

    `verbosity` is -1 for quiet, 0, or the number of `-v`; `terminal` tells whether `err` is one that can
    be written over (None: find out). In GitHub Actions annotations and a job summary come along.
    """
    out, err = out or sys.stdout, err or sys.stderr
    environment = os.environ if environment is None else environment
    main: Reporter
    if kind == "json":
        from publish_all.reporting.json import JsonReporter

        main = JsonReporter(out, err, events=events)
    elif verbosity >= 0 and _is_terminal(err, environment, terminal):
        from publish_all.reporting.console import ConsoleReporter, make_console

        consoles = make_console(out, color=color), make_console(err, color=color)
        main = ConsoleReporter(*consoles, verbosity=verbosity)
    else:
        from publish_all.reporting.plain import PlainReporter

        main = PlainReporter(out, err, verbosity=verbosity)
    if environment.get("GITHUB_ACTIONS") != "true":
        return main
    from publish_all.reporting.github import GitHubReporter

    summary = environment.get("GITHUB_STEP_SUMMARY")
    return Several(main, GitHubReporter(err, summary=Path(summary) if summary else None))


def _is_terminal(err: TextIO, environment: Mapping[str, str], stated: bool | None) -> bool:
    if stated is not None:
        return stated
    return err.isatty() and environment.get("TERM") != "dumb" and "CI" not in environment
