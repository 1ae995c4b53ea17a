from __future__ import annotations

import io
import subprocess
import sys

import pytest
from reporting_samples import samples

from publish_all.events import Found
from publish_all.reporting.console import ConsoleReporter
from publish_all.reporting.github_actions import GitHubReporter
from publish_all.reporting.json import JsonReporter
from publish_all.reporting.make import make_reporter
from publish_all.reporting.reporter import PlainReporter
from publish_all.summaries import Listing


class Terminal(io.StringIO):
    def isatty(self):
        return True


def make(kind="text", err=None, environment=None, **options):
    return make_reporter(
        kind, out=io.StringIO(), err=err or io.StringIO(), environment=environment or {}, **options
    )


def test_terminal_gets_the_console():
    assert isinstance(make(err=Terminal()), ConsoleReporter)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}])
def test_terminals_that_can_not_be_written_over_get_lines(environment):
    assert isinstance(make(err=Terminal(), environment=environment), PlainReporter)


def test_pipes_get_lines():
    assert isinstance(make(), PlainReporter)


def test_quiet_terminal_gets_no_display():
    assert isinstance(make(err=Terminal(), verbosity=-1), PlainReporter)


def test_json_is_json_on_a_terminal_too():
    assert isinstance(make("json", err=Terminal()), JsonReporter)


def test_github_actions_get_annotations_and_a_summary_besides(tmp_path):
    summary, err = tmp_path / "summary.md", io.StringIO()
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    reporter = make(err=err, environment=environment)
    assert isinstance(reporter, GitHubReporter)
    with reporter:
        reporter.listener(Found(finding=samples.OTHER_BYTES))
        reporter.show(samples.COMPLETE)
        reporter.error(samples.CONFLICT)
    assert "error: pypi has another file" in err.getvalue()
    assert "::error title=PA410 other-bytes-there::" in err.getvalue()
    assert summary.read_text().startswith("## publish-all")


def test_plain_and_json_do_not_load_rich():
    code = (
        "import sys, publish_all.reporting.make as r;"
        "r.make_reporter('text', terminal=False, environment={}); r.make_reporter('json', environment={});"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_the_encoding_of_the_output_lacks_is_escaped():
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\n")
    make_reporter("text", out=out, err=io.StringIO()).show(
        Listing(kind="variants", columns=("name",), rows=(("a \u2192 b",),))
    )
    out.flush()
    assert "a \\u2192 b" in out.buffer.getvalue().decode("cp1252")
