"""Completion scripts: accepted by their shells, and right about what they offer."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from publish_all.cli.application import PublishAllApplication
from publish_all.cli.completion_scripts import SCRIPTS, completed
from publish_all.cli.registry import COMMANDS

PROJECT = """\
[project]
name = "demo"
version = "1.0"

[tool.publish-all.repositories.corp]
url = "https://pypi.corp.example/legacy/"

[tool.publish-all.variants.synapse]
[tool.publish-all.variants.fabric]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


# bash is on every machine that runs these tests; the others are read where they are.
@pytest.mark.parametrize("shell", [each for each in SCRIPTS if each == "bash" or shutil.which(each)])
def test_a_shell_accepts_its_script(shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell](completed(PublishAllApplication())), encoding="utf-8")
    read = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_script_knows_all_commands_and_options(shell, typed):
    script = typed("completions", shell).out
    known = completed(PublishAllApplication())
    assert {each.name for each in known.commands} >= {*COMMANDS, "completions", "help"}
    for command in known.commands:
        assert command.name in script
        for option in command.options:
            assert option.name in script


def complete(words, tmp_path):
    """What bash would offer for the last of these words."""
    script = tmp_path / "script"
    script.write_text(SCRIPTS["bash"](completed(PublishAllApplication())), encoding="utf-8")
    listed = " ".join(f"'{word}'" for word in words)
    source = f"""
        publish-all() {{ echo "asked: $*" | tr ' ' _; printf 'corp\\npypi\\n'; }}
        . {script}
        COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}
        _publish_all
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(["bash", "-c", source], capture_output=True, text=True, cwd=tmp_path)
    assert ended.stderr == ""
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["bui"], {"build"}),
        (["-C", "somewhere", "chec"], {"check"}),
        (["build", "--vari"], {"--variant"}),
        (["-C", "somewhere", "build", "--vari"], {"--variant"}),
        (["build", "--format", ""], {"text", "json"}),
        (["build", "--format", "=", "j"], {"json"}),
        (["build", "--format", "="], {"text", "json"}),
        (["build", "-f", "w"], {"wheel"}),
        (["publish", "-r", "c"], {"corp"}),
        (["publish", "-r", "a"], {"asked:_-C_._completions_--names_repositories"}),
        (["-C", "x", "build", "--variant", "a"], {"asked:_-C_x_completions_--names_variants"}),
        (["login", "c"], {"corp"}),
        (["build", "--reproduce", ""], set()),
        (["completions", "z"], {"zsh"}),
    ],
)
def test_bash_offers_what_fits(words, offered, tmp_path):
    assert complete(["publish-all", *words], tmp_path) == offered


def test_bash_offers_files_where_files_go(tmp_path):
    (tmp_path / "demo-1.0.tar.gz").touch()
    assert complete(["publish-all", "check", "demo"], tmp_path) == {"demo-1.0.tar.gz"}
    assert complete(["publish-all", "-C", "scr"], tmp_path) == set()


def test_names_are_those_of_the_project(project, typed):
    assert typed("-C", str(project), "completions", "--names", "variants").out == "synapse\nfabric\n"
    repositories = typed("-C", str(project), "completions", "--names", "repositories").out.split()
    assert repositories[0] == "corp"
    assert {"pypi", "testpypi", "github", "local"} < set(repositories)


def test_outside_of_a_project_names_are_the_built_in_ones(tmp_path, typed, project):
    (project / "pyproject.toml").unlink()
    assert typed("-C", str(project), "completions", "--names", "variants").out == ""
    assert "pypi" in typed("-C", str(project), "completions", "--names", "repositories").out.split()


def test_the_shell_is_that_of_the_user_unless_it_is_said(typed, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert typed("completions").out.startswith("# fish completion")
    assert typed("completions", "zsh").out.startswith("#compdef")


@pytest.mark.parametrize("arguments", [["tcsh"], ["--names", "colours"]])
def test_what_it_does_not_know_is_a_usage_error(typed, arguments):
    ended = typed("completions", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "one of" in ended.err


def test_zsh_puts_no_options_of_its_own_before_the_kind_of_names(typed):
    script = typed("completions", "zsh").out
    assert "]:NAME: _publish_all_names repositories'" in script
    assert ":_publish_all_names" not in script
