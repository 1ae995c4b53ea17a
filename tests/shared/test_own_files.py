from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from publish_all._own_files import open_own, read_own, replace_open, try_lock, write_whole


def test_reads_what_was_written(tmp_path: Path) -> None:
    with os.fdopen(open_own(tmp_path / "own", os.O_WRONLY | os.O_CREAT), "wb") as file:
        file.write(b"ours")
    assert read_own(tmp_path / "own") == b"ours"


def test_one_that_is_not_there_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "own")


@pytest.mark.posix("links")
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


@pytest.mark.posix("pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own")
    with pytest.raises(OSError, match="not a regular file"):
        read_own(tmp_path / "own")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"not a regular file|denied"):
        read_own(tmp_path)


def refusals(monkeypatch: pytest.MonkeyPatch, *, winerror: int | None, times: int) -> list[float]:
    """Refuse to replace files so many times, as Windows does; the pauses that were made are in the list."""
    pauses: list[float] = []
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if len(pauses) < times:
            error = PermissionError(errno.EACCES, "open elsewhere")
            error.winerror = winerror  # type: ignore[attr-defined,unused-ignore]  # which only Windows sets
            raise error
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def test_a_file_that_somebody_has_open_is_replaced_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = refusals(monkeypatch, winerror=32, times=3)
    write_whole(tmp_path / "own", b"new")
    assert (tmp_path / "own").read_bytes() == b"new"
    assert len(pauses) == 3


@pytest.mark.parametrize(("winerror", "tried"), [(5, 7), (None, 0)])
def test_a_file_that_cannot_be_replaced_is_an_error_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winerror: int | None, tried: int
) -> None:
    (tmp_path / "new").touch()
    pauses = refusals(monkeypatch, winerror=winerror, times=100)
    with pytest.raises(PermissionError):
        replace_open(tmp_path / "new", tmp_path / "own")
    assert len(pauses) == tried
    assert sum(pauses) <= 1


@pytest.mark.parametrize(
    ("error", "answer"), [(PermissionError(13, "locked"), False), (OSError(22, "Invalid argument"), None)]
)
def test_only_the_error_of_a_locked_file_says_that_another_has_it(
    monkeypatch: pytest.MonkeyPatch, error: OSError, answer: bool | None
) -> None:
    def lock(descriptor: int) -> None:
        raise error

    monkeypatch.setattr("publish_all._own_files._lock", lock)
    if answer is None:
        with pytest.raises(OSError, match="Invalid argument"):
            try_lock(0)
    else:
        assert try_lock(0) is answer
