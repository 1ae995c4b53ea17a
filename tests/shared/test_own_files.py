from __future__ import annotations

import os
from pathlib import Path

import pytest

from publish_all._own_files import open_own, read_own

posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes are made in another way on Windows")


def test_reads_what_was_written(tmp_path: Path) -> None:
    with os.fdopen(open_own(tmp_path / "own", os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.write(b"ours")
    assert read_own(tmp_path / "own") == b"ours"


def test_one_that_is_not_there_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "own")


@posix
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR | os.O_APPEND])
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_refused(tmp_path: Path, flags: int, there: bool) -> None:
    target = tmp_path / "target"
    if there:
        target.write_text("precious")
    (tmp_path / "own").symlink_to(target)
    with pytest.raises(OSError, match=r".+"):
        open_own(tmp_path / "own", flags)
    assert target.exists() is there


@posix
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own")
    with pytest.raises(OSError, match="not a regular file"):
        read_own(tmp_path / "own")


@posix
def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_own(tmp_path)
