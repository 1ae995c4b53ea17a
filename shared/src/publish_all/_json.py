"""Foreign JSON and numbers, with bounds: invalid JSON is a `ValueError`, an absurd number is ignored."""

from __future__ import annotations

import json
import re
from typing import Any

# Half of a character (a surrogate). JSON can contain one alone, but files, headers and terminals cannot.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259).

    Raises only `ValueError`, also for values that are nested too deeply and for texts that cannot be written as UTF-8.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        value = json.loads(text)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        msg = "it is nested too deeply"
        raise ValueError(msg) from error
    return value


# Fits 64 bits. `int` accepts digits of all scripts, fails for some that `str.isdigit` accepts, and for more than 4300.
_MOST_DIGITS = 18


def whole_number(value: Any, *, most: int = 10**_MOST_DIGITS) -> int | None:
    """A number from 0 to `most`, out of an `int` or of ASCII digits; None for other values."""
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
