from __future__ import annotations

import pytest

from publish_all.reporting.text import clean, commands_called, count, duration, shown, size


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


def test_what_changes_the_order_of_text_is_shown_escaped():
    assert clean("a\u202eb\u2066c\u2028d\u200fe\u061cf") == r"a\u202eb\u2066c\u2028d\u200fe\u061cf"
    assert clean("\x1b[31mred\x07\x9b") == " [31mred  "
    assert clean("half of a pair \udcff") == r"half of a pair \udcff"
    assert clean("zażółć 日本語 👩‍💻\nnext") == "zażółć 日本語 👩‍💻\nnext"


def test_what_is_shown_is_no_command_of_a_runner():
    assert shown("\x1b::error::x\n::group::y ##[add-mask]z") == " : :error::x\n: :group::y # #[add-mask]z"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Run `publish-all version --sync`.", "Run `poetry publish-all version --sync`."),
        ("more: publish-all explain PA102", "more: poetry publish-all explain PA102"),
        ("poetry publish-all check", "poetry publish-all check"),
        (
            'uvx --from "publish-all[cli]" publish-all check',
            'uvx --from "publish-all[cli]" publish-all check',
        ),
        ("publish-all checks it", "publish-all checks it"),
        ("in publish-all check-list", "in publish-all check-list"),
        ("PA/publish-all check", "PA/publish-all check"),
    ],
)
def test_commands_are_named_as_they_are_called_here(text, shown):
    with commands_called("poetry publish-all", ("check", "explain", "version")):
        assert clean(text) == clean(clean(text)) == shown
    assert clean(text) == text
