from __future__ import annotations

import re

import pytest

from publish_all._actions import command, harmless, mask_for

NAMES = {"set-output", "add-mask", "stop-commands", "error", "warning", "save-state", "group"}


def runner_takes(text: str) -> list[str]:
    """The commands that actions/runner would carry out, as ActionCommand.cs looks for them."""
    found = []
    for line in re.split(r"\r\n|[\n\r]", text):
        start = line.lstrip()
        if start.startswith("::") and "::" in start[2:]:
            found.append(start[2 : start.index("::", 2)].split(" ")[0])
        elif (at := line.find("##[")) >= 0 and "]" in line[at:]:
            found.append(line[at + 3 : line.index("]", at)].split(" ")[0])
    return [each for each in found if each in NAMES]


@pytest.mark.parametrize(
    "text",
    [
        "::set-output name=a::b",
        "  \t ::add-mask::e",
        "\u00a0\u2003::add-mask::e",
        "a\n::stop-commands::t",
        "a\r\n  ::stop-commands::t\r::error::x",
        "a ##[add-mask]e",
        "###[add-mask]e",
        "##[set-output name=version;]9.9.9 and ##[add-mask]e",
        "\n\n::error file=a::b\n##[group]x\n::::error::x",
        ":::error::x",
    ],
)
def test_nothing_of_others_is_taken_for_a_command(text: str) -> None:
    assert runner_takes(harmless(text)) == []
    assert re.sub(r"\s", "", harmless(text)) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("text", ["a::b", "std::vector", "# a heading", "##", ":", "", "key: value\n  :x"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_a_command_of_ours_holds_one_command_only() -> None:
    line = command("error", "first\r\n::set-output name=x::y\n::stop-commands::z, 100%", title="a: b, c\nd")
    assert line.startswith("::error title=a%3A b%2C c%0Ad::first%0D%0A::set-output")
    assert runner_takes(line) == ["error"]


def test_each_line_of_a_secret_is_masked_once(capsys: pytest.CaptureFixture[str]) -> None:
    mask_for({"GITHUB_ACTIONS": "true"})("one\n  two\r\none\n\nthree%")
    mask_for({})("four")
    assert capsys.readouterr().err.splitlines() == [
        "::add-mask::one",
        "::add-mask::two",
        "::add-mask::three%25",
    ]


def test_a_secret_can_be_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    mask_for({"GITHUB_ACTIONS": "true"})("pypi-abc\n::set-output name=pwned::yes\n::stop-commands::z")
    lines = capsys.readouterr().err.splitlines()
    assert [runner_takes(each) for each in lines] == [["add-mask"]] * 3


def test_long_text_of_empty_lines_takes_no_longer_than_other_text():
    text = "\n" * 1_000_000  # in quadratic time, this would take hours
    assert harmless(text) == text
