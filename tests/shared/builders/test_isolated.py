"""Isolated environments, made of wheels that lie here: nothing is fetched."""

import math
import os
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from publish_all._temporary import temporary_folder
from publish_all.builders.build_environment import interpreter_for
from publish_all.builders.builder import BuildSettings
from publish_all.config.folders import Folders, HostFolders
from publish_all.errors import BuildError


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


@pytest.fixture
def isolated(tmp_path):
    """The interpreter for requirements. Environments are kept in `cache`."""

    def isolated(requirements, *more, refresh=False, since=math.inf, events=None):
        with temporary_folder() as workspace:
            return interpreter_for(
                requirements,
                more=lambda _: more,
                settings=BuildSettings(os.environ, refresh=refresh, since=since, folders=folders(tmp_path)),
                workspace=workspace,
                listener=(events if events is not None else []).append,
            )

    return isolated


def folders(tmp_path):
    hosts = HostFolders(**dict.fromkeys(("poetry", "hatch", "uv", "pdm", "pypirc"), tmp_path / "nothing"))
    return Folders(config=tmp_path, data=tmp_path, hosts=hosts, cache=tmp_path / "cache")


@pytest.fixture
def links(tmp_path, monkeypatch):
    """A folder that the installer finds wheels in, and the only one."""
    made = tmp_path / "links"
    made.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(made))
    monkeypatch.setenv("UV_FIND_LINKS", str(made))
    return made


def imports(interpreter, modules):
    command = [interpreter.executable, "-I", "-c", f"import {modules}"]
    return subprocess.run(command, env=dict(interpreter.environment), capture_output=True).returncode == 0


def test_an_environment_is_used_again_for_the_same_requirements(isolated, links):
    for name in ("one", "two"):
        wheel(links, name)
    first = isolated(["one"])
    assert imports(first, "one")
    assert not imports(first, "two")
    assert isolated(["one"]).executable == first.executable
    assert first.installed == isolated(["one"]).installed == ("one==1.0",)
    both = isolated(["one"], "two")
    assert imports(both, "one, two")
    assert both.executable == isolated(["two", "one"]).executable != first.executable


def test_it_is_resolved_again_after_a_day_and_where_that_is_asked_for(isolated, links, monkeypatch):
    wheel(links, "one")
    first = isolated(["one"]).executable
    second = isolated(["one"], refresh=True).executable
    assert second != first
    assert isolated(["one"], refresh=True, since=time.time() - 600).executable == second
    monkeypatch.setattr("publish_all.builders.isolated.LASTS", -1.0)
    assert isolated(["one"]).executable not in {first, second}


def test_an_older_one_serves_where_no_new_one_can_be_made(isolated, links, monkeypatch):
    wheel(links, "one")
    first = isolated(["one"]).executable
    for each in links.iterdir():
        each.unlink()
    monkeypatch.setattr("publish_all.builders.isolated.LASTS", -1.0)
    events = []
    assert isolated(["one"], events=events).executable == first
    assert "is reused, because no new one can be made: cannot install" in events[0].message
    with pytest.raises(BuildError, match="cannot install the build requirements"):
        isolated(["one"], refresh=True)


def test_an_environment_whose_python_is_gone_is_made_again(isolated, links):
    wheel(links, "one")
    first = Path(isolated(["one"]).executable)
    first.unlink()
    assert Path(isolated(["one"]).executable).exists()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"executable": 1, "installed": 2, "made": "x"}', b"\xff"])
def test_a_broken_note_of_what_was_made_is_replaced(isolated, links, tmp_path, content):
    wheel(links, "one")
    isolated(["one"])
    (note,) = tmp_path.glob("cache/build-environments/*/current.json")
    note.write_bytes(content)
    assert imports(isolated(["one"]), "one")


def test_what_was_replaced_and_what_nobody_uses_goes(isolated, links, tmp_path):
    for name in ("one", "two"):
        wheel(links, name)
    first, unused = Path(isolated(["one"]).executable), Path(isolated(["two"]).executable)
    os.utime(first.parents[2], (0, 0))
    os.utime(unused.parents[3] / "current.json", (0, 0))
    isolated(["one"], refresh=True)
    assert not first.exists()
    assert not unused.parents[3].exists()


def test_what_was_used_in_the_last_day_stays_as_a_build_may_still_run_there(isolated, links):
    wheel(links, "one")
    first = Path(isolated(["one"]).executable)
    os.utime(first.parents[2], (0, 0))
    isolated(["one"])
    isolated(["one"], refresh=True)
    assert first.exists()


def test_an_environment_is_kept_in_a_cache_that_is_a_link(isolated, links, tmp_path):
    wheel(links, "one")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to("elsewhere")
    first = isolated(["one"]).executable
    assert isolated(["one"]).executable == first


def test_pip_installs_there_also_where_the_user_has_it_install_for_the_user(isolated, links, monkeypatch):
    monkeypatch.setenv("PIP_USER", "1")
    wheel(links, "one")
    assert imports(isolated(["one"]), "one")


def test_requirements_that_are_files_are_installed_each_time_as_their_content_may_change(isolated, tmp_path):
    requirement = wheel(tmp_path, "one")
    found = isolated([requirement])
    assert not Path(found.executable).exists()
    assert not list((tmp_path / "cache").rglob("*"))


def test_a_cache_that_cannot_be_written_is_done_without(isolated, links, tmp_path):
    wheel(links, "one")
    (tmp_path / "cache").write_text("a file")
    assert isolated(["one"]).installed == ("one==1.0",)


def test_a_cache_that_can_only_be_read_serves_and_gets_nothing_new(isolated, links, tmp_path, monkeypatch):
    wheel(links, "one")
    first = isolated(["one"]).executable
    monkeypatch.setattr("os.access", lambda *_: False)  # it is root who runs these tests in CI
    utime = os.utime

    def refused(path, *times, **more):
        if Path(path).is_relative_to(tmp_path / "cache"):
            raise PermissionError
        utime(path, *times, **more)  # on Windows files are copied with their times

    monkeypatch.setattr("os.utime", refused)
    assert isolated(["one"]).executable == first
    assert not Path(isolated(["one"], refresh=True).executable).is_relative_to(tmp_path / "cache")
    assert isolated(["one"]).executable == first


def test_a_requirement_that_cannot_be_installed_is_told_with_what_the_installer_says(isolated, tmp_path):
    said = r"cannot install the build requirements \(not-here\): .*not-here"
    with pytest.raises(BuildError, match=said) as caught:
        isolated(["not-here"])
    assert "not from the project" in str(caught.value.hint)
    assert not list(tmp_path.glob("cache/build-environments/*/*"))


def test_modules_of_the_current_folder_do_not_take_part(isolated, links, tmp_path, monkeypatch):
    wheel(links, "one")
    here = tmp_path / "project"
    here.mkdir()
    for name in ("build", "venv", "pip", "uv", "json"):
        (here / f"{name}.py").write_text("raise SystemExit('of the project')\n")
    monkeypatch.chdir(here)
    assert Path(isolated(["one"]).executable).exists()
