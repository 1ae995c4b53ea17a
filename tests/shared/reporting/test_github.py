from __future__ import annotations

import io
from dataclasses import replace

import pytest
from reporting_samples import samples

from publish_all.events import Found
from publish_all.reporting.github_actions import GitHubReporter
from publish_all.reporting.reporter import Reporter
from publish_all.results import FileState, PublishReport


@pytest.fixture
def summary(tmp_path):
    return tmp_path / "summary.md"


def test_findings_become_annotations_once(summary):
    err = io.StringIO()
    reporter = GitHubReporter(Reporter(), err, summary=summary)
    with reporter:
        for finding in (samples.REFUSED, samples.REFUSED, samples.NO_INDEX):
            reporter.listener(Found(finding=finding))
    assert err.getvalue() == (
        "::error title=PA449 upload-refused::corp refuses the file:%0A"
        "the description is too long [31m, 100%25 sure%0Acorp%0AShorten it.\n"
    )


def test_error_is_annotated_with_its_findings(summary):
    err = io.StringIO()
    GitHubReporter(Reporter(), err, summary=summary).error(samples.CONFLICT)
    assert [line.split("::")[1] for line in err.getvalue().splitlines()] == [
        "error title=publish-all",
        "error title=PA410 other-bytes-there",
    ]


def test_job_summary(summary, same_as_golden):
    GitHubReporter(Reporter(), io.StringIO(), summary=summary).show(samples.PARTIAL)
    same_as_golden("summary.md", summary.read_text(encoding="utf-8"))


def test_summary_tells_why_and_what_is_to_be_done(summary):
    refused = replace(samples.file(samples.SYNAPSE, FileState.REFUSED), findings=(samples.REFUSED,))
    repository = replace(
        samples.CORP, releases=(samples.release("kindling-synapse", refused, refused, index="corp.example"),)
    )
    GitHubReporter(Reporter(), io.StringIO(), summary=summary).show(PublishReport(repositories=(repository,)))
    told = summary.read_text(encoding="utf-8")
    assert told.count("- PA449 upload-refused: corp refuses the file: the description is too long") == 1
    assert samples.REFUSED.hint in told
    assert told.endswith("Nothing was uploaded; fix the problems above, then publish again.\n")


def test_summary_is_appended(summary):
    summary.write_text("before\n")
    GitHubReporter(Reporter(), io.StringIO(), summary=summary).show(samples.COMPLETE)
    assert summary.read_text().startswith("before\n## publish-all\n")


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path):
    err = io.StringIO()
    GitHubReporter(Reporter(), err, summary=tmp_path / "nowhere" / "summary.md").show(samples.COMPLETE)
    assert err.getvalue().startswith("::warning title=publish-all::the job summary could not be written: ")


def test_no_summary_outside_a_job_and_for_other_results(summary):
    GitHubReporter(Reporter(), io.StringIO(), summary=None).show(samples.COMPLETE)
    GitHubReporter(Reporter(), io.StringIO(), summary=summary).show(samples.BUILT)
    assert not summary.exists()


def test_what_doctor_finds_is_annotated_but_for_notes():
    err = io.StringIO()
    reporter = GitHubReporter(Reporter(), err, summary=None)
    reporter.show(samples.DOCTOR)
    lines = err.getvalue().splitlines()
    assert [line.split("::")[1].split(" title=")[0] for line in lines] == ["warning", "error"]
    assert "PA401 credential-refused" in lines[1]
