from __future__ import annotations

import pytest

from publish_all.reporting.words import count, duration, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (48_213, "48.2 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (500_000_000, "500.0 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_sizes(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (10.4, "10 s"), (119, "119 s"), (200, "3 min 20 s")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts():
    assert [count(1, "file"), count(3, "file"), count(2, "thing is", "things are")] == [
        "1 file",
        "3 files",
        "2 things are",
    ]
