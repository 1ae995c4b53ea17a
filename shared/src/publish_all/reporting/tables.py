"""Results as lines of text that fit 80 columns; long names and links stand last in their line and are never cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice

from publish_all.findings import Finding, Severity
from publish_all.reporting.doctor import doctor_lines, explanation_lines
from publish_all.reporting.words import LABELS, clean, count, duration, size
from publish_all.results import (
    BuildSummary,
    CheckSummary,
    DoctorReport,
    Explanation,
    FileReport,
    FileState,
    Listing,
    PlannedFile,
    PlanReport,
    PublishReport,
    ReleaseReport,
    RepositoryReport,
    Result,
)

_QUANTITY = re.compile(r"[0-9.]+ (B|kB|MB|GB|s|min [0-9]+ s)|[0-9]+% reused")
# Of a hash: enough to tell two builds apart by eye.
_SHORT = 8


def result_lines(result: Result) -> Iterator[str]:
    """What goes to stdout for a result."""
    match result:
        case PublishReport():
            return publish_lines(result)
        case PlanReport():
            return plan_lines(result)
        case BuildSummary():
            return build_lines(result)
        case CheckSummary():
            return check_lines(result)
        case DoctorReport():
            return doctor_lines(result)
        case Explanation():
            return explanation_lines(result)
        case Listing():
            return aligned([[each.upper() for each in result.columns], *result.rows])


def aligned(rows: Iterable[Sequence[str | int]], *, indent: str = "") -> Iterator[str]:
    """Columns under each other, two blanks apart; numbers and quantities stand to the right."""
    every = [*rows]
    cells = [[clean(str(cell)) for cell in row] for row in every]
    widths = [max((len(cell) for cell in column), default=0) for column in zip(*cells, strict=True)]
    for row, values in zip(cells, every, strict=True):
        padded = (
            cell.rjust(width) if isinstance(value, int) or _QUANTITY.fullmatch(cell) else cell.ljust(width)
            for cell, value, width in zip(row, values, widths, strict=True)
        )
        yield (indent + "  ".join(padded)).rstrip()


def publish_lines(report: PublishReport) -> Iterator[str]:
    for place, each in enumerate(report.repositories):
        if place:
            yield ""
        yield from _repository(each)


def _repository(report: RepositoryReport) -> Iterator[str]:
    yield f"{report.name}: {repository_state(report)}"
    rows = aligned(
        ([file_state(each), size(each.size), each.filename] for each in report.files), indent="    "
    )
    for each in report.releases:
        yield f"  {each.project} {each.version}"
        yield from islice(rows, len(each.files))
        yield from _ways_there(each)


def repository_state(report: RepositoryReport) -> str:
    """In some words: how far a repository got."""
    files = list(report.files)
    done = sum(each.done for each in files)
    if not files:
        return "nothing goes there"
    if not report.started:
        return "not started"
    if not report.complete:
        return f"{done} of {count(len(files), 'file')} done"
    if report.verified:
        return f"complete and verified, {count(len(files), 'file')} in {duration(report.seconds)}"
    return f"complete, unverified, {count(len(files), 'file')} in {duration(report.seconds)}"


def _ways_there(report: ReleaseReport) -> Iterator[str]:
    there = any(each.status in (FileState.UPLOADED, FileState.PRESENT) for each in report.files)
    if there and report.page:
        yield f"    {report.page}"
    if there and report.complete and report.install_command:
        yield f"    {report.install_command}"


def file_state(report: FileReport) -> str:
    """`uploaded`, `uploaded (3 attempts)`, `present`, `accepted, not listed yet`."""
    if report.status.done and report.visibility is FileState.PROPAGATING:
        return "accepted, not listed yet"
    if report.status is FileState.UPLOADED and report.attempts > 1:
        return f"uploaded ({report.attempts} attempts)"
    return report.status.value


def plan_lines(report: PlanReport) -> Iterator[str]:
    for place, (repository, group) in enumerate(groupby(report.files, key=lambda each: each.repository)):
        files = list(group)
        if place:
            yield ""
        yield f"{repository}: {_planned(files)}"
        rows = aligned(_planned_rows(files), indent="    ")
        for (project, version), release in groupby(files, key=lambda each: (each.project, each.version)):
            yield f"  {project} {version}"
            yield from islice(rows, 2 * len(list(release)))


def _planned(files: Sequence[PlannedFile]) -> str:
    upload = [each for each in files if each.action == "upload"]
    rest = len(files) - len(upload)
    others = f"; {rest} not" if rest else ""
    return f"{count(len(upload), 'file')} to upload, {size(sum(each.size for each in upload))}{others}"


def _planned_rows(files: Sequence[PlannedFile]) -> Iterator[list[str]]:
    """Two rows a file: what and which, then why."""
    for each in files:
        yield [each.action, size(each.size), each.filename]
        yield ["", "", f"  {each.reason}"]


def build_lines(summary: BuildSummary) -> Iterator[str]:
    yield from aligned(
        [
            each.variant or "",
            size(each.size),
            duration(each.seconds),
            "" if each.reused is None else f"{each.reused:.0%} reused",
            each.sha256[:_SHORT],
            f"{summary.folder}/{each.filename}",
        ]
        for each in summary.files
    )


def check_lines(summary: CheckSummary) -> Iterator[str]:
    """A verdict on each; the findings themselves are told as they are found."""
    rows = [(verdict(each.findings), each.name) for each in summary.subjects]
    if summary.findings:
        rows.append((verdict(summary.findings), "all together"))
    yield from aligned(rows)


def verdict(findings: Sequence[Finding]) -> str:
    """`ok`, or how many of what."""
    severities = [each.severity for each in findings]
    counted = [
        count(severities.count(each), LABELS[each])
        for each in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
        if each in severities
    ]
    return ", ".join(counted) or "ok"
