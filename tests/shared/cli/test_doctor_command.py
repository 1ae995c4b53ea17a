"""`publish-all doctor` and `publish-all explain` as they are typed."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput

from publish_all.cli.application import PublishAllApplication

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"
license = "MIT"

[tool.publish-all]
publish-to = ["local"]
before-publish = ["false"]
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        code = PublishAllApplication().run(
            ArgvInput(["publish-all", *words]), StreamOutput(out), StreamOutput(err)
        )
        return Ended(code, out.getvalue(), err.getvalue())

    return run


def test_the_verdict_is_on_stdout_and_in_the_exit_code(run, tmp_path):
    ended = run("doctor", "--offline")
    assert ended.code == 2
    assert "error       PA101 configuration-invalid" in ended.out
    assert ended.out.splitlines()[-2] == "Not ready: a publish would end with exit code 2 (1 error)"
    assert ended.out.splitlines()[-1] == "more about a code: publish-all explain PA101"
    assert ended.err == ""


def test_json_holds_reasons_and_what_was_not_tested(run, tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    ended = run("doctor", "--offline", "--no-build", "--format", "json", "-r", "nowhere", "-r", "local")
    value = json.loads(ended.out)
    assert (ended.code, value["exit_code"], value["ready"], value["schema"]) == (2, 2, False, 1)
    project, nowhere, local = value["examined"]
    assert [each["code"] for each in project["findings"]] == ["PA102"]
    assert any("before-publish" in each for each in project["untested"])
    assert nowhere["findings"][0]["why"].startswith("publish-all does not guess")
    assert (local["name"], local["findings"]) == ("local", [])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("doctor", "--format", "yaml"), "--format"),
        (("doctor", "--auth", "what"), "--auth"),
        (("explain",), "arguments"),
        (("explain", "PA999"), "no code PA999 found"),
    ],
)
def test_usage_errors(run, words, says):
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_explain(run):
    ended = run("explain", "github-has-no-python-registry")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("PA443 github-has-no-python-registry (error)\n")
    assert json.loads(run("explain", "PA443", "--format", "json").out)["code"] == "PA443"
