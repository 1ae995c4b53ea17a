from __future__ import annotations

import io
import json
from dataclasses import dataclass

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput

from publish_all import __version__
from publish_all._http_errors import Failure, HttpError
from publish_all._toml import loads
from publish_all.cli.application import PublishAllApplication
from publish_all.cli.command import UseCaseCommand
from publish_all.commands.scaffold import tool_source

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "demo"
    (folder / ".git").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    monkeypatch.chdir(folder)
    page = f"publish_all-{__version__}-py3-none-any.whl"
    monkeypatch.setattr(tool_source, "read_page", lambda url: page)
    return folder


@pytest.fixture
def run(project, monkeypatch):
    def run(*words, typed=None):
        """`typed` are the answers of a person at a terminal, None for nobody there."""
        monkeypatch.setattr(UseCaseCommand, "can_ask", property(lambda _: typed is not None))
        out, err = io.StringIO(), io.StringIO()
        given = ArgvInput(["publish-all", "init", *words])
        given.set_stream(Terminal("".join(f"{each}\n" for each in typed or ())))
        code = PublishAllApplication().run(given, StreamOutput(out), StreamOutput(err))
        return Ended(code, out.getvalue(), err.getvalue())

    return run


def ours(project):
    return loads((project / "pyproject.toml").read_text())["tool"]["publish-all"]


def test_writes_what_it_has_shown_and_tells_what_to_do_on_the_web(run, project):
    ended = run("-n")
    assert ended.code == 0
    assert '+publish-to = ["pypi"]' in ended.err
    assert "+name: publish" in ended.err
    assert "pyproject.toml was written" in ended.err
    assert ended.out.startswith("Next, on the web:\n\n1. PyPI: a pending publisher for demo\n")
    assert "publish-all doctor" in ended.out
    assert ours(project) == {"publish-to": ["pypi"]}
    assert (project / ".github/workflows/publish.yml").is_file()


def test_shows_and_writes_nothing_in_a_dry_run(run, project):
    ended = run("--dry-run")
    assert '+publish-to = ["pypi"]' in ended.err
    assert "nothing was written" in ended.err
    assert (project / "pyproject.toml").read_text() == PROJECT
    assert not (project / ".github").exists()


def test_says_that_there_is_nothing_to_change(run):
    run("-n")
    assert "nothing to change" in run("-n").err


def test_takes_flags(run, project):
    run(
        "-n", "-r", "corp=https://pypi.corp.example/legacy/", "--version-source", "git", "--ci", "github", "--ci",
        "gitlab", "--trigger", "tag", "--test", "make test", "--no-split", "--existing-projects",
    )  # fmt: skip
    assert ours(project)["publish-to"] == ["corp"]
    workflow = (project / ".github/workflows/publish.yml").read_text()
    assert "make test" in workflow
    assert "--no-build" not in workflow
    assert "tags: ['v[0-9]*', '[0-9]*']" in workflow
    assert (project / ".gitlab-ci.yml").is_file()


def test_writes_no_ci_where_none_is_wanted(run, project):
    run("-n", "--ci", "none")
    assert not (project / ".github").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--ci", "jenkins"), "Use one of: github, gitlab, none"),
        (("--trigger", "moon"), "Use one of: release, tag"),
        (("--version-source", "x"), "Use one of: project, git, attribute"),
        (("-r", "githib"), "no repository 'githib' found"),
        (("--format", "xml"), "--format"),
        (("--from-workflow", "none.yml"), "none.yml: cannot be read"),
    ],
)
def test_what_is_wrong_on_the_command_line_ends_with_2(run, words, says):
    ended = run("-n", *words)
    assert ended.code == 2
    assert says in ended.err


def test_gives_json(run):
    steps = json.loads(run("-n", "--format", "json").out)["steps"]
    assert steps[0] == {"action": "change", "target": "pyproject.toml", "fields": None}
    assert steps[2]["target"] == "https://pypi.org/manage/account/publishing/"
    assert "PyPI Project Name: demo" in steps[2]["fields"]


def test_asks_a_person_with_the_usual_answer_in_brackets(run, project):
    ended = run("--test", "make test", typed=["pypi github", "git", "github", "both", "no", "no", "yes"])
    assert "Setting up demo. Press Enter to accept the answer in brackets." in ended.err
    assert "[pypi]" in ended.err
    assert ours(project) == {"publish-to": ["pypi", "github"], "version": {"source": "git"}}
    workflow = (project / ".github/workflows/publish.yml").read_text()
    assert "testpypi" not in workflow
    assert "run: make test\n" in workflow
    assert "types: [published]" in workflow
    assert "tags:" in workflow


def test_asks_again_after_an_answer_that_will_not_do(run, project):
    ended = run(typed=["githib", "pypi", "nowhere", "project", "none"])
    assert "no repository 'githib' found. Known are" in ended.err
    assert "'nowhere' is not a valid answer. Use one of: project, git, attribute" in ended.err
    assert not (project / ".github").exists()


def test_writes_nothing_without_a_yes(run, project):
    ended = run(typed=["", "", "none", "no"])
    assert "nothing was written" in ended.err
    assert (project / "pyproject.toml").read_text() == PROJECT


def test_does_not_ask_what_flags_state(run):
    ended = run("-r", "pypi", "--ci", "none", "--version-source", "project", typed=["yes"])
    assert "Publish to" not in ended.err


def test_variants_may_be_declined(run, project):
    (project / "configs").mkdir()
    (project / "configs" / "a.toml").write_text(PROJECT.replace('"demo"', '"demo-a"'))
    run("-r", "pypi", "--ci", "none", typed=["", "no", "yes"])
    assert ours(project) == {"publish-to": ["pypi"]}
    run("-r", "pypi", "--ci", "none", typed=["", "yes", "yes"])
    assert ours(project)["variants"] == {"a": {"pyproject": "configs/a.toml"}}


def test_a_workflow_that_is_named_from_the_current_folder_is_the_one_that_is_replaced(run, project):
    workflows = project / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "publish.yml").write_text(
        "on: release\njobs:\n  a:\n    steps:\n      - run: twine upload dist/*\n"
    )
    ended = run("-n", "--from-workflow", ".github/workflows/publish.yml")
    assert "-      - run: twine upload dist/*" in ended.err
    assert [each.name for each in workflows.iterdir()] == ["publish.yml"]


def test_says_where_the_index_does_not_have_publish_all(run, monkeypatch):
    asked = []
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://ada:s3cr3t@index.corp.example/simple")
    monkeypatch.setattr(tool_source, "read_page", asked.append)
    ended = run("-n", "--dry-run")
    assert asked == ["https://ada:s3cr3t@index.corp.example/simple/publish-all/"]
    assert "https://index.corp.example/simple has no publish-all" in ended.err
    assert "`publish-all init --source git+https://HOST/PATH`" in ended.err
    assert "s3cr3t" not in ended.err
    run("-n", "--dry-run", "--source", "index")
    assert len(asked) == 1


def test_an_index_that_does_not_answer_is_a_note(run, monkeypatch):
    def fail(url):
        raise HttpError("no", failure=Failure.REFUSED, url=url)

    monkeypatch.setattr(tool_source, "read_page", fail)
    ended = run("-n", "--dry-run")
    assert (ended.code, "could not be checked for publish-all" in ended.err) == (0, True)
