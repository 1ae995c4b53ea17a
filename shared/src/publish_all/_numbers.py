"""Numbers as others write them, with bounds: what is absurd counts as not stated.

`int` takes digits of all scripts, fails for some characters that `str.isdigit` takes, and for more than 4300 digits.
"""

from __future__ import annotations

from typing import Any

_MOST_DIGITS = 18  # fits 64 bits


def whole_number(value: Any, *, most: int = 10**_MOST_DIGITS) -> int | None:
    """A number from 0 to `most`, out of an `int` or of ASCII digits; None for anything else."""
    if isinstance(value, str):
        value = value.strip()
        if not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
            return None
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= most else None


def seconds(value: Any, *, most: float = 1e9) -> float | None:
    """A time from 0 to `most` seconds, out of a number or of ASCII digits with or without a fraction; else None."""
    if isinstance(value, str):
        whole, point, fraction = value.strip().partition(".")
        parts = [whole_number(each) for each in ((whole, fraction) if point else (whole,))]
        if None in parts:
            return None
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= most else None
