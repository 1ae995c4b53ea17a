import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from publish_all.builders.backend_hooks import read_only

pytestmark = pytest.mark.skipif(sys.implementation.name != "cpython", reason="audit hooks are CPython's")


def text(folder: Path) -> Path:
    file = folder / "a.txt"
    file.write_text("as it was")
    return file


WRITING = {
    "open": lambda folder: (folder / "a.txt").write_text("changed"),
    "append": lambda folder: (folder / "a.txt").open("a").close(),
    "create": lambda folder: (folder / "new.txt").touch(),
    "os.open": lambda folder: os.close(os.open(folder / "a.txt", os.O_RDWR)),
    "mkdir": lambda folder: (folder / "new").mkdir(),
    "remove": lambda folder: (folder / "a.txt").unlink(),
    "rename away": lambda folder: (folder / "a.txt").rename(folder.parent / "b.txt"),
    "rename into": lambda folder: text(folder.parent).rename(folder / "b.txt"),
    "link": lambda folder: (folder / "new").symlink_to("a.txt"),
    "chmod": lambda folder: (folder / "a.txt").chmod(0o600),
    "truncate": lambda folder: os.truncate(folder / "a.txt", 0),
    "times": lambda folder: os.utime(folder / "a.txt", (0, 0)),
    "remove the tree": shutil.rmtree,
    "another program": lambda folder: subprocess.run([sys.executable, "-c", ""], cwd=folder, check=True),
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING.keys())
def test_what_writes_is_stopped_before_it_does(tmp_path, write):
    folder = tmp_path / "tree"
    folder.mkdir()
    text(folder)
    before = (folder / "a.txt").stat()
    assert read_only(folder, lambda: write(folder) or "done") is None
    assert (folder / "a.txt").read_text() == "as it was"
    after = (folder / "a.txt").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)
    assert [each.name for each in folder.iterdir()] == ["a.txt"]


def test_a_relative_path_and_a_link_into_the_folder_count(tmp_path, monkeypatch):
    folder, link = tmp_path / "tree", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    monkeypatch.chdir(folder)
    assert read_only(folder, lambda: Path("new").touch() or 1) is None
    assert read_only(folder, lambda: (link / "new").touch() or 1) is None
    assert list(folder.iterdir()) == []


def test_code_that_handles_every_error_does_not_hide_that_it_was_stopped(tmp_path):
    def swallowing():
        try:
            (tmp_path / "new").touch()
        except BaseException:  # noqa: BLE001 - as project code may
            return "0+unknown"

    assert read_only(tmp_path, swallowing) is None


def test_what_only_reads_gives_its_answer(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    text(folder)

    def reading():
        with tempfile.TemporaryDirectory() as elsewhere:
            Path(elsewhere, "b").mkdir()
            Path(elsewhere, "b", "c").write_text("x")
        subprocess.run(["git", "--version"], capture_output=True, check=True)
        return (folder / "a.txt").read_text()

    assert read_only(folder, reading) == "as it was"


def test_an_error_of_the_code_itself_is_passed_on(tmp_path):
    with pytest.raises(ZeroDivisionError):
        read_only(tmp_path, lambda: 1 / 0)


def test_nothing_is_stopped_afterwards(tmp_path):
    read_only(tmp_path, lambda: 1)
    (tmp_path / "new").touch()
