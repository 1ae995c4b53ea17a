"""Completions: scripts that their shells accept, and what is offered for a line."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from publish_all.cli.completions import SCRIPTS
from publish_all.cli.registry import COMMANDS, load

PROJECT = """\
[project]
name = "demo"
version = "1.0"

[tool.publish-all.repositories.corp]
url = "https://pypi.corp.example/legacy/"

[tool.publish-all.variants.synapse]
[tool.publish-all.variants.fabric]
# A shell would run or expand these.
[tool.publish-all.variants."$(touch${IFS}it)"]
[tool.publish-all.variants."f*"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


# bash is on every POSIX machine that runs these tests; the others are read where they are.
@pytest.mark.posix("shell")
@pytest.mark.parametrize("shell", [each for each in SCRIPTS if each == "bash" or shutil.which(each)])
def test_a_shell_accepts_its_script(shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell], encoding="utf-8")
    read = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["bui"], {"build"}),
        (["-C", "somewhere", "chec"], {"check"}),
        (["build", "--vari"], {"--variant"}),
        (["build", "--direc"], {"--directory"}),
        (["-C", "somewhere", "build", "--vari"], {"--variant"}),
        (["build", "--format", ""], {"text", "json"}),
        (["build", "-f", "w"], {"wheel"}),
        (["publish", "-r", "c"], {"corp"}),
        (["build", "--variant", ""], {"synapse", "fabric"}),
        (["login", "c"], {"corp"}),
        (["build", "--reproduce", ""], set()),
        (["check", "demo"], set()),
        (["completions", "z"], {"zsh"}),
    ],
)
def test_offers_what_fits(words, offered, project, typed, monkeypatch):
    monkeypatch.chdir(project)
    lines = typed("completions", "--offer", "--", *words).out.splitlines()
    assert {each.partition("\t")[0] for each in lines} == offered


def test_every_command_and_option_is_offered(typed):
    def offered(*words):
        lines = typed("completions", "--offer", "--", *words).out.splitlines()
        return {each.partition("\t")[0] for each in lines}

    assert offered("") >= {*COMMANDS, "completions", "help"}
    for name in COMMANDS:
        assert offered(name, "--") >= {f"--{each.name}" for each in load(name).options}


@pytest.mark.posix("shell")
def test_bash_asks_for_what_it_completes(tmp_path):
    source = """
        publish-all() { local IFS=_; printf 'asked:%s\\tWhat for\\nsecond\\t\\n' "$*"; }
        . ./script
        COMP_WORDS=(publish-all -C 'a b' publish -r c); COMP_CWORD=5
        _publish_all
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    (tmp_path / "script").write_text(SCRIPTS["bash"], encoding="utf-8")
    ended = subprocess.run(["bash", "-c", source], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.stdout, ended.stderr) == ("asked:completions_--offer_--_-C_a b_publish_-r_c\nsecond\n", "")


def test_names_are_those_of_the_project(project, typed):
    def offered(*words):
        lines = typed("completions", "--offer", "--", "-C", str(project), *words).out.splitlines()
        return [each.partition("\t")[0] for each in lines]

    assert offered("publish", "--variant", "") == ["synapse", "fabric"]
    assert {"corp", "pypi", "testpypi", "github", "local"} <= set(offered("publish", "-r", ""))
    (project / "pyproject.toml").unlink()
    assert offered("publish", "--variant", "") == []
    assert "pypi" in offered("publish", "-r", "")


def test_the_shell_is_that_of_the_user_unless_it_is_said(typed, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert typed("completions").out.startswith("# fish completion")
    assert typed("completions", "zsh").out.startswith("#compdef")


def test_a_shell_that_it_does_not_know_is_a_usage_error(typed):
    ended = typed("completions", "tcsh")
    assert (ended.code, ended.out) == (2, "")
    assert "one of" in ended.err
