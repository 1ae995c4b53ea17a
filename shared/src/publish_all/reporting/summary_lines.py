"""What other commands than publish came to, as lines of text. See `lines`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from publish_all.findings import Finding
from publish_all.reporting.text import LABELS, aligned, clean, count, duration, size
from publish_all.results import CheckSummary, Explanation
from publish_all.summaries import BuildSummary, DoctorReport, Listing, PlanReport, Result

# Of a hash: enough to tell two builds apart by eye.
_SHORT = 8
# What doctor says: a label, and its text beside it.
_WIDTH = 80
_LABEL = 11
_INDENT = 2 + _LABEL + 1


def summary_lines(
    result: PlanReport | BuildSummary | CheckSummary | DoctorReport | Explanation | Listing,
) -> Iterator[str]:
    """The lines on stdout for a result."""
    match result:
        case PlanReport():
            return _plan_lines(result)
        case BuildSummary():
            return _build_lines(result)
        case CheckSummary():
            return _check_lines(result)
        case DoctorReport():
            return _doctor_lines(result)
        case Explanation():
            return _explanation_lines(result)
        case Listing():
            return aligned([[each.upper() for each in result.columns], *result.rows])


def after_dry_run(result: Result) -> Iterator[str]:
    """What there is to say on stderr after a dry run that found nothing against a publish; else nothing."""
    if isinstance(result, PlanReport) and not result.exit_code:
        yield "Dry run: nothing was uploaded. To publish, run it without --dry-run."


def _plan_lines(report: PlanReport) -> Iterator[str]:
    for place, (repository, group) in enumerate(groupby(report.files, key=lambda each: each.repository)):
        files = list(group)
        upload = [each.size for each in files if each.action == "upload"]
        rest = f"; {len(files) - len(upload)} not" if len(files) > len(upload) else ""
        yield from [""] * bool(place)
        yield f"{repository}: {count(len(upload), 'file')} to upload, {size(sum(upload))}{rest}"
        yield from aligned(([each.action, size(each.size), each.filename] for each in files), indent="  ")
        for action, reason in dict.fromkeys((each.action, each.reason) for each in files):
            yield f"    {action}: {reason}"


def _build_lines(summary: BuildSummary) -> Iterator[str]:
    yield from aligned(
        [
            each.variant or "",
            size(each.size),
            duration(each.seconds),
            "" if each.reused is None else f"{each.reused:.0%} reused",
            each.sha256[:_SHORT],
            str(Path(summary.folder, each.filename)),
        ]
        for each in summary.files
    )


def _check_lines(summary: CheckSummary) -> Iterator[str]:
    """A verdict on each; the findings themselves are told as they are found."""
    rows = [(_counted(each.findings) or "ok", each.name) for each in summary.subjects]
    if summary.findings:
        rows.append((_counted(summary.findings), "all together"))
    yield from aligned(rows)


def _counted(findings: Sequence[Finding]) -> str:
    """How many of what."""
    severities = [each.severity for each in findings]
    present = [each for each in LABELS if each in severities]
    return ", ".join(count(severities.count(each), LABELS[each]) for each in present)


def _doctor_lines(report: DoctorReport) -> Iterator[str]:
    """Facts, then each problem, why it matters, and what to do."""
    for each in report.examined:
        yield clean(f"{each.name}  {each.where}").rstrip()
        for fact in each.facts:
            yield from _labelled(fact.label, fact.text)
        for text in each.untested:
            yield from _labelled("not tested", text)
        for finding in each.findings:
            where = finding.where
            seen = f"{where}: {finding.message}" if where not in finding.message else finding.message
            yield ""
            yield f"  {LABELS[finding.severity]:<{_LABEL}} {finding.code} {finding.slug}"
            yield from _labelled("", seen)
            yield from _labelled("why", finding.why)
            if finding.hint:
                yield from _labelled("next", finding.hint)
        yield ""
    counted = _counted(report.findings)
    found = f" ({counted})" if counted else ""
    if report.exit_code:
        yield f"Not ready: a publish would end with exit code {report.exit_code}{found}"
    else:
        offline = ", as far as can be checked offline" if report.offline else ""
        yield f"Ready to publish{offline}{found}"
    if report.findings:
        worst = min(report.findings, key=lambda each: list(LABELS).index(each.severity))
        yield f"more about a code: publish-all explain {worst.code}"


def _labelled(label: str, text: str) -> Iterator[str]:
    """A label, and its text beside it, wrapped. Long words (paths, links) are never cut."""
    head = f"  {label:<{_LABEL}} "
    for line in clean(text).splitlines() or [""]:
        own = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line.strip(),
            _WIDTH,
            initial_indent=head + own,
            subsequent_indent=" " * _INDENT + own,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from wrapped or [head.rstrip()]
        head = " " * _INDENT


def _explanation_lines(entry: Explanation) -> Iterator[str]:
    """One entry of the catalogue."""
    yield f"{entry.code} {entry.slug} ({LABELS[entry.severity]})"
    for label, text in (
        ("means", entry.means),
        ("why", entry.why),
        ("next", entry.next_step),
        ("seen by", entry.seen_by),
        ("source", entry.source),
        ("page", entry.page),
    ):
        yield ""
        yield from _labelled(label, text)
