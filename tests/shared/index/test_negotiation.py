from __future__ import annotations

import pytest

from publish_all.index.server import TEXT_HTML, form_of, same_etag
from publish_all.index.transfers import byte_range

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, TEXT_HTML),
        ("", TEXT_HTML),
        ("*/*", TEXT_HTML),
        (JSON, JSON),
        (f"{JSON}, {HTML}; q=0.1, text/html; q=0.01", JSON),
        (f"text/html;q=0.1, {HTML};q=0.2", HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        (f"{JSON};q=0, text/html", TEXT_HTML),
        (f"{JSON};q=nonsense, text/html;q=0.001", TEXT_HTML),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT_HTML),
        ("image/png", None),
        (f"{JSON};q=0", None),
        (";;;,,,=", None),
    ],
)
def test_gives_the_form_that_is_liked_best(accept: str | None, form: str | None) -> None:
    assert form_of(accept) == form


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
    ],
)
def test_knows_what_a_client_has(header: str | None, same: bool) -> None:
    assert same_etag(header, '"a"') is same


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-9", (0, 9)),
        ("bytes=5-", (5, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-1000", (0, 99)),
        ("bytes=90-1000", (90, 99)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,3-4", None),
        ("bytes=" + "9" * 400 + "-", None),
        ("lines=0-1", None),
        ("bytes=-0x5", None),
    ],
)
def test_takes_one_range_or_the_whole(header: str | None, found: tuple[int, int] | None) -> None:
    wanted = byte_range(header, 100)
    assert (wanted and (wanted.start, wanted.stop - 1)) == found


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_range_behind_the_end_is_empty(header: str) -> None:
    assert byte_range(header, 100) == range(0)


def test_an_empty_file_has_no_range() -> None:
    assert byte_range("bytes=0-", 0) == range(0)
