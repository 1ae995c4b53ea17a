from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publish_all._json import seconds, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        (" 12 ", 12),
        (12, 12),
        ("", None),
        ("-1", None),
        (-1, None),
        ("1.0", None),
        ("\xb2", None),
        ("\u0663", None),
        ("9" * 19, None),
        ("9" * 10_000, None),
        (10**30, None),
        (True, None),
        (1.0, None),
        (None, None),
        ([], None),
    ],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1.5", 1.5),
        (1.5, 1.5),
        ("3", 3.0),
        ("1e9", None),
        ("nan", None),
        (float("nan"), None),
        (float("inf"), None),
        ("1.", None),
        (".5", None),
        ("-2", None),
        (True, None),
        (10**400, None),
    ],
)
def test_seconds(value: object, number: float | None) -> None:
    assert seconds(value) == number


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_nothing_is_an_error(value: object) -> None:
    whole_number(value)
    seconds(value)
