"""Explain: an entry of the catalogue, without a network."""

from __future__ import annotations

from publish_all.config.problems import nearest
from publish_all.diagnoses import PAGE, catalogue
from publish_all.errors import UsageError
from publish_all.results import Explanation


def explain(name: str) -> Explanation:
    """The entry with this code (`PA301`) or slug, in any case of letters. Raises `UsageError` if there is none."""
    by_name = {each: entry for entry in reversed(catalogue()) for each in (entry.code.lower(), entry.slug)}
    wanted = name.strip().lower()
    if wanted in by_name:
        return by_name[wanted]
    # A letter for a digit is the likeliest mistake in a code.
    as_code = wanted[:2] + wanted[2:].translate(str.maketrans("oilsb", "01158"))
    close = as_code if as_code in by_name else nearest(wanted, by_name)
    hint = f"Codes are like PA301; {PAGE} lists them."
    if close is not None:
        hint = f"Did you mean {by_name[close].code} ({by_name[close].slug})?"
    raise UsageError(f"there is no code {name}", hint=hint)
