"""The use case version: tell, check, sync, set, release."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from publish_all.commands.context import Runtime
from publish_all.commands.version import VersionOptions, VersionResult, version
from publish_all.errors import UsageError, VersionError
from publish_all.events import Event, Found
from publish_all.version.version_source import NoProjectVersion, Origin

STATIC = """\
[project]
name = "demo"
version = "1.2.3"

[tool.publish-all.version]
sync = ["demo.py"]
"""
GIT = """\
[project]
name = "demo"
dynamic = ["version"]

[tool.publish-all.version]
source = "git"
sync = ["demo.py"]
"""
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "T",
    "GIT_AUTHOR_EMAIL": "t@e.org",
    "GIT_COMMITTER_NAME": "T",
    "GIT_COMMITTER_EMAIL": "t@e.org",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def project(root: Path, pyproject: str, says: str = "1.2.3") -> Path:
    (root / "pyproject.toml").write_text(pyproject)
    (root / "demo.py").write_text(f'__version__ = "{says}"\n')
    return root


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(root: Path, *tags: str) -> Path:
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "work")
    for tag in tags:
        git(root, "tag", tag)
    return root


def call(root: Path, **options: Any) -> VersionResult:
    runtime = Runtime(home=root)
    return version(VersionOptions(directory=root, runtime=runtime, **options))


def test_tells_the_version(root: Path) -> None:
    result = call(project(root, STATIC))
    assert (result.text, result.exit_code) == ("1.2.3", 0)
    assert result.version is not None
    assert result.version.origin is Origin.PROJECT


def test_check_agrees(root: Path) -> None:
    result = call(project(root, STATIC), check=True)
    assert [each.where for each in result.places] == ["pyproject.toml:3", "demo.py:1"]
    assert (result.compared, result.findings, result.exit_code) == (True, (), 0)


def test_check_tells_each_place_that_differs(root: Path) -> None:
    heard: list[Event] = []
    options = VersionOptions(
        directory=project(root, STATIC, says="1.2.2"),
        check=True,
        runtime=Runtime(home=root, listener=heard.append),
    )
    result = version(options)
    (finding,) = result.findings
    assert (finding.code, finding.where) == ("PA230", "demo.py:1")
    assert finding.message == "demo.py:1 has 1.2.2, but the version is 1.2.3"
    assert heard == [Found(finding=finding)]
    assert result.exit_code == 4


def test_check_compares_a_git_version_only_where_it_is_tagged(root: Path) -> None:
    committed(project(root, GIT, says="1.0"), "v1.2.3")
    assert [each.where for each in call(root, check=True).findings] == ["demo.py:1"]
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    result = call(root, check=True)
    assert (result.text, result.compared, result.findings) == ("1.2.4.dev1", False, ())
    assert [each.says for each in result.places] == ["1.0"]


def test_sync_writes_the_places_that_differ(root: Path) -> None:
    result = call(project(root, STATIC, says="1.2.2"), sync=True)
    assert [(each.where, each.says) for each in result.changed] == [("demo.py:1", "1.2.2")]
    assert (root / "demo.py").read_text() == '__version__ = "1.2.3"\n'
    assert call(root, sync=True).changed == ()


def test_sync_between_tags_is_refused(root: Path) -> None:
    committed(project(root, GIT), "v1.2.3")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "more")
    with pytest.raises(UsageError, match=r"1\.2\.4\.dev1 is between two tags") as caught:
        call(root, sync=True)
    assert "--release" in str(caught.value.hint)


def test_set_writes_all_places(root: Path) -> None:
    result = call(project(root, STATIC), set_to="1.3.0")
    assert (result.text, len(result.changed)) == ("1.3.0", 2)
    assert (root / "demo.py").read_text() == '__version__ = "1.3.0"\n'
    assert call(root).text == "1.3.0"


@pytest.mark.parametrize("options", [{"set_to": "1.3.0"}, {"sync": True}, {"release": "1.3.0"}])
def test_a_dry_run_writes_nothing(options: dict[str, Any], root: Path) -> None:
    committed(project(root, STATIC, says="1.2.2"))
    result = call(root, dry_run=True, **options)
    assert "demo.py:1" in [each.where for each in result.changed]
    assert (git(root, "status", "--porcelain"), git(root, "tag")) == ("", "")


def test_release_shows_its_plan_first_and_may_be_refused(root: Path) -> None:
    committed(project(root, STATIC))
    shown = []

    def refuse(plan: Any) -> bool:
        shown.append((plan.tag, [each.where for each in plan.changes], git(root, "tag")))
        return False

    result = call(root, release="1.3.0", confirm=refuse)
    assert shown == [("v1.3.0", ["pyproject.toml:3", "demo.py:1"], "")]
    assert (result.released, git(root, "tag"), call(root).text) == (False, "", "1.2.3")


def test_release_makes_the_release(root: Path) -> None:
    committed(project(root, STATIC))
    result = call(root, release="1.3.0")
    assert result.released
    assert result.release is not None
    assert result.release.push.startswith("git push --atomic origin ")
    assert (git(root, "describe"), git(root, "status", "--porcelain")) == ("v1.3.0", "")
    assert call(root, check=True).exit_code == 0


def test_release_of_a_git_version_needs_no_version_before(root: Path) -> None:
    committed(project(root, GIT))
    with pytest.raises(VersionError, match="no tag like v1"):
        call(root)
    result = call(root, release="0.1.0")
    assert (result.version, result.text) == (None, "0.1.0")
    assert call(root, check=True).exit_code == 0
    assert call(root).text == "0.1.0"


@pytest.mark.parametrize("options", [{"check": True, "sync": True}, {"set_to": "1", "release": "2"}])
def test_refuses_what_does_not_go_together(options: dict[str, Any], root: Path) -> None:
    with pytest.raises(UsageError, match="cannot be combined"):
        call(project(root, STATIC), **options)


def test_a_project_of_variants_alone_has_no_version(root: Path) -> None:
    text = '[tool.publish-all.variants.one]\npyproject = "one.toml"\n'
    (root / "pyproject.toml").write_text(text)
    with pytest.raises(NoProjectVersion, match="only its build variants"):
        call(root)
