"""Poetry's own commands on projects whose version publish-all tells."""

from __future__ import annotations

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from cleo.events.console_command_event import ConsoleCommandEvent
from cleo.events.console_events import COMMAND, TERMINATE
from cleo.events.console_terminate_event import ConsoleTerminateEvent
from cleo.testers.application_tester import ApplicationTester
from poetry.console.application import Application

from poetry_publish_all.plugin import PRIORITY, prepare_version

# A dependency of Poetry warns when it is first imported.
pytestmark = pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")

PYPROJECT = """\
[project]
name = "demo"
description = "A demo."
dynamic = ["version"]
requires-python = ">=3.10"
license = "MIT"
authors = [{ name = "T", email = "t@e.org" }]

[tool.poetry]
packages = [{ include = "demo" }]

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"

[tool.publish-all.version]
"""
GIT = PYPROJECT + 'source = "git"\n'
ATTRIBUTE = PYPROJECT + 'source = "attribute"\npath = "demo/__init__.py"\nsync = ["conf.toml"]\n'


def git(root: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{key}": "t@e" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **who, **clean},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"POETRY_{name}_DIR", str(tmp_path / name))
    monkeypatch.setenv("POETRY_VIRTUALENVS_CREATE", "false")
    root = tmp_path / "project"
    (root / "demo").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def project(root: Path, pyproject: str, *tags: str) -> Path:
    (root / "demo/__init__.py").write_text('__version__ = "3.4.0"\n')
    (root / "conf.toml").write_text('[project]\nversion = "3.4.0"\n')
    (root / "pyproject.toml").write_text(pyproject)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "work")
    for tag in tags:
        git(root, "tag", tag)
    return root


class Poetry(Application):
    """Poetry with our listener alone: no plugins that happen to be installed."""

    def __init__(self) -> None:
        super().__init__()
        self._plugins_loaded = True
        self.auto_exits(False)
        codes: list[int] = []

        def prepare(event: ConsoleCommandEvent, *_: object) -> None:
            code = prepare_version(self, event)
            codes.extend(() if code is None else (code,))

        def terminate(event: ConsoleTerminateEvent, *_: object) -> None:
            if codes:
                event.set_exit_code(codes.pop())

        self.event_dispatcher.add_listener(COMMAND, prepare, PRIORITY)
        self.event_dispatcher.add_listener(TERMINATE, terminate)


def poetry(arguments: str) -> tuple[int, str]:
    tester = ApplicationTester(Poetry())
    code = tester.execute(arguments)
    return code, tester.io.fetch_output() + tester.io.fetch_error()


def test_version_shows_the_tag(root: Path) -> None:
    project(root, GIT, "v1.2.3")
    assert poetry("version") == (0, "demo 1.2.3\n")
    assert poetry("version --short") == (0, "1.2.3\n")


def test_version_shows_the_attribute(root: Path) -> None:
    project(root, ATTRIBUTE)
    assert poetry("version --short") == (0, "3.4.0\n")


def test_check_is_content_without_a_placeholder(root: Path) -> None:
    project(root, GIT, "v1.2.3")
    assert poetry("check") == (0, "All set!\n")


def test_no_version_is_told_with_the_next_step(root: Path) -> None:
    project(root, GIT)
    code, said = poetry("version")
    assert code == 1
    assert "no tag like v1.2.3 was found" in said
    assert "Tag a commit (git tag v0.1.0)" in said


def test_build_states_the_version_and_writes_nothing_to_the_tree(root: Path, tmp_path: Path) -> None:
    project(root, GIT, "v1.2.3")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    code, said = poetry(f"build --output {tmp_path / 'out'}")
    assert code == 0
    assert "Building demo (1.2.4.dev1)" in said
    with tarfile.open(tmp_path / "out/demo-1.2.4.dev1.tar.gz") as sdist:
        file = sdist.extractfile("demo-1.2.4.dev1/pyproject.toml")
        assert file is not None
        assert file.read().decode() == GIT.replace('dynamic = ["version"]', 'version = "1.2.4.dev1"')
    assert zipfile.is_zipfile(tmp_path / "out/demo-1.2.4.dev1-py3-none-any.whl")
    assert git(root, "status", "--porcelain") == ""


def test_install_sees_the_version_and_a_lock_outlives_it(root: Path) -> None:
    project(root, GIT, "v1.2.3")
    assert poetry("lock")[0] == 0
    code, said = poetry("install --only-root --dry-run")
    assert code == 0
    assert "demo (1.2.3)" in said
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    assert poetry("check --lock") == (0, "All set!\n")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("minor", "Bumping version from 3.4.0 to 3.5.0\n"),
        ("--short prerelease", "3.4.1a0\n"),
        ("5.0", "Bumping version from 3.4.0 to 5.0\n"),
    ],
)
def test_a_rule_acts_on_the_attribute_and_its_places(rule: str, said: str, root: Path) -> None:
    project(root, ATTRIBUTE)
    assert poetry(f"version {rule}") == (0, said)
    new = said.rsplit(maxsplit=1)[-1]
    assert (root / "demo/__init__.py").read_text() == f'__version__ = "{new}"\n'
    assert (root / "conf.toml").read_text() == f'[project]\nversion = "{new}"\n'
    assert (root / "pyproject.toml").read_text() == ATTRIBUTE


def test_a_dry_run_shows_and_writes_nothing(root: Path) -> None:
    project(root, ATTRIBUTE)
    assert poetry("version minor --dry-run") == (0, "Bumping version from 3.4.0 to 3.5.0\n")
    assert git(root, "status", "--porcelain") == ""


def test_a_rule_for_a_git_version_says_how(root: Path) -> None:
    project(root, GIT, "v1.2.3")
    code, said = poetry("version minor")
    assert code == 1
    assert "the version comes from git tags" in said
    assert "publish-all version --release 1.3.0" in said
    assert "Bumping" not in said


def test_a_rule_for_a_static_version_keeps_its_places_in_step(root: Path) -> None:
    static = PYPROJECT.replace('dynamic = ["version"]', 'version = "3.4.0"  # by hand')
    project(root, static + 'sync = ["conf.toml"]\n')
    assert poetry("version patch")[0] == 0
    assert (root / "pyproject.toml").read_text() == (static + 'sync = ["conf.toml"]\n').replace(
        "3.4.0", "3.4.1"
    )
    assert (root / "conf.toml").read_text() == '[project]\nversion = "3.4.1"\n'


def test_a_project_that_is_not_ours_is_poetrys(root: Path) -> None:
    text = PYPROJECT.removesuffix("[tool.publish-all.version]\n")
    project(root, text.replace('dynamic = ["version"]', 'version = "3.4.0"'), "v1.2.3")
    assert poetry("version minor") == (0, "Bumping version from 3.4.0 to 3.5.0\n")
    assert 'version = "3.5.0"' in (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(text)
    code, said = poetry("version")
    assert code == 1
    assert "is required in package mode" in said


def test_a_path_dependency_has_its_own_version(root: Path) -> None:
    other = root.parent / "other"
    (other / "demo").mkdir(parents=True)
    project(other, GIT.replace('"demo"\ndesc', '"other"\ndesc'), "v7.7")
    text = GIT.replace('license = "MIT"', 'license = "MIT"\ndependencies = ["other @ file:../other"]')
    project(root, text.replace("file:../other", other.as_uri()), "v1.2.3")
    assert poetry("lock")[0] == 0
    assert 'version = "7.7"' in (root / "poetry.lock").read_text()
    assert poetry("version --short") == (0, "1.2.3\n")
