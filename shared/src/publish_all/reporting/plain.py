"""Lines for logs and pipes: one for each fact, none that is written over."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TextIO

from publish_all.errors import PublishAllError
from publish_all.events import Event, Found
from publish_all.findings import Finding, Severity
from publish_all.reporting.lines import closing_lines, event_line
from publish_all.reporting.tables import result_lines
from publish_all.reporting.words import closing_error_lines, finding_lines, shown
from publish_all.results import Result


class PlainReporter:
    """Progress, findings and errors on `err`, the result on `out`. Quiet (`verbosity` -1): errors and the result."""

    def __init__(self, out: TextIO, err: TextIO, *, verbosity: int = 0) -> None:
        self._out = out
        self._err = err
        self._verbosity = verbosity
        self._shown: set[Finding] = set()

    def listener(self, event: Event) -> None:
        if isinstance(event, Found):
            self._find(event.finding)
            return
        line = event_line(event, verbose=self._verbosity > 0) if self._verbosity >= 0 else None
        if line is not None:
            self._write(self._err, [line])

    def show(self, result: Result) -> None:
        self._write(self._out, result_lines(result))
        self._write(self._err, closing_lines(result))

    def error(self, error: PublishAllError) -> None:
        for each in error.findings:
            self._find(each)
        self._write(self._err, closing_error_lines(error))

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._err.flush()
        self._out.flush()

    def _find(self, finding: Finding) -> None:
        if finding in self._shown or (self._verbosity < 0 and finding.severity is not Severity.ERROR):
            return
        self._shown.add(finding)
        self._write(self._err, finding_lines(finding))

    def _write(self, stream: TextIO, lines: Iterable[str]) -> None:
        stream.writelines(shown(line) + "\n" for line in lines)
        stream.flush()
