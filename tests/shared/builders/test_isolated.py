"""Isolated environments, made of wheels that lie here: nothing is fetched."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from publish_all.builders.build_environment import interpreter_for
from publish_all.errors import BuildError
from publish_all.events import ignore


@pytest.fixture(autouse=True)
def _no_index(monkeypatch):
    for name in ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"):
        monkeypatch.setenv(name, "1")
    # What the worker imports is wanted beside.
    monkeypatch.setattr("publish_all.builders.build_environment._WORKER_REQUIRES", ())


def wheel(folder, name):
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(f"{name}.py", "")
        opened.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        opened.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return f"{name} @ {path.as_uri()}"


def isolated(requirements, workspace, *more):
    return interpreter_for(
        requirements,
        more=lambda _: more,
        environment=os.environ,
        workspace=workspace,
        listener=ignore,
        lookup=lambda _: None,
    )


def test_more_is_installed_into_the_same_environment_which_goes_at_the_end(tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with isolated([wheel(tmp_path, "one")], workspace, wheel(tmp_path, "two")) as interpreter:
        assert Path(interpreter.executable).is_relative_to(workspace)
        command = [interpreter.executable, "-I", "-c", "import one, two"]
        subprocess.run(command, check=True, env=dict(interpreter.environment))
    assert not Path(interpreter.executable).exists()


def test_a_requirement_that_cannot_be_installed_is_told_with_what_the_installer_says(tmp_path):
    said = r"cannot install what the build needs \(not-here\): .*not-here"
    with pytest.raises(BuildError, match=said) as caught, isolated(["not-here"], tmp_path):
        pytest.fail("there is no such package")
    assert "not of the project's" in str(caught.value.hint)


def test_modules_of_the_current_folder_do_not_take_part(tmp_path, monkeypatch):
    here = tmp_path / "project"
    here.mkdir()
    for name in ("build", "venv", "pip", "uv", "json"):
        (here / f"{name}.py").write_text("raise SystemExit('of the project')\n")
    monkeypatch.chdir(here)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    with isolated([wheel(tmp_path, "one")], workspace) as interpreter:
        assert Path(interpreter.executable).exists()
