"""The CRC-32 of two pieces together, from that of each: zlib's `crc32_combine`, which Python does not offer.

CRCs are polynomials over GF(2) modulo that of CRC-32, held with the highest power in the lowest bit. To append
n bytes is to multiply by x^(8 n) and to add the CRC of what is appended (RFC 1952, section 8).
"""

from __future__ import annotations

from functools import lru_cache

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


def combined(crc: int, crc_after: int, length_after: int) -> int:
    """The CRC-32 of a piece with `crc`, followed by one of `length_after` bytes with `crc_after`."""
    return _times(_power(length_after), crc) ^ crc_after


@lru_cache(maxsize=65536)
def _power(length: int) -> int:
    """x^(8 length)."""
    result, squared = _ONE, _ONE >> 8  # 1 and x^8
    while length:
        if length & 1:
            result = _times(squared, result)
        squared = _times(squared, squared)
        length >>= 1
    return result


def _times(left: int, right: int) -> int:
    product, bit = 0, _ONE
    while left:
        if left & bit:
            product ^= right
            left ^= bit
        bit >>= 1
        right = (right >> 1) ^ _POLYNOMIAL if right & 1 else right >> 1
    return product
