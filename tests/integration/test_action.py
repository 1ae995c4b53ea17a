"""`uses: OWNER/publish-all@v0`, from this checkout, in a job with nothing installed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from harness.environments import ROOT
from oidc_index import OidcIndex
from test_init import Checkout, add, bare_hatch
from test_written_workflows import VERSIONED
from workflow_runner import Runner

JOB = """\
on: {workflow_dispatch: }
permissions: {}
jobs:
  it:
    runs-on: ubuntu-latest
    permissions: {contents: read%s}
    steps:
      - uses: actions/checkout@v7
        with: {persist-credentials: false}
      - uses: OWNER/publish-all@v0
        with: %s
        env: {EXTRA: '${{ secrets.PYPI_TOKEN }}'}
      - run: cat "$GITHUB_STEP_SUMMARY"
"""


def job(runner: Runner, environment: dict[str, str], inputs: dict[str, str], *, trusted: bool = False) -> str:
    """What the step of the action printed, and the summary of the job."""
    project = bare_hatch(runner.project)
    more = ", id-token: write" if trusted else ""
    inputs = {"python-version": f"{sys.version_info[0]}.{sys.version_info[1]}", **inputs}
    add(project, {"pyproject.toml": VERSIONED, ".github/workflows/it.yml": JOB % (more, json.dumps(inputs))})
    Checkout(project, environment)  # commits it
    used = replace(runner, composites={"OWNER/publish-all": ROOT})
    (done,) = used.run("it.yml", event="workflow_dispatch")
    assert done.result == "success", str(done)
    return str(done)


def test_publishes_with_the_identity_of_the_job(
    runner: Runner, environment: dict[str, str], job_index: OidcIndex
) -> None:
    said = job(runner, environment, {"repository": "pypi", "options": "--auth oidc"}, trusted=True)
    assert len(job_index.uploads) == 2
    assert "bare_hatch-0.0.1-py3-none-any.whl" in said.partition("GITHUB_STEP_SUMMARY")[2]  # the summary


def test_runs_another_command_in_a_folder_with_the_words_of_its_options(
    runner: Runner, environment: dict[str, str]
) -> None:
    said = job(runner, environment, {"command": "variants", "options": "--format json -C ."})
    assert '"name": "bare-hatch"' in said


def test_options_are_not_run_by_the_shell(
    runner: Runner, environment: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="does not exist"):
        job(runner, environment, {"command": "version", "options": f"--no$(touch${{IFS}}{tmp_path}/made) *"})
    assert not (tmp_path / "made").exists()
