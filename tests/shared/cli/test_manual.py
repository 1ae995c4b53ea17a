"""The manual: pages made from the commands, and how `--help` shows them."""

from __future__ import annotations

import json

import pytest
from cleo.formatters.formatter import Formatter
from cleo.helpers import argument, option

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.manual import VARIABLES, ordered, page_of
from publish_all.cli.page_text import page_text
from publish_all.cli.registry import COMMANDS, load
from publish_all.cli.values import value_of_option
from publish_all.config.reference import SECTIONS


class Sample:
    name = "sample"
    description = "Does a thing."
    arguments = (argument("files", "What to do it with.", optional=True, multiple=True),)
    options = (
        option("repository", "r", "Where.", flag=False, multiple=True),
        option("jobs", "j", "How many.", flag=False, default="8"),
        option("dry-run", None, "Only look.", flag=True),
    )
    help = "Does <c1>things</c1>,\nand more.\n\nExamples:\n  <c1>{command_full_name} -r a</c1>\n"
    exit_codes = (0, 4)
    variables = ("GITHUB_TOKEN",)


def test_a_page_tells_all_of_a_command():
    page = page_of(Sample(), called_as="publish-all sample")
    assert page.usage == "publish-all sample [options] [FILE…]"
    assert page.text == "Does things,\nand more."
    assert page.examples == ("publish-all sample -r a",)
    assert [each.synopsis for each in page.options["Options"]] == [
        "-r, --repository NAME",
        "-j, --jobs N",
        "--dry-run",
    ]
    assert [each.default for each in page.options["Options"]] == [None, "8", None]
    assert list(page.exit_codes) == [0, 4]
    assert page.variables == {"GITHUB_TOKEN": VARIABLES["GITHUB_TOKEN"]}


@pytest.mark.parametrize("width", [30, 80, 300])
def test_a_page_is_wrapped_to_the_terminal(width):
    text = page_text(page_of(load("serve"), called_as="publish-all serve"), (), width=width)
    plain = Formatter().remove_format(text)
    free = [line for line in plain.splitlines() if "publish-all serve" not in line]
    assert max(map(len, free)) <= max(min(width, 96), 50)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_a_command_has_examples_codes_and_all_its_options(name, typed):
    ended = typed(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    for heading in ("Usage:", "Options:", "Examples:", "Exit codes:"):
        assert f"\n{heading}\n" in ended.out
    assert all(f"--{each.name}" in ended.out for each in load(name).options)
    assert "<c1>" not in ended.out


def test_no_arguments_and_help_alone_show_the_overview(typed):
    shown = typed().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert typed("--help").out == shown == typed("commands").out == typed("help", "commands").out


def test_help_takes_the_name_of_a_command(typed):
    assert typed("help", "build").out == typed("build", "--help").out


@pytest.mark.parametrize(
    "name", ["publish", "doctor", "serve", "exec", "check", "list", "download", "finalize"]
)
def test_says_whether_a_command_goes_with_several_repositories(name):
    (option,) = [each for each in load(name).options if each.name == "repository"]
    one = name in {"list", "download", "finalize"}
    assert ("may be given several times" in option.description) is not one


def test_doctor_and_finalize_tell_the_exit_codes_of_a_publish_that_they_can_end_with():
    of_publish = set(load("publish").exit_codes)
    assert set(load("doctor").exit_codes) == of_publish - {5}  # it uploads nothing
    assert set(load("doctor").variables) == set(load("publish").variables)
    assert set(load("finalize").exit_codes) == of_publish - {4}  # it checks nothing


def test_help_names_the_command_that_is_not_there(typed):
    ended = typed("help", "publsh")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no command 'publsh'; did you mean 'publish'?" in ended.err


def test_poetry_shows_exit_codes_and_variables_at_the_end_of_the_help_text():
    command = load("check", as_name="publish-all check")
    command.set_application(PublishAllApplication())
    assert "\nExit codes:\n  0    done" in command.processed_help
    assert "\nEnvironment:\n" in command.processed_help


def test_commands_that_no_group_names_come_last():
    assert list(ordered(["zzz", "build", "init"])) == [
        ("Start", ("init",)),
        ("Build and publish", ("build",)),
        ("This command line", ("zzz",)),
    ]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_choices_offered_for_an_option_stand_in_its_description(name):
    for each in load(name).options:
        value = value_of_option(each)
        for choice in value.choices if value is not None else ():
            assert choice in each.description, each.name


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["biuld"], "'build'"),
        (["verison"], "'version'"),
        (["build", "--varaint", "x"], "--variant"),
        (["publish", "--skip-exsting"], "--skip-existing"),
        (["publish", "--dryrun"], "--dry-run"),
        (["publish", "chekc"], "`publish-all check`"),
    ],
)
def test_a_misspelt_command_or_option_is_answered_with_the_nearest_one(typed, arguments, meant):
    ended = typed(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean" in ended.err.lower()
    assert meant in ended.err


@pytest.mark.parametrize("arguments", [["xyzzy"], ["build", "--xyzzy"], ["publish", "xyzzy.whl"]])
def test_nothing_is_suggested_for_what_is_like_nothing(typed, arguments):
    ended = typed(*arguments)
    assert ended.code == 2
    assert "did you mean" not in ended.err.lower()


def test_config_tells_all_keys(typed):
    shown = typed("config", "--keys").out
    assert "[tool.publish-all.version]" in shown
    assert all(f"\n  {key.name}" in shown for section in SECTIONS for key in section.keys)
    assert max(map(len, shown.splitlines())) <= 80
    listed = json.loads(typed("config", "--keys", "--format", "json").out)["keys"]
    assert len(listed) == sum(len(section.keys) for section in SECTIONS)
    assert listed[0]["key"] == "publish-to"
