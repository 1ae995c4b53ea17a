"""The nearest right name, for messages."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant, or None when none is near."""
    from difflib import get_close_matches

    asked = _folded(name)
    by_folded = {_folded(each): each for each in known}
    begun = [each for each in by_folded if len(asked) > 2 and each.startswith(asked)]
    shuffled = [each for each in by_folded if sorted(each) == sorted(asked)]
    matches = begun or shuffled or get_close_matches(asked, by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def _folded(name: str) -> str:
    return name.casefold().replace("_", "-")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing."""
    meant = nearest(name, known)
    return "" if meant is None else f"; did you mean {meant!r}?"


def listing(names: Iterable[str]) -> str:
    """Names as a sentence has them, sorted."""
    return ", ".join(sorted(names))
