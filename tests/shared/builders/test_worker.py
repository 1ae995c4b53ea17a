"""What the build worker builds by which builder."""

import os
import sysconfig
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from publish_all.builders.builder import BuildRequest
from publish_all.builders.deflate import DeflateCache
from publish_all.builders.source_tree import SourceTree
from publish_all.builders.worker import build_all
from publish_all.events import Note

FILES = {
    "README.md": "# Demo\n",
    "src/demo/__init__.py": "",
    "src/demo/internal/__init__.py": "",
    "data/a.txt": "a",
    ".gitignore": "*.env\n",
    "src/demo/secret.env": "secret",
}
BACKENDS = {"hatchling": "hatchling.build", "poetry-core": "poetry.core.masonry.api"}


def pyproject(backend):
    return {
        "build-system": {"requires": [backend], "build-backend": BACKENDS[backend]},
        "project": {"name": "demo-x", "version": "1.0", "description": "d", "readme": "README.md"},
    }


@pytest.fixture
def build(make_tree, make_variant, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    root = make_tree({**FILES, "pyproject.toml": "# the variant's is built\n"})
    notes = []

    def build(backend, folder):
        variant = make_variant(
            pyproject(backend), exclude=("demo/internal/**",), force_include={"data": "demo/data"}
        )
        output = tmp_path / folder
        output.mkdir()
        request = BuildRequest(root=root, output=output, variants=(variant,))
        result = build_all(
            request, leave_out=(), workspace=tmp_path / f"{folder}-work", listener=notes.append
        )
        return [output / each.filename for each in result.files]

    build.notes = notes
    return build


def test_says_where_git_has_put_crlf(build, monkeypatch):
    monkeypatch.setattr(SourceTree, "crlf", lambda tree: ("README.md", "a.txt"))
    build("hatchling", "unknown")
    (crlf,) = (each.message for each in build.notes if isinstance(each, Note))
    assert crlf.startswith("git wrote CRLF line ends into 2 files (core.autocrlf), such as README.md: ")


def members(path: Path) -> list[str]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            return sorted(opened.namelist())
    with tarfile.open(path) as opened:
        return sorted(each.name for each in opened if each.isfile())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stage_gives_the_files_of_the_build_in_place(build, backend, monkeypatch):
    sdist, wheel = build(backend, "in-place")
    monkeypatch.setenv("PUBLISH_ALL_BUILD", "stage")
    staged_sdist, staged_wheel = build(backend, "staged")
    assert members(staged_wheel) == members(wheel)
    assert "demo/data/a.txt" in members(wheel)
    held = [each.partition("/")[2] for each in members(staged_sdist)]
    assert "src/demo/__init__.py" in held
    assert not [each for each in held if "internal" in each or each.endswith(".env")]
    assert sdist.name == staged_sdist.name


def test_says_where_python_writes_archives_in_an_unknown_way(build, monkeypatch):
    # This `zipfile` asks nobody to deflate.
    monkeypatch.setattr(DeflateCache, "in_use", lambda self, **options: nullcontext())
    build("hatchling", "unknown")
    (note,) = (each.message for each in build.notes if isinstance(each, Note))
    assert note.startswith("this Python writes archives in an unknown way")
