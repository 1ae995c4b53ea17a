"""Explain: an entry of the catalogue, without a network."""

from __future__ import annotations

from publish_all._values import dataclass
from publish_all.catalogue.catalogue import entries, find
from publish_all.catalogue.page import seen_by
from publish_all.config.suggest import nearest
from publish_all.errors import UsageError
from publish_all.results import Explanation

SITE = "docs/"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainOptions:
    """`name` is a code (`PA301`) or a slug (`token-for-other-index`), in any case of letters."""

    name: str


def explain(options: ExplainOptions) -> Explanation:
    """What there is to say about a code. Raises `UsageError` for one that there is not."""
    entry = find(options.name)
    if entry is None:
        names = [name for each in entries() for name in (each.code, each.slug)]
        close = _nearest(options.name, names)
        msg = f"there is no code {options.name}"
        raise UsageError(
            msg,
            hint=f"Did you mean {close}?"
            if close
            else "Codes are like PA301; docs/reference/errors.md lists them.",
        )
    return Explanation(
        code=entry.code,
        slug=entry.slug,
        severity=entry.severity,
        means=entry.text.means,
        why=entry.diagnosis.why,
        next_step=entry.text.next_step,
        seen_by=seen_by(entry),
        source=entry.text.source,
        page=f"{SITE}{entry.anchor}",
    )


def _nearest(name: str, names: list[str]) -> str | None:
    """A letter for a digit is the likeliest mistake in a code."""
    as_code = name.upper()[:2] + name.upper()[2:].translate(str.maketrans("OILSB", "01158"))
    return as_code if as_code in names else nearest(name, names)
