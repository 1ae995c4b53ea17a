import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all.builders.crc import combined


@pytest.mark.parametrize(
    ("first", "second"),
    [(b"", b""), (b"", b"abc"), (b"abc", b""), (b"123456", b"789"), (b"x" * 100_003, b"\0" * 70_000)],
)
def test_is_the_crc_of_both(first, second):
    expected = zlib.crc32(first + second)
    assert combined(zlib.crc32(first), zlib.crc32(second), len(second)) == expected


def test_a_known_value():
    # The check value of CRC-32/ISO-HDLC is that of the nine digits.
    assert combined(zlib.crc32(b"1234"), zlib.crc32(b"56789"), 5) == 0xCBF43926


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_of_any_bytes(first, second):
    assert combined(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)
