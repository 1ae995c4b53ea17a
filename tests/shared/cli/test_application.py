"""The command line in process: exit codes, what goes to which stream, and what errors say."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cleo.io.inputs.argv_input import ArgvInput
from cleo.io.outputs.stream_output import StreamOutput

from publish_all import __version__
from publish_all.__main__ import main
from publish_all.cli import application
from publish_all.cli.application import PublishAllApplication
from publish_all.cli.registry import COMMANDS, load

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.0"
description = "A demo"
requires-python = ">=3.10"
dependencies = ["attrs>=23"]

[tool.publish-all]
publish-to = ["shelf"]

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "shelf"

[tool.publish-all.variants.lite]
exclude-dependencies = ["attrs"]

[tool.publish-all.variants.full]
extend-dependencies = ["cattrs>=24"]
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("PUBLISH_ALL_", "GITHUB_", "TWINE_", "HATCH_", "POETRY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    root = tmp_path / "demo"
    (root / "demo").mkdir(parents=True)
    (root / "demo" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    (root / "pyproject.toml").write_text(
        PYPROJECT.replace('url = "shelf"', f'url = "{(tmp_path / "shelf").as_posix()}"'), encoding="utf-8"
    )
    return root


def run(directory: Path, *arguments: str) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    code = PublishAllApplication().run(
        ArgvInput(["publish-all", "-C", str(directory), "--no-interaction", *arguments]),
        StreamOutput(out),
        StreamOutput(err),
    )
    return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def test_says_its_version(project: Path) -> None:
    assert __version__ in run(project, "--version").out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_a_description_and_examples(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.description
    assert "Examples:" in command.help


@pytest.mark.parametrize("arguments", [["nosuch"], ["publish", "--nosuch"], ["build", "--variant"]])
def test_ends_with_2_for_what_is_wrong_on_the_command_line(project: Path, arguments: list[str]) -> None:
    ended = run(project, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert "hint: " in ended.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["publish", "--jobs", "0"], "--jobs"),
        (["publish", "--jobs", "many"], "--jobs"),
        (["publish", "--jobs", "inf"], "--jobs"),
        (["publish", "--repository-url", ""], "--repository-url is empty"),
        (["version", "--set", ""], "--set is empty"),
        (["version", "--release="], "--release is empty"),
        (["build", "--output", ""], "--output is empty"),
        (["publish", "--jobs", "1.5"], "--jobs"),
        (["publish", "--timeout", "-1"], "--timeout"),
        (["publish", "--timeout", "nan"], "--timeout"),
        (["publish", "--timeout", "1e400"], "--timeout"),
        (["publish", "--verify-timeout", "inf"], "--verify-timeout"),
        (["serve", "--port", "99999"], "from 0 to 65535"),
        (["serve", "--port", "8080.5"], "from 0 to 65535"),
        (["serve", "--cache-size", "inf"], "--cache-size"),
        (["serve", "--upload-limit", "inf"], "--upload-limit"),
        (["publish", "--auth", "magic"], "--auth"),
        (["publish", "--format", "yaml"], "--format"),
        (["publish", "--format", ""], "--format"),
        (["publish", "--jobs", "1_0"], "--jobs"),
        (["publish", "nosuch.whl"], "nosuch.whl"),
        (["publish", "-r", "shelv"], "shelf"),
        (["publish", "--variant", "lit"], "lite"),
        (["build", "--kind", "egg"], "egg"),
        (["check", "nosuch.whl"], "nosuch.whl"),
        (["variants", "--diff", "ful"], "full"),
    ],
)
def test_names_the_wrong_value_and_the_nearest_right_one(
    project: Path, arguments: list[str], word: str
) -> None:
    ended = run(project, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert word in ended.err


def test_the_trace_of_an_error_comes_beside_all_else_that_is_said_of_it(project: Path) -> None:
    arguments = ("publish", "-r", "shelv", "--format", "json")
    brief, long = run(project, *arguments), run(project, *arguments, "-vvv")
    assert (long.code, json.loads(long.out)) == (2, json.loads(brief.out))
    assert brief.err in long.err
    assert "ConfigurationError" in long.err
    assert "ConfigurationError" not in brief.err


@pytest.mark.parametrize("command", ["publish", "build"])
def test_what_the_system_refuses_is_an_error_like_others(project: Path, command: str) -> None:
    (project / "dist").write_text("no folder", encoding="utf-8")
    ended = run(project, command, "-q")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {project / 'dist'}: ")
    assert "hint: " in ended.err
    assert json.loads(run(project, command, "--format", "json").out)["exit_code"] == 1


def test_tells_of_every_file_that_is_no_distribution(project: Path) -> None:
    names = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]
    for name in names:
        (project / name).write_bytes(b"cut short")
    run(project, "build")
    whole = next((project / "dist").glob("demo_lite*.whl"))
    ended = run(project, "check", *(str(project / name) for name in names), str(whole))
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.count("[PA201 unreadable-archive]") == 2
    assert all(f"{name} is broken" in ended.err for name in names)
    assert "2 of 3 files" in ended.err


def test_builds_nothing_to_check_for_a_repository_that_nobody_knows(project: Path) -> None:
    ended = run(project, "check", "-r", "shelv")
    assert ended.code == 2
    assert "shelf" in ended.err
    assert "built" not in ended.err


def test_counts_the_files_that_it_checks(project: Path) -> None:
    run(project, "build")
    whole = next((project / "dist").glob("demo_lite*.whl"))
    assert re.search(r"check +1 file$", run(project, "check", str(whole)).err, re.MULTILINE)


def test_names_the_key_path_of_a_misspelt_table(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(PYPROJECT.replace("variants.lite", "varaints.lite"), encoding="utf-8")
    ended = run(project, "config")
    assert ended.code == 2
    assert "tool.publish-all.varaints" in ended.err
    assert "variants" in ended.err.replace("varaints", "")


def test_lists_the_variants(project: Path) -> None:
    ended = run(project, "variants")
    assert ended.code == 0
    assert [line.split()[:3] for line in ended.out.splitlines()[1:]] == [
        ["lite", "demo-lite", "1.0"],
        ["full", "demo-full", "1.0"],
    ]


def test_shows_the_difference_of_a_variant(project: Path) -> None:
    ended = run(project, "variants", "--diff", "full")
    assert ended.code == 0
    assert "cattrs>=24" in ended.out
    assert "publish-all" not in ended.out


def test_shows_where_each_setting_comes_from(project: Path) -> None:
    settings = json.loads(run(project, "config", "--format", "json").out)["settings"]
    origins = {each["key"]: each["origin"] for each in settings}
    assert origins["tool.publish-all.publish-to"] == "pyproject.toml:13"
    assert origins["tool.publish-all.dist-dir"] == "default"


def test_builds_publishes_and_has_nothing_left_to_do(project: Path, tmp_path: Path) -> None:
    ended = run(project, "publish")
    assert ended.code == 0, ended.err
    files = sorted(each.name for each in (tmp_path / "shelf").rglob("*") if each.suffix in {".whl", ".gz"})
    assert files == [
        "demo_full-1.0-py3-none-any.whl",
        "demo_full-1.0.tar.gz",
        "demo_lite-1.0-py3-none-any.whl",
        "demo_lite-1.0.tar.gz",
    ]
    again = run(project, "publish", "--no-build", "--format", "json")
    report = json.loads(again.out)
    assert (again.code, report["schema"]) == (0, 1)
    assert sorted(path.name for path in project.iterdir()) == ["demo", "dist", "pyproject.toml"]


def test_a_dry_run_shows_the_plan_and_writes_nothing_there(project: Path, tmp_path: Path) -> None:
    ended = run(project, "publish", "--variant", "lite", "--dry-run")
    assert ended.code == 0, ended.err
    assert "demo_lite-1.0-py3-none-any.whl" in ended.out
    assert "demo_full" not in ended.out
    assert not (tmp_path / "shelf").exists()


def test_refuses_files_that_were_changed_since_they_were_built(project: Path, tmp_path: Path) -> None:
    assert run(project, "build").code == 0
    wheel = project / "dist" / "demo_lite-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")
    ended = run(project, "publish", "--no-build")
    assert ended.code == 4
    assert wheel.name in ended.err
    assert "nothing was uploaded" in ended.err
    assert not (tmp_path / "shelf").exists()


def test_a_failing_before_publish_command_stops_everything(project: Path, tmp_path: Path) -> None:
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8").replace(
        'publish-to = ["shelf"]', 'publish-to = ["shelf"]\nbefore-publish = ["echo broken && exit 3"]'
    )
    path.write_text(text, encoding="utf-8")
    ended = run(project, "publish", "--variant", "lite")
    assert ended.code == 4
    assert "broken" in ended.err
    assert not (tmp_path / "shelf").exists()


def test_a_conflict_ends_with_6_and_uploads_nothing(project: Path, tmp_path: Path) -> None:
    assert run(project, "publish", "--variant", "lite").code == 0
    (project / "demo" / "__init__.py").write_text("x = 2\n", encoding="utf-8")
    ended = run(project, "publish")
    assert ended.code == 6, ended.err
    assert "demo_lite-1.0" in ended.err
    assert not list((tmp_path / "shelf").rglob("demo_full*"))


def test_the_check_of_a_fresh_build_leaves_nothing_behind(project: Path) -> None:
    ended = run(project, "check")
    assert ended.code == 0, ended.err
    assert not (project / "dist").exists()


CORP = """
[tool.publish-all.repositories.corp]
url = "https://pypi.corp.example/legacy/"
"""


def state_corp(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + CORP, encoding="utf-8")


def test_lists_repositories_with_the_credential_that_each_would_be_given(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_corp(project)
    monkeypatch.setenv("PUBLISH_ALL_CORP_TOKEN", "canary-7f3a")
    ended = run(project, "repositories", "--format", "json")
    rows = {each["name"]: each for each in json.loads(ended.out)["repositories"]}
    assert "PUBLISH_ALL_CORP_TOKEN" in rows["corp"]["credential"]
    assert rows["testpypi"]["credential"] == "none found"
    assert rows["shelf"]["credential"] == "not needed"
    assert "canary-7f3a" not in ended.out + ended.err


def test_registers_a_repository_with_another_tool(project: Path, tmp_path: Path) -> None:
    state_corp(project)
    (tmp_path / "home").mkdir()
    ended = run(project, "repositories", "--register", "pypirc", "-r", "corp")
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert "https://pypi.corp.example/legacy/" in (tmp_path / "home" / ".pypirc").read_text(encoding="utf-8")
    assert run(project, "repositories", "--register", "conda").code == 2


def test_prints_the_version_and_nothing_else(project: Path) -> None:
    ended = run(project, "version")
    assert (ended.code, ended.out, ended.err) == (0, "1.0\n", "")


def test_writes_the_version_into_all_places_and_compares_them(project: Path) -> None:
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8") + '\n[tool.publish-all.version]\nsync = ["demo/__init__.py"]\n'
    path.write_text(text, encoding="utf-8")
    module = project / "demo" / "__init__.py"
    module.write_text('__version__ = "0.9"  # keep\n', encoding="utf-8")
    ended = run(project, "version", "--check")
    assert ended.code == 4
    assert "demo/__init__.py:1" in ended.err
    assert run(project, "publish").code == 4
    assert run(project, "version", "--set", "1.1").out == "1.1\n"
    assert module.read_text(encoding="utf-8") == '__version__ = "1.1"  # keep\n'
    assert path.read_text(encoding="utf-8") == text.replace('version = "1.0"', 'version = "1.1"')
    assert run(project, "version", "--check").code == 0
    assert run(project, "version", "--set", "1.2", "--sync").code == 2


def test_a_dry_release_says_what_it_would_do_and_does_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "T")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@e.org")
    for arguments in (["init"], ["add", "."], ["commit", "-m", "work"]):
        subprocess.run(["git", *arguments], cwd=project, check=True, capture_output=True)
    before = (project / "pyproject.toml").read_bytes()
    ended = run(project, "version", "--release", "1.1", "--dry-run")
    assert (ended.code, ended.out) == (0, "1.1\n")
    assert "  write   pyproject.toml:7: 1.0 becomes 1.1\n" in ended.err
    assert "  commit  Release 1.1\n  tag     v1.1\n" in ended.err
    assert "nothing was done" in ended.err
    assert (project / "pyproject.toml").read_bytes() == before


def test_check_tells_what_it_finds_and_where(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "[tool.publish-all.variants.lite]\n",
            '[tool.publish-all.variants.lite]\nlocal-version = "cu126"\ndescription = "Lite"\n',
        ),
        encoding="utf-8",
    )
    ended = run(project, "check", "--variant", "lite", "-r", "pypi")
    assert ended.code == 4
    assert "local-version" in ended.err
    assert "demo_lite-1.0+cu126" in ended.err
    assert "error" in ended.out


def test_each_file_is_checked_for_those_destinations_that_it_goes_to(project: Path) -> None:
    path = project / "pyproject.toml"
    text = PYPROJECT.replace('publish-to = ["shelf"]', 'publish-to = ["pypi", "shelf"]')
    text = text.replace(
        "[tool.publish-all.variants.lite]\n",
        '[tool.publish-all.variants.lite]\nlocal-version = "cu126"\npublish-to = ["shelf"]\n',
    )
    path.write_text(text, encoding="utf-8")
    assert run(project, "check").code == 0
    path.write_text(text.replace('publish-to = ["shelf"]', 'publish-to = ["pypi"]'), encoding="utf-8")
    ended = run(project, "check")
    assert ended.code == 4
    assert "demo_lite-1.0+cu126" in ended.err


def test_without_a_destination_nothing_is_built(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(PYPROJECT.replace('publish-to = ["shelf"]', "publish-to = []"), encoding="utf-8")
    ended = run(project, "publish")
    assert (ended.code, ended.out) == (2, "")
    assert "error: no repository to publish to: tool.publish-all.publish-to is empty" in ended.err
    assert not (project / "dist").exists()


@pytest.mark.parametrize("epoch", ["-5", "soon", "\N{SUPERSCRIPT TWO}", "99999999999"])
def test_a_source_date_that_no_file_can_have_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, epoch: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    ended = run(project, "build")
    assert (ended.code, ended.out) == (2, "")
    assert f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds" in ended.err


def test_a_variant_of_another_version_than_the_project_is_told(project: Path) -> None:
    path = project / "pyproject.toml"
    text = PYPROJECT.replace(
        "[tool.publish-all.variants.full]", '[tool.publish-all.variants.full]\noverlay = "f.toml"'
    )
    path.write_text(
        text.replace("variants.lite]", 'variants.lite]\nlocal-version = "cu126"'), encoding="utf-8"
    )
    (project / "f.toml").write_text('[project]\nversion = "0.9"\n', encoding="utf-8")
    (note,) = [line for line in run(project, "build").err.splitlines() if line.startswith("note")]
    assert "full has the version 0.9 in its own file, but the project has 1.0" in note
    assert "`sync` of [tool.publish-all.version]" in note


@pytest.mark.parametrize(
    ("prefix", "program"),
    [("cache/uv/archive-v0/x1", 'uvx --from "publish-all[cli]" publish-all'), ("venv", "publish-all")],
)
def test_hints_are_commands_that_can_be_pasted_also_under_uvx(
    prefix: str, program: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UV", "/usr/bin/uv")
    monkeypatch.setattr(sys, "prefix", f"/home/ada/{prefix}")
    for arguments, said in (
        (["explain", "PA999"], f"  more: {program} explain PA102\n"),
        (["check", "--nope"], f"  hint: see `{program} check --help`\n"),
        (["chekc"], f"  hint: run `{program} commands` to list the commands\n"),
    ):
        monkeypatch.setattr(sys, "argv", ["publish-all", *arguments])
        assert application.run() == 2
        assert capfd.readouterr().err.endswith(said)


def test_a_python_without_gc_freeze(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr("gc.freeze")
    monkeypatch.setattr(sys, "argv", ["publish-all", "--version"])
    assert main() == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("selected", [["--all"], ["--member", "core"]])
@pytest.mark.parametrize("short", [["-p", "core-canary"], ["-pcore-canary"]])
def test_the_short_option_of_other_workspace_tools_is_refused_and_not_repeated(
    project: Path, selected: list[str], short: list[str]
) -> None:
    ended = run(project, "publish", "-r", "local", *selected, *short)
    assert ended.code == 2
    assert "-p does not select a member" in ended.err
    assert "core-canary" not in ended.out + ended.err
