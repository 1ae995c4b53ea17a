"""JSON and numbers that others write, with bounds: wrong JSON is a `ValueError`, an absurd number counts as not stated."""

from __future__ import annotations

import json
import re
from typing import Any

# Half of a character. JSON can state one by itself, and no file, header or terminal takes it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259).

    Raises `ValueError` and nothing else, also for values that are nested too deep and for texts that cannot be written as UTF-8.
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


# Fits 64 bits. `int` takes digits of all scripts, fails for some that `str.isdigit` takes, and for more than 4300.
_MOST_DIGITS = 18


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
