from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from reporting_samples import samples

from publish_all.errors import ConfigurationError
from publish_all.events import Event
from publish_all.reporting.json import JsonReporter


def report(*, events=False, result=None, error=None, run=samples.RUN):
    out, err = io.StringIO(), io.StringIO()
    reporter = JsonReporter(out, err, events=events)
    with reporter:
        for event in run:
            reporter.listener(event)
        if result is not None:
            reporter.show(result)
        if error is not None:
            reporter.error(error)
    return out.getvalue(), err.getvalue()


def test_run_with_retries(same_as_golden):
    out, err = report(result=samples.PARTIAL)
    same_as_golden("run.json", out)
    assert err == ""


def test_events_are_lines_and_the_result_is_the_last(same_as_golden):
    out, _ = report(events=True, result=samples.PARTIAL)
    same_as_golden("run.jsonl", out)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [each["schema"] for each in lines] == [1] * len(lines)
    assert all("event" in each for each in lines[:-1])
    assert lines[-1]["result"] == "publish"


@pytest.mark.parametrize("name", ["plan", "built", "checked", "listed", "doctor", "explained"])
def test_results(name, same_as_golden):
    out, _ = report(result=getattr(samples, name.upper()), run=[])
    same_as_golden(f"{name}.json", out)


def test_error_is_an_object_on_stdout_and_words_on_stderr(same_as_golden):
    out, err = report(error=samples.CONFLICT, run=[])
    same_as_golden("error.json", out)
    assert err.startswith("error: pypi has files")


def test_there_is_one_final_object():
    out, err = report(result=samples.PLAN, error=samples.CONFLICT, run=[])
    assert json.loads(out)["result"] == "plan"
    assert err.startswith("error: ")


@pytest.mark.parametrize(("result", "code"), [(samples.PARTIAL, 5), (samples.COMPLETE, 0)])
def test_exit_code_is_told(result, code):
    assert json.loads(report(result=result)[0])["exit_code"] == code


def test_every_event_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
    for kind in Event.__subclasses__():
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()
        keys = ", ".join(f"`{each.name}`" for each in dataclasses.fields(kind))
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert re.sub(r" \(.*?\)", "", row) == f"| `{name}` | {keys} |"


def test_no_string_is_a_command_for_github_actions():
    message = "##[add-mask]e\n::error::x"
    out, err = report(error=ConfigurationError(message, hint="##[group]x"), run=())
    assert json.loads(out)["error"]["message"] == message
    assert "##[" not in out + err
    assert not any(line.lstrip().startswith("::") for line in (out + err).splitlines())
