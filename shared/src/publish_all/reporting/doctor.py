"""What doctor says, as lines that fit 80 columns: facts under each other, then what is wrong and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from publish_all.findings import Finding, Severity
from publish_all.reporting.words import LABELS, clean, count
from publish_all.results import Advice, DoctorReport, Examined, Explanation

WIDTH = 80
_LABEL = 11
_INDENT = 2 + _LABEL + 1


def doctor_lines(report: DoctorReport) -> Iterator[str]:
    for each in report.examined:
        yield from _examined(each)
        yield ""
    yield from _verdict(report)


def _examined(each: Examined) -> Iterator[str]:
    yield clean(f"{each.name}  {each.where}").rstrip()
    for fact in each.facts:
        yield from _labelled(fact.label, fact.text)
    for text in each.untested:
        yield from _labelled("not tested", text)
    for advice in each.advice:
        yield ""
        yield from _advice(advice)


def _advice(advice: Advice) -> Iterator[str]:
    """What was seen, why it matters, what to do."""
    finding = advice.finding
    yield f"  {LABELS[finding.severity]:<{_LABEL}} {finding.code} {finding.slug}"
    yield from _labelled("", _seen(finding))
    yield from _labelled("why", advice.why)
    if finding.hint:
        yield from _labelled("next", finding.hint)


def _seen(finding: Finding) -> str:
    where = finding.where
    return f"{where}: {finding.message}" if where and where not in finding.message else finding.message


def _labelled(label: str, text: str) -> Iterator[str]:
    """A label, and its text beside it, wrapped. Long words (paths, links) are never cut."""
    head = f"  {label:<{_LABEL}} "
    for line in clean(text).splitlines() or [""]:
        own = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line.strip(),
            WIDTH - _INDENT - len(own),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for part in wrapped or [""]:
            yield f"{head}{own}{part}".rstrip()
            head = " " * _INDENT


def _verdict(report: DoctorReport) -> Iterator[str]:
    severities = [each.severity for each in report.findings]
    counted = [
        count(severities.count(each), LABELS[each])
        for each in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
        if each in severities
    ]
    found = f" ({', '.join(counted)})" if counted else ""
    if report.exit_code:
        yield f"not ready: a publish would end with exit code {report.exit_code}{found}"
    else:
        asked = "as far as can be told offline" if report.offline else "nothing stands against a publish"
        yield f"ready: {asked}{found}"
    if report.findings:
        worst = min(report.findings, key=lambda each: list(reversed(Severity)).index(each.severity))
        yield f"more about a code: publish-all explain {worst.code}"


def explanation_lines(entry: Explanation) -> Iterator[str]:
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
