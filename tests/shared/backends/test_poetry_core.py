"""The PEP 517 and 660 backend: poetry-core's own output for a copy that states the version."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from poetry.core.masonry import api as vanilla

from publish_all.backends import poetry_core as ours

PYPROJECT = """\
# our project
[project]
name = "my-demo"
DYNAMIC
requires-python = ">=3.10"
readme = "README.md"

[tool.poetry]
packages = [{ include = "demo", from = "src" }]

[build-system]
requires = ["publish-all"]
build-backend = "publish_all.backends.poetry_core"

[tool.publish-all.version]
source = "git"
"""
DYNAMIC = PYPROJECT.replace("DYNAMIC", 'dynamic = ["version"]')
STATIC = PYPROJECT.replace("DYNAMIC", 'version = "1.2.3"')
POETRY_ALONE = (
    '[tool.poetry]\nname = "my-demo"\ndescription = ""\nauthors = []\npackages = [{ include = "src" }]\n'
)
HOOKS = ("build_wheel", "build_sdist", "build_editable")


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


def write(root: Path, pyproject: str) -> Path:
    (root / "src/demo").mkdir(parents=True)
    (root / "src/demo/__init__.py").write_text("x = 1\n")
    (root / "README.md").write_text("# demo\n")
    (root / "pyproject.toml").write_text(pyproject)
    return root


def commit(root: Path) -> Path:
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "work")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = commit(write(tmp_path / "project", DYNAMIC))
    git(root, "tag", "v1.2.3")
    return root


def run(backend: Any, hook: str, root: Path, output: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(root)
    output.mkdir(parents=True, exist_ok=True)
    return output / getattr(backend, hook)(str(output))


def metadata_of(path: Path) -> Any:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            name = next(each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
            return Parser().parsestr(wheel.read(name).decode())
    with tarfile.open(path) as sdist:
        (member,) = [each for each in sdist.getmembers() if each.name.endswith("/PKG-INFO")]
        file = sdist.extractfile(member)
        assert file is not None
        return Parser().parsestr(file.read().decode())


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


@pytest.mark.parametrize("hook", HOOKS)
def test_the_bytes_are_those_of_a_static_copy(
    hook: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An editable wheel holds the path of its project, so the copy takes the project's place.
    built = run(ours, hook, project, tmp_path / "ours", monkeypatch)
    monkeypatch.chdir(tmp_path)  # Windows moves no folder in which a process works
    project.rename(tmp_path / "dynamic")
    commit(write(project, STATIC))
    expected = run(vanilla, hook, project, tmp_path / "theirs", monkeypatch)
    assert built.name == expected.name
    assert built.read_bytes() == expected.read_bytes()


def test_the_metadata_hooks_say_the_version(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for hook in ("prepare_metadata_for_build_wheel", "prepare_metadata_for_build_editable"):
        folder = tmp_path / hook
        folder.mkdir()
        name = getattr(ours, hook)(str(folder))
        assert name == "my_demo-1.2.3.dist-info"
        assert "\nVersion: 1.2.3\n" in (folder / name / "METADATA").read_text()


@pytest.mark.parametrize("hook", ["wheel", "sdist", "editable"])
def test_poetry_core_is_asked_for_where_it_is_not_there(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = getattr(ours, f"get_requires_for_build_{hook}")
    assert asked() == []
    monkeypatch.setattr(ours, "find_spec", lambda _: None)
    assert asked({"some": "setting"}) == ["poetry-core>=2.1"]


def test_nothing_is_written_to_the_tree(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(project)
    for hook in HOOKS:
        run(ours, hook, project, tmp_path / hook, monkeypatch)
    assert tree(project) == before
    assert git(project, "status", "--porcelain") == ""


def test_between_tags(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "more")
    wheel = run(ours, "build_wheel", project, tmp_path / "out", monkeypatch)
    assert wheel.name == "my_demo-1.2.4.dev1-py3-none-any.whl"
    assert metadata_of(wheel)["Version"] == "1.2.4.dev1"


def test_the_sdist_builds_the_same_wheel_anywhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = run(ours, "build_wheel", project, tmp_path / "out", monkeypatch)
    sdist = run(ours, "build_sdist", project, tmp_path / "out", monkeypatch)
    # Unpacked inside another repository, which has a tag of its own.
    other = tmp_path / "other"
    commit(write(other, STATIC))
    git(other, "tag", "v9.9")
    with tarfile.open(sdist) as opened:
        opened.extractall(other, filter="data")
    unpacked = other / "my_demo-1.2.3"
    assert (unpacked / "pyproject.toml").read_text() == STATIC
    for backend in (ours, vanilla):
        again = run(backend, "build_wheel", unpacked, tmp_path / backend.__name__, monkeypatch)
        assert again.read_bytes() == wheel.read_bytes()
    again = run(ours, "build_sdist", unpacked, tmp_path / "again", monkeypatch)
    assert again.read_bytes() == sdist.read_bytes()


def test_a_read_only_tree(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [project, *(each for each in project.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(0o555)
    try:
        names = [
            run(ours, hook, project, tmp_path / "out", monkeypatch).name
            for hook in ("build_sdist", "build_wheel")
        ]
    finally:
        for each in folders:
            each.chmod(0o755)
    assert names == ["my_demo-1.2.3.tar.gz", "my_demo-1.2.3-py3-none-any.whl"]


BUILD = """
import sys
from publish_all.backends import poetry_core
print(poetry_core.build_sdist(sys.argv[1]), poetry_core.build_wheel(sys.argv[1]))
print(*sorted(name for name in HEAVY if name in sys.modules))
""".replace(
    "HEAVY",
    repr(["requests", "keyring", "cleo", "rich", "tomlkit", "platformdirs", "build", "poetry.factory"]),
)


def build_in_a_process(project: Path, output: Path) -> list[str]:
    output.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(output)], cwd=project, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_four_builds_at_once(project: Path, tmp_path: Path) -> None:
    before = tree(project)
    said: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda n=n: said.append(build_in_a_process(project, tmp_path / f"out{n}")))
        for n in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said == [["my_demo-1.2.3.tar.gz my_demo-1.2.3-py3-none-any.whl", ""]] * 4
    contents = {path.read_bytes() for n in range(4) for path in (tmp_path / f"out{n}").glob("*.tar.gz")}
    assert len(contents) == 1
    assert tree(project) == before


def test_only_light_modules_are_imported(project: Path, tmp_path: Path) -> None:
    assert build_in_a_process(project, tmp_path / "out")[1] == ""


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        (STATIC.replace("1.2.3", "7.0"), "7.0"),
        (
            POETRY_ALONE + 'version = "7.1"\n',
            "7.1",
        ),
        (
            DYNAMIC.replace("[tool.poetry]", '[tool.poetry]\nversion = "7.2"').replace('"git"', '"project"'),
            "7.2",
        ),
        (DYNAMIC.replace("[tool.poetry]", '[tool.poetry]\nversion = "0.0.0"'), "1.2.3"),
        (POETRY_ALONE + '[tool.publish-all.version]\nsource = "git"\n', "1.2.3"),
        (DYNAMIC.replace('source = "git"', 'source = "attribute"\npath = "v.py"'), "3.4"),
    ],
    ids=[
        "static",
        "static of Poetry",
        "dynamic of Poetry",
        "placeholder",
        "Poetry's table alone",
        "attribute",
    ],
)
def test_who_says_the_version(
    pyproject: str, expected: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text(pyproject)
    (project / "v.py").write_text('__version__ = "3.4"\n')
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--amend", "-m", "work")
    git(project, "tag", "-f", "v1.2.3")
    for hook in ("build_wheel", "build_sdist"):
        assert metadata_of(run(ours, hook, project, tmp_path / "out", monkeypatch))["Version"] == expected


@pytest.mark.parametrize(
    ("pyproject", "message"),
    [
        (DYNAMIC, "no tag like v1.2.3 was found on the checked-out commit"),
        (DYNAMIC, r"Tag a commit \(git tag v0.1.0\), or set tool.publish-all.version.fallback."),
        (DYNAMIC.replace('"git"', '"project"'), "is configured to take it from the"),
        (DYNAMIC.replace('"git"', '"gti"'), "did you mean 'git'"),
    ],
)
def test_no_version_is_an_error_with_the_next_step(
    pyproject: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = commit(write(tmp_path / "project", pyproject))
    for hook in HOOKS:
        with pytest.raises(RuntimeError, match=message):
            run(ours, hook, root, tmp_path / "out", monkeypatch)
    assert list((tmp_path / "out").iterdir()) == []


def test_poetry_core_itself_is_as_before(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ours, "build_wheel", project, tmp_path / "out", monkeypatch)
    with pytest.raises(RuntimeError, match="required in package mode"):
        run(vanilla, "build_wheel", project, tmp_path / "out", monkeypatch)


def test_the_version_of_a_local_label_is_poetry_cores_business(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    name = ours.build_sdist(str(tmp_path), {"local-version": "lab"})
    monkeypatch.chdir(tmp_path)
    project.rename(tmp_path / "dynamic")
    commit(write(project, STATIC))
    monkeypatch.chdir(project)
    (tmp_path / "theirs").mkdir()
    assert name == vanilla.build_sdist(str(tmp_path / "theirs"), {"local-version": "lab"})
    assert (tmp_path / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
