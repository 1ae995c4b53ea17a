"""JSON that others write: whatever is wrong with it is a `ValueError`."""

from __future__ import annotations

import json
import re
from typing import Any

# Half of a character. JSON can state one by itself, and no file, header or terminal takes it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8 (RFC 8259).

    Raises `ValueError` and nothing else, also for what is nested too deep and for texts that cannot be written as UTF-8.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    try:
        value = json.loads(text)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        msg = "it is nested too deep"
        raise ValueError(msg) from error
    return value
