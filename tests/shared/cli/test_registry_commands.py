"""`list`, `download`, `finalize`, `yank`, `delete` and `publish --receipt`, as far as they need no registry."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput

from publish_all.cli.application import PublishAllApplication


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


def test_list_is_for_packages_and_commands_lists_commands(run):
    assert "packages in a registry" in run("list", "--help").out
    for words in (("commands",), ()):
        ended = run(*words)
        assert ended.code == 0
        for name in ("list", "download", "finalize", "publish"):
            assert f"\n  {name} " in ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("list", "-r", "pypi", "demo"), "pypi is a package index"),
        (("list", "-r", "nowhere", "demo"), "no repository 'nowhere'"),
        (("list", "demo"), "for github is unknown"),
        (("list", "demo", "--format", "yaml"), "--format"),
        (("download", "-r", "github", "demo"), "for github is unknown"),
        (("download",), "arguments"),
        (("finalize",), "arguments"),
        (("yank",), "arguments"),
        (("yank", "-r", "pypi", "demo==1", "--reason", ""), "--reason is empty"),
        (("unyank", "-r", "nowhere", "demo==1"), "no repository 'nowhere'"),
        (("delete", "-r", "local", "demo"), "is not a release"),
        (("delete", "-r", "pypi", "demo==1", "-y"), "https://pypi.org/manage/project/demo/release/1/"),
        (("finalize", "absent.json"), "absent.json can't be read"),
        (
            ("publish", "-r", "pypi", "--receipt", "r.json", "x.whl"),
            "--receipt needs a repository of the kind oci",
        ),
    ],
)
def test_what_goes_wrong_before_any_request_is_a_usage_error(run, words, says):
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_a_receipt_of_somewhere_else_and_of_nothing(run, tmp_path):
    (tmp_path / "r.json").write_text('{"schema": 1, "kind": "something", "releases": []}')
    ended = run("finalize", "-r", "github", "r.json")
    assert ended.code == 2
    assert "r.json is not a receipt" in ended.err


@pytest.mark.parametrize("text", ["not a name!", "demo @ https://a.example/x.whl", "demo>="])
def test_what_is_no_requirement_is_named(run, text, monkeypatch):
    monkeypatch.setenv("GITHUB_REPOSITORY_OWNER", "sep")
    ended = run("download", "-r", "github", text)
    assert ended.code == 2
    assert repr(text) in ended.err
