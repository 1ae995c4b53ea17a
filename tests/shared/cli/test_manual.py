"""What `--help` shows, and how mistakes on the command line are answered."""

from __future__ import annotations

import json

import pytest

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.registry import COMMANDS, GROUPS, load
from publish_all.commands.config import SECTIONS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_a_command_has_examples_codes_and_all_its_options(name, typed):
    ended = typed(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    for heading in ("Usage:", "Options:", "  Examples:", "  Exit codes:"):
        assert f"\n{heading}\n" in ended.out
    assert all(f"--{each.name}" in ended.out for each in load(name).options)
    assert "<c1>" not in ended.out


def test_no_arguments_and_help_alone_show_the_overview(typed):
    shown = typed().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert typed("--help").out == shown == typed("commands").out == typed("help", "commands").out


def test_the_overview_lists_each_command_once_in_its_group(typed):
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted([*COMMANDS, "commands", "completions", "help"])
    shown = typed().out
    places = [shown.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)
    assert all(f"\n{title}:\n" in shown for title in GROUPS)


@pytest.mark.parametrize("name", [name for group in GROUPS.values() for name in group])
def test_a_command_has_a_summary_of_one_line_and_two_examples(name):
    command = PublishAllApplication().find(name)
    assert "\n" not in command.description
    assert not command.description.endswith(".")
    assert len(command.help.partition("Examples:\n")[2].strip().splitlines()) >= 2


def test_help_takes_the_name_of_a_command(typed):
    assert typed("help", "build").out == typed("build", "--help").out


@pytest.mark.parametrize(
    "name", ["publish", "doctor", "serve", "exec", "check", "list", "download", "finalize"]
)
def test_says_whether_a_command_goes_with_several_repositories(name):
    (option,) = [each for each in load(name).options if each.name == "repository"]
    assert option.is_list() is (name not in {"list", "download", "finalize"})


def test_doctor_and_finalize_tell_the_exit_codes_of_a_publish_that_they_can_end_with():
    of_publish = set(load("publish").exit_codes)
    assert set(load("doctor").exit_codes) == of_publish - {5}  # it uploads nothing
    assert set(load("doctor").variables) == set(load("publish").variables)
    assert set(load("finalize").exit_codes) == of_publish - {4}  # it checks nothing


def test_help_names_the_command_that_is_not_there(typed):
    ended = typed("help", "publsh")
    assert (ended.code, ended.out) == (2, "")
    assert 'The command "publsh" does not exist.' in ended.err
    assert "\n    publish\n" in ended.err


def test_poetry_shows_exit_codes_and_variables_at_the_end_of_the_help_text():
    command = load("check", as_name="publish-all check")
    command.set_application(PublishAllApplication())
    assert "\nExit codes:\n  0    done" in command.processed_help
    assert "\nEnvironment:\n" in command.processed_help


@pytest.mark.parametrize(("name", "meant"), [("verison", "version"), ("publsh", "publish")])
def test_a_misspelt_command_is_answered_with_the_nearest_one(typed, name, meant):
    ended = typed(name)
    assert (ended.code, ended.out) == (2, "")
    assert f"    {meant}\n" in ended.err


def test_config_tells_all_keys(typed):
    shown = typed("config", "--keys").out
    assert "tool.publish-all.version" in shown
    assert all(key.name in shown for section in SECTIONS for key in section.keys)
    listed = json.loads(typed("config", "--keys", "--format", "json").out)["keys"]
    assert len(listed) == sum(len(section.keys) for section in SECTIONS)
    assert listed[0]["key"] == "publish-to"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["build", "--varaint", "x"], "did you mean --variant?"),
        (["publish", "--skip-exsting"], "did you mean --skip-existing?"),
        (["publish", "--dryrun"], "did you mean --dry-run?"),
        (["build", "--xyzzy"], "see `publish-all build --help`"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_nearest_one(typed, arguments, meant):
    ended = typed(*arguments)
    assert ended.code == 2
    assert f"hint: {meant}" in ended.err
