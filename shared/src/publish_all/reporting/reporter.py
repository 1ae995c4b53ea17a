"""The base of reporters, and that of logs and pipes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from publish_all.errors import PublishAllError
from publish_all.events import EnvironmentChosen, Event, Found, StepStarted
from publish_all.findings import Finding, Severity
from publish_all.reporting.lines import closing_lines, event_line, result_lines
from publish_all.reporting.text import error_lines, finding_lines, shown

if TYPE_CHECKING:  # a publish needs none of the others
    from publish_all.summaries import Result


@dataclass(eq=False)
class Reporter:
    """Shows a run to somebody: events while it goes on, then its result or its error.

    A context: leaving it takes down whatever is live. stdout gets results, stderr everything else. `verbosity` is -1
    for quiet, 0, or the number of `-v`. Each finding is shown once. Errors that are found before an upload are held back
    until the run ends: what decided it is the last thing on the screen.
    """

    verbosity: int = field(default=0, kw_only=True)
    _shown: set[Finding] = field(default_factory=set, init=False)
    _held: list[Finding] = field(default_factory=list, init=False)
    _holds: bool = field(default=True, init=False)
    _environment: EnvironmentChosen | None = field(default=None, init=False)

    def listener(self, event: Event) -> None:
        """Show what happens. Called in one thread."""
        match event:
            case Found() if self._holds and event.finding.severity is Severity.ERROR:
                self._held.append(event.finding)
            case Found():
                self.find(event.finding)
            case EnvironmentChosen() if event == self._environment:
                pass  # where the backend was asked for the version, the files are built
            case _:
                if isinstance(event, EnvironmentChosen):
                    self._environment = event
                if isinstance(event, StepStarted) and event.step == "upload":
                    self._holds = False
                    self.release()
                self.show_event(event)

    def release(self) -> None:
        """Show the errors that were held back."""
        held, self._held = self._held, []
        for each in held:
            self.find(each)

    def find(self, finding: Finding) -> None:
        if finding in self._shown or (self.verbosity < 0 and finding.severity is not Severity.ERROR):
            return
        self._shown.add(finding)
        self.write_finding(finding)

    def error(self, error: PublishAllError) -> None:
        """Show why it ended early, with those of the error's findings that were not shown yet."""
        self._held = [each for each in self._held if each not in error.findings]
        self.release()
        if all(each.message != error.message for each in error.findings):
            self.write_lines(error_lines(error))
        for each in error.findings:
            self.find(each)
        if error.findings:
            self.write_lines([f"  more: publish-all explain {error.findings[-1].code}"])

    def show(self, result: Result) -> None:
        """Show what it came to."""

    def show_event(self, event: Event) -> None:
        """Show what happens, other than a finding."""

    def write_finding(self, finding: Finding) -> None:
        self.write_lines(finding_lines(finding))

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write to stderr."""

    def close(self) -> None:
        """Remove the live display, and write the lines that were held back."""

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, PublishAllError):
            self.release()
        self.close()


@dataclass(eq=False)
class PlainReporter(Reporter):
    """Lines for logs and pipes: one for each fact, none that is written over. Quiet: errors and the result."""

    out: TextIO
    err: TextIO

    def show_event(self, event: Event) -> None:
        line = event_line(event, verbose=self.verbosity > 0) if self.verbosity >= 0 else None
        if line is not None:
            self.write_lines([line])

    def show(self, result: Result) -> None:
        _write(self.out, result_lines(result))
        self.write_lines(closing_lines(result))

    def write_lines(self, lines: Iterable[str]) -> None:
        _write(self.err, lines)


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    for line in lines:
        stream.write(shown(line))
        stream.write("\n")
    stream.flush()
