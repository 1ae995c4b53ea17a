"""How quantities and findings are written, the same in every front end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from publish_all._actions import harmless
from publish_all.errors import PublishAllError
from publish_all.findings import Finding, Severity

# C0 and C1 controls but newline: what a server sends must not move a cursor or colour a terminal.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# What changes the order of the text around it (https://www.unicode.org/reports/tr9/), ends a line for some
# programs, or cannot be written at all.
_INVISIBLE = re.compile(r"[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_QUANTITY = re.compile(r"[0-9.]+ (B|kB|MB|GB|s|min [0-9]+ s)|[0-9]+% reused")

_program: ContextVar[tuple[str, re.Pattern[str]] | None] = ContextVar("program", default=None)

LABELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def size(number: int) -> str:
    """Bytes in decimal units, as indexes write them: `12.3 kB`."""
    if number < 1000:
        return f"{number} B"
    amount = float(number)
    for unit in ("kB", "MB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} GB"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `3 files`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


@contextmanager
def commands_called(program: str, commands: Iterable[str]) -> Iterator[None]:
    """Inside, all texts name these commands of ours as `program COMMAND`: `poetry publish-all check`."""
    # A line for a machine without us (`uvx --from … publish-all exec`) stays as it is.
    names = "|".join(sorted(commands, key=len, reverse=True))
    ours = re.compile(rf"(?P<stays>uvx .*)|(?<![\w/-])(?<!poetry )publish-all(?= (?:{names})(?![\w-]))")
    token = _program.set((program, ours))
    try:
        yield
    finally:
        _program.reset(token)


def as_called(text: str) -> str:
    """The text with our commands as they are called here."""
    called = _program.get()
    return text if called is None else called[1].sub(lambda found: found["stays"] or called[0], text)


def clean(text: str) -> str:
    """Text without control characters other than newline; those that change the order of text are escaped."""
    visible = _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", _CONTROL.sub(" ", text))
    return as_called(visible)


def shown(text: str) -> str:
    """Foreign text, safe to print on a terminal or in a log, also of GitHub Actions."""
    return harmless(clean(text))


def aligned(rows: Iterable[Sequence[str | int]], *, indent: str = "") -> Iterator[str]:
    """Aligned columns, two spaces apart; numbers and quantities are right-aligned."""
    every = [*rows]
    cells = [[*map(clean, map(str, row))] for row in every]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row, values in zip(cells, every, strict=True):
        line = indent
        for cell, value, width in zip(row, values, widths, strict=True):
            to_the_right = isinstance(value, int) or _QUANTITY.fullmatch(cell)
            line += (cell.rjust(width) if to_the_right else cell.ljust(width)) + "  "
        yield line.rstrip()


def finding_lines(finding: Finding) -> Iterator[str]:
    """A finding as lines: what, then where and the next step, indented."""
    first, *rest = clean(finding.message).splitlines() or [finding.slug]
    yield f"{LABELS[finding.severity]}: {first} [{finding.code} {finding.slug}]"
    yield from (f"  {line}" for line in rest)
    if finding.where and finding.where not in finding.message:
        yield f"  where: {clean(finding.where)}"
    yield from _hint(finding.hint)


def error_lines(error: PublishAllError) -> Iterator[str]:
    """An error as lines, without its findings."""
    first, *rest = clean(error.message).splitlines() or [type(error).__name__]
    yield f"error: {first}"
    yield from (f"  {line}" for line in rest)
    yield from _hint(error.hint or "")


def _hint(text: str) -> Iterator[str]:
    for place, line in enumerate(clean(text).splitlines()):
        yield f"        {line}" if place else f"  hint: {line}"
