"""The choice of a reporter, whose module is imported only then."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from publish_all.reporting.reporter import PlainReporter, Reporter


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

    `terminal`: `err` is a terminal that can be written over (None: detect it). In GitHub Actions, annotations and
    a job summary are added.
    """
    out, err = out or sys.stdout, err or sys.stderr
    for stream in (out, err):
        if isinstance(stream, io.TextIOWrapper):  # on Windows with a code page
            stream.reconfigure(errors="backslashreplace")
    environment = os.environ if environment is None else environment
    if terminal is None:
        terminal = err.isatty() and environment.get("TERM") != "dumb" and "CI" not in environment
    main: Reporter
    if kind == "json":
        from publish_all.reporting.json import JsonReporter

        main = JsonReporter(out, err, events=events)
    elif verbosity >= 0 and terminal:
        from publish_all.reporting.console import ConsoleReporter, make_console

        consoles = make_console(out, color=color), make_console(err, color=color)
        main = ConsoleReporter(*consoles, verbosity=verbosity)
    else:
        main = PlainReporter(out, err, verbosity=verbosity)
    if environment.get("GITHUB_ACTIONS") != "true":
        return main
    from publish_all.reporting.github_actions import GitHubReporter

    summary = environment.get("GITHUB_STEP_SUMMARY")
    return GitHubReporter(main, err, summary=Path(summary) if summary else None)
