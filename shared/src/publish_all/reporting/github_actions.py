"""GitHub Actions: annotations on the run, and a job summary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from publish_all._actions import command
from publish_all.errors import PublishAllError
from publish_all.events import Event
from publish_all.findings import Finding, Severity
from publish_all.reporting.lines import file_state, next_step, repository_state
from publish_all.reporting.reporter import Reporter
from publish_all.reporting.text import clean, size
from publish_all.results import PublishReport, RepositoryReport
from publish_all.summaries import DoctorReport, Result

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


@dataclass(eq=False)
class GitHubReporter(Reporter):
    """What `main` shows, and annotations on `err`, which the runner reads too. The summary of a publish goes to the file `summary`."""

    main: Reporter
    err: TextIO
    summary: Path | None

    def listener(self, event: Event) -> None:
        self.main.listener(event)
        super().listener(event)

    def release(self) -> None:
        self.main.release()
        super().release()

    def close(self) -> None:
        self.main.close()

    def show(self, result: Result) -> None:
        self.main.show(result)
        if isinstance(result, DoctorReport):
            for each in result.findings:
                self.find(each)
        if self.summary is None or not isinstance(result, PublishReport):
            return
        try:
            with self.summary.open("a", encoding="utf-8") as opened:
                opened.writelines(line + "\n" for line in summary_lines(result))
        except OSError as error:
            # The files are published: the exit code is the same without a summary.
            text = f"the job summary could not be written: {error.strerror or error}"
            self._annotate("warning", text, "publish-all")

    def error(self, error: PublishAllError) -> None:
        self.main.error(error)
        self._annotate("error", error.with_hint, "publish-all")
        for each in error.findings:
            self.find(each)

    def write_finding(self, finding: Finding) -> None:
        if finding.severity in _COMMANDS:
            text = "\n".join(each for each in (finding.message, finding.where, finding.hint) if each)
            self._annotate(_COMMANDS[finding.severity], text, f"{finding.code} {finding.slug}")

    def _annotate(self, name: str, text: str, title: str) -> None:
        self.err.write(command(name, clean(text), title=title) + "\n")
        self.err.flush()


def summary_lines(report: PublishReport) -> Iterator[str]:
    """The job summary, in Markdown."""
    yield "## publish-all"
    for each in report.repositories:
        yield from ("", f"### {_text(each.name)}: {repository_state(each)}")
        yield from ("", "| release | file | size | status |", "| --- | --- | ---: | --- |")
        yield from _rows(each)
        # Why files are not there, each reason once.
        said = [*(one.findings for one in each.releases), *(one.findings for one in each.files)]
        reasons = dict.fromkeys(finding for findings in said for finding in findings)
        errors = [finding for finding in reasons if finding.severity is Severity.ERROR]
        yield from [""] * bool(errors)
        for finding in errors:
            told = " ".join(f"{finding.message} {finding.hint}".split())
            yield f"- {finding.code} {finding.slug}: {_text(told)}"
        commands = [one.install_command for one in each.releases if one.complete and one.install_command]
        if commands:
            yield from ("", "```console", *commands, "```")
    if not report.complete:
        step = next_step(report) if report.stopped_by is None else " ".join(report.stopped_by.split())
        yield from ("", f"**Not everything is published.** {_text(step[:1].upper() + step[1:])}.")


def _rows(report: RepositoryReport) -> Iterator[str]:
    for release in report.releases:
        name = _text(f"{release.project} {release.version}")
        linked = f"[{name}]({release.page})" if release.page else name
        for file in release.files:
            yield f"| {linked} | `{clean(file.filename)}` | {size(file.size)} | {file_state(file)} |"


def _text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{each}" if each in r"\`*_[]<>|#" else each for each in clean(text))
