from __future__ import annotations

import io
from dataclasses import replace

import pytest
from reporting_samples import samples

from publish_all.errors import ConfigurationError, ConflictError
from publish_all.events import EnvironmentChosen, Found, StepStarted
from publish_all.findings import Severity
from publish_all.reporting.reporter import PlainReporter
from publish_all.results import PublishReport
from publish_all.summaries import PlanReport


class Streams:
    def __init__(self, verbosity=0):
        self.out, self.err = io.StringIO(), io.StringIO()
        self.reporter = PlainReporter(self.out, self.err, verbosity=verbosity)


@pytest.mark.parametrize(("name", "verbosity"), [("quiet", -1), ("normal", 0), ("verbose", 1)])
def test_run_with_retries(name, verbosity, same_as_golden):
    streams = Streams(verbosity)
    with streams.reporter:
        for event in samples.RUN:
            streams.reporter.listener(event)
        streams.reporter.show(samples.PARTIAL)
    same_as_golden(f"run-{name}.stderr.txt", streams.err.getvalue())
    same_as_golden("run.stdout.txt", streams.out.getvalue())


def test_an_isolated_environment_is_told_from_the_current_one():
    streams = Streams()
    streams.reporter.listener(EnvironmentChosen(isolated=True, reason="with x"))
    assert streams.err.getvalue() == "environment   isolated, with x\n"
    streams.reporter.listener(EnvironmentChosen(isolated=True, reason="with x"))
    streams.reporter.listener(EnvironmentChosen(isolated=True, reason="with y"))
    assert streams.err.getvalue().splitlines()[1:] == ["environment   isolated, with y"]


@pytest.mark.parametrize(
    "name", ["complete", "plan", "built", "checked", "listed", "doctor", "ready", "explained"]
)
def test_results(name, same_as_golden):
    streams = Streams()
    streams.reporter.show(getattr(samples, name.upper()))
    same_as_golden(f"{name}.stdout.txt", streams.out.getvalue())


def test_nothing_is_wider_than_a_terminal_but_names_links_and_commands(same_as_golden):
    streams = Streams()
    for event in samples.RUN:
        streams.reporter.listener(event)
    streams.reporter.show(samples.PARTIAL)
    for line in (streams.err.getvalue() + streams.out.getvalue()).splitlines():
        assert len(line) <= 80 or any(
            part in line for part in (".whl", "https://", "pip install", "hint:", "note")
        )


def test_text_of_servers_can_not_move_the_cursor():
    streams = Streams()
    with streams.reporter:
        streams.reporter.listener(Found(finding=samples.REFUSED))
    assert "sure" in streams.err.getvalue()
    assert "\x1b" not in streams.err.getvalue()


def test_the_errors_that_decided_a_run_come_last():
    streams = Streams()
    streams.reporter.listener(Found(finding=samples.REFUSED))
    streams.reporter.listener(Found(finding=samples.OTHER_BYTES))
    streams.reporter.listener(StepStarted(step="preflight", detail="pypi"))
    streams.reporter.listener(Found(finding=samples.NO_INDEX))
    streams.reporter.__exit__(ConflictError, samples.CONFLICT, None)
    streams.reporter.error(samples.CONFLICT)
    said = streams.err.getvalue()
    assert said.count("has another file") == 1
    parts = ["preflight  ", "[PA450", "[PA449", "error: pypi has files with the same names", "[PA410"]
    assert sorted(parts, key=said.index) == parts
    assert said.endswith("  hint: Publish under a new version.\n  more: publish-all explain PA410\n")
    assert streams.out.getvalue() == ""


def test_errors_of_uploads_are_shown_when_they_happen():
    streams = Streams()
    streams.reporter.listener(Found(finding=samples.OTHER_BYTES))
    assert streams.err.getvalue() == ""
    streams.reporter.listener(StepStarted(step="upload", detail="pypi"))
    assert "[PA410" in streams.err.getvalue()
    streams.reporter.listener(Found(finding=samples.REFUSED))
    assert "[PA449" in streams.err.getvalue()


@pytest.mark.parametrize(
    ("repositories", "said"),
    [
        ((samples.PYPI, samples.LOCAL), "error: not everything is published: 3 of 4 uploads done\n"),
        ((samples.PYPI,), ""),
    ],
)
def test_what_stopped_it_is_left_to_its_error_to_tell(repositories, said):
    streams = Streams()
    streams.reporter.show(PublishReport(repositories=repositories, stopped_by="it can't be imported"))
    assert streams.err.getvalue() == said


def test_error_that_is_a_finding_is_told_once():
    streams = Streams()
    finding = samples.OTHER_BYTES
    streams.reporter.error(ConflictError(finding.message, hint=finding.hint, findings=[finding]))
    assert streams.err.getvalue().count("has another file") == 1
    assert streams.err.getvalue().endswith("  more: publish-all explain PA410\n")


def test_error_is_shown_with_its_hint_even_when_quiet():
    streams = Streams(verbosity=-1)
    streams.reporter.error(ConfigurationError("pyproject.toml: what\nof it", hint="Write it\nlike so"))
    assert (
        streams.err.getvalue() == "error: pyproject.toml: what\n  of it\n  hint: Write it\n        like so\n"
    )


def test_text_of_others_is_no_command_for_github_actions():
    streams = Streams()
    finding = replace(samples.REFUSED, message="sorry\n::set-output name=a::b\n and ##[add-mask]e\u202e")
    with streams.reporter:
        streams.reporter.listener(Found(finding=finding))
    said = streams.err.getvalue()
    assert ": :set-output" in said
    assert "# #[add-mask]e\\u202e" in said
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in said.splitlines())


def test_a_dry_run_ends_with_what_it_did_not_do():
    streams = Streams()
    streams.reporter.listener(Found(finding=replace(samples.REFUSED, severity=Severity.WARNING)))
    streams.reporter.show(PlanReport(files=()))
    assert "Dry run: nothing was uploaded. " in streams.err.getvalue()
