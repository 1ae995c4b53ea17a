from __future__ import annotations

import pytest

from publish_all._json import loads


def test_reads_json_in_utf_8_with_and_without_a_mark() -> None:
    assert loads('{"ä": ["€"]}'.encode()) == {"ä": ["€"]}
    assert loads(b'\xef\xbb\xbf{"a": 1.5}') == {"a": 1.5}
    assert loads('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        b'["\\ud800"]',
        b'{"\\uDFFF": 1}',
        b'"\xed\xa0\x80"',
    ],
    ids=[
        "empty",
        "cut off",
        "not UTF-8",
        "deep",
        "deep objects",
        "endless",
        "half",
        "half in a key",
        "raw half",
    ],
)
def test_whatever_is_wrong_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(content)
