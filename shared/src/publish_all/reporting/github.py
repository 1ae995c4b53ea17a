"""GitHub Actions: annotations on the run, and a job summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from publish_all._actions import command
from publish_all.errors import PublishAllError
from publish_all.events import Event, Found
from publish_all.findings import Finding, Severity
from publish_all.reporting.lines import next_step
from publish_all.reporting.tables import file_state, repository_state
from publish_all.reporting.words import clean, size
from publish_all.results import DoctorReport, PublishReport, RepositoryReport, Result

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


class GitHubReporter:
    """Annotations go to `err`, which the runner reads too; the summary of a publish to the file `summary`."""

    def __init__(self, err: TextIO, *, summary: Path | None) -> None:
        self._err = err
        self._summary = summary
        self._shown: set[Finding] = set()

    def listener(self, event: Event) -> None:
        if isinstance(event, Found):
            self._annotate(event.finding)

    def show(self, result: Result) -> None:
        if isinstance(result, DoctorReport):
            for each in result.findings:
                self._annotate(each)
        if self._summary is None or not isinstance(result, PublishReport):
            return
        try:
            with self._summary.open("a", encoding="utf-8") as opened:
                opened.writelines(line + "\n" for line in summary_lines(result))
        except OSError as error:
            # What was published is published: that ends as it does without a summary.
            text = f"the job summary could not be written: {error.strerror or error}"
            self._err.write(command("warning", clean(text), title="publish-all") + "\n")

    def error(self, error: PublishAllError) -> None:
        for each in error.findings:
            self._annotate(each)
        text = error.message if error.hint is None else f"{error.message}\n{error.hint}"
        self._err.write(command("error", clean(text), title="publish-all") + "\n")
        self._err.flush()

    def __enter__(self) -> object:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._err.flush()

    def _annotate(self, finding: Finding) -> None:
        name = _COMMANDS.get(finding.severity)
        if name is None or finding in self._shown:
            return
        self._shown.add(finding)
        text = "\n".join(each for each in (finding.message, finding.where, finding.hint) if each)
        self._err.write(command(name, clean(text), title=f"{finding.code} {finding.slug}") + "\n")
        self._err.flush()


def summary_lines(report: PublishReport) -> Iterator[str]:
    """The job summary, in Markdown."""
    yield "## publish-all"
    for each in report.repositories:
        yield ""
        yield f"### {_text(each.name)}: {repository_state(each)}"
        yield from _table(each)
        yield from _reasons(each)
        yield from _commands(each)
    if not report.complete:
        step = next_step(report) if report.stopped_by is None else " ".join(report.stopped_by.split())
        yield ""
        yield f"**Not everything is published.** {_text(step[:1].upper() + step[1:])}."


def _table(report: RepositoryReport) -> Iterator[str]:
    yield ""
    yield "| release | file | size | status |"
    yield "| --- | --- | ---: | --- |"
    for release in report.releases:
        name = _text(f"{release.project} {release.version}")
        linked = f"[{name}]({release.page})" if release.page else name
        for file in release.files:
            yield f"| {linked} | `{clean(file.filename)}` | {size(file.size)} | {file_state(file)} |"


def _reasons(report: RepositoryReport) -> Iterator[str]:
    """Why files are not there, each reason once."""
    said = [finding for each in report.releases for finding in each.findings]
    said += [finding for each in report.files for finding in each.findings]
    found = dict.fromkeys(each for each in said if each.severity is Severity.ERROR)
    if found:
        yield ""
    for each in found:
        told = " ".join(f"{each.message} {each.hint}".split())
        yield f"- {each.code} {each.slug}: {_text(told)}"


def _commands(report: RepositoryReport) -> Iterator[str]:
    commands = [each.install_command for each in report.releases if each.complete and each.install_command]
    if commands:
        yield from ("", "```console", *commands, "```")


def _text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{each}" if each in r"\`*_[]<>|#" else each for each in clean(text))
