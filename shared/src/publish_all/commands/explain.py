"""Explain: an entry of the catalogue, without a network."""

from __future__ import annotations

from publish_all.config.suggest import nearest
from publish_all.diagnoses import all_diagnoses, find
from publish_all.errors import UsageError
from publish_all.results import Explanation


def explain(name: str) -> Explanation:
    """The entry with this code (`PA301`) or slug, in any case of letters. Raises `UsageError` if there is none."""
    entry = find(name)
    if entry is None:
        close = _nearest(name)
        hint = (
            f"Did you mean {close}?"
            if close
            else "Codes are like PA301; docs/reference/errors.md lists them."
        )
        raise UsageError(f"there is no code {name}", hint=hint)
    return Explanation(
        code=entry.code,
        slug=entry.slug,
        severity=entry.severity,
        means=entry.means,
        why=entry.why,
        next_step=entry.next_step,
        seen_by=entry.seen_by,
        source=entry.source,
        page=f"docs/{entry.page}",
    )


def _nearest(name: str) -> str | None:
    """A letter for a digit is the likeliest mistake in a code."""
    names = [each for entry in all_diagnoses() for each in (entry.code, entry.slug)]
    as_code = name.upper()[:2] + name.upper()[2:].translate(str.maketrans("OILSB", "01158"))
    return as_code if as_code in names else nearest(name, names)
