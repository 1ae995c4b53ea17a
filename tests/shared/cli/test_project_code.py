"""Where commands and the build backend of a project run, and where they do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from publish_all.commands.build import _in_shell

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo"
dynamic = ["version"]
description = "A demo"
requires-python = ">=3.10"

[tool.hatch.version]
source = "code"
path = "demo/version.py"

[tool.publish-all]
publish-to = ["shelf"]
before-publish = ["echo before >> RAN"]
build-environment = ["DEMO_*"]

[tool.publish-all.repositories.shelf]
kind = "directory"
url = "SHELF"
"""
MANIFEST = "handed-over.json"


class Checkout:
    """A project whose version only its code knows. `ran` gives what code of the project has written since."""

    def __init__(self, root: Path, typed) -> None:
        self.root, self._typed = root, typed
        self._ran = root.parent / "ran"
        (root / "demo").mkdir(parents=True)
        (root / "demo" / "__init__.py").write_text("", encoding="utf-8")
        code = f"with open({str(self._ran)!r}, 'a') as file: file.write('backend\\n')\n__version__ = '1.0'\n"
        (root / "demo" / "version.py").write_text(code, encoding="utf-8")
        text = PYPROJECT.replace("SHELF", (root.parent / "shelf").as_posix())
        self.write(text.replace("RAN", self._ran.as_posix()))

    def write(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")

    def before_publish(self, command: str) -> None:
        text = (self.root / "pyproject.toml").read_text(encoding="utf-8")
        self.write(text.replace("before-publish = [", f"before-publish = ['{command}', "))

    def __call__(self, *arguments: str, code: int = 0):
        ended = self._typed("-C", str(self.root), "-n", *arguments)
        assert ended.code == code, ended
        return ended

    def ran(self) -> set[str]:
        said = self._ran.read_text(encoding="utf-8").split() if self._ran.exists() else []
        self._ran.unlink(missing_ok=True)
        return set(said)

    @property
    def published(self) -> bool:
        return any((self.root.parent / "shelf").rglob("demo-1.0*.whl"))


@pytest.fixture
def checkout(tmp_path: Path, typed) -> Checkout:
    return Checkout(tmp_path / "checkout", typed)


def test_the_job_that_publishes_runs_neither_commands_nor_the_backend(checkout: Checkout) -> None:
    manifest = str(checkout.root / MANIFEST)
    checkout("build", "--manifest", manifest)
    assert checkout.ran() == {"backend", "before"}
    assert "before-publish is not run" in checkout("publish", "--manifest", manifest).err
    assert checkout.ran() == set()
    assert checkout.published


def test_files_that_are_named_are_published_without_commands(checkout: Checkout) -> None:
    checkout("build")
    assert checkout.ran() == {"backend"}
    checkout("publish", *map(str, (checkout.root / "dist").iterdir()))
    assert checkout.ran() == set()
    assert checkout.published


def test_commands_run_where_publish_builds_and_not_with_no_build(checkout: Checkout) -> None:
    checkout("build")
    checkout.ran()
    assert "before-publish is not run" in checkout("publish", "--no-build").err
    assert "before" not in checkout.ran()
    checkout("publish", "--fresh")
    assert checkout.ran() == {"backend", "before"}


def test_a_command_that_fails_keeps_the_manifest_from_being_written(checkout: Checkout) -> None:
    checkout.before_publish("exit 3")
    checkout("build", "--manifest", str(checkout.root / MANIFEST), code=4)
    assert not (checkout.root / MANIFEST).exists()
    checkout("build")


def test_a_manifest_that_states_no_version_is_not_completed_by_the_backend(checkout: Checkout) -> None:
    checkout("build")
    checkout.ran()
    path = checkout.root / MANIFEST
    path.write_text('{"schema": 1, "project": "demo", "distributions": []}', encoding="utf-8")
    assert "does not have the version" in checkout("publish", "--manifest", str(path), code=1).err
    assert checkout.ran() == set()


@pytest.mark.posix("shell")
def test_commands_get_what_a_build_gets_and_what_they_lack_is_told(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEMO_A", "DEMO_TOKEN", "OTHER"):
        monkeypatch.setenv(name, "set")
    checkout.before_publish('test "$DEMO_A$DEMO_TOKEN$OTHER" = set')
    checkout("build", "--manifest", str(checkout.root / MANIFEST))
    checkout.before_publish('test -n "$OTHER"')
    ended = checkout("build", "--manifest", str(checkout.root / MANIFEST), code=4)
    said = " ".join(ended.err.split())
    assert "DEMO_TOKEN, " in said
    assert "OTHER" in said
    assert "tool.publish-all.build-environment" in said


def test_dropped_variables_are_shown_when_they_are_asked_for(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "set")
    assert "OTHER" not in checkout("build").err
    assert "OTHER" in checkout("build", "-v").err


def test_modules_of_the_project_do_not_replace_libraries(checkout: Checkout) -> None:
    for name in ("cleo", "rich", "requests", "platformdirs"):
        (checkout.root / f"{name}.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    command = [sys.executable, "-m", "publish_all", "--version"]
    done = subprocess.run(command, cwd=checkout.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_shell_of_windows_gets_the_quotes_as_they_are():
    assert _in_shell('echo "a b" & exit 3', "nt") == 'cmd /d /s /c "echo "a b" & exit 3"'
    assert _in_shell('echo "a b"', "posix") == ("/bin/sh", "-c", 'echo "a b"')
