from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from publish_all.commands.state import LOCK_NAME, AlreadyRunningError, CannotLockError, lock

HOLD = """
import sys
from pathlib import Path
from publish_all.commands.state import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / LOCK_NAME


@pytest.fixture
def holder(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.stdin.close()


def test_second_run_is_told_who_holds_the_lock(path, holder):
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid} holds") as caught, lock(path):
        pytest.fail("two hold the lock")
    assert caught.value.exit_code == 1


@pytest.mark.posix("locks")
def test_a_file_system_without_locks_is_not_taken_for_another_run(path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(CannotLockError, match="No locks available") as caught, lock(path):
        pytest.fail("there is no lock")
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", ["PRIVATE KEY\nline\n", "1234 and more"])
def test_a_file_that_is_not_ours_keeps_its_content(path, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(CannotLockError, match="not a lock file"), lock(path):
        pytest.fail("somebody's file was locked")
    assert path.read_text() == content


@pytest.mark.posix("links")
def test_a_link_is_not_followed(path, tmp_path):
    target = tmp_path / "empty"
    target.touch()
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(CannotLockError), lock(path):
        pytest.fail("the target of the link was locked")


def test_a_folder_that_cannot_be_made_is_no_lock(path):
    path.parent.write_text("a file")
    with pytest.raises(CannotLockError), lock(path):
        pytest.fail("there is no lock")


def test_lock_dies_with_its_process(path, holder):
    holder.kill()
    holder.wait()
    with lock(path) as killed:
        assert killed
        assert path.read_text().strip() == str(os.getpid())


def test_a_process_that_ends_in_order_was_not_killed(path, holder):
    holder.stdin.close()
    holder.wait()
    assert path.read_text() == ""
    with lock(path) as killed:
        assert not killed


def test_released_after_an_error(path):
    with pytest.raises(ZeroDivisionError), lock(path):
        raise ZeroDivisionError
    with lock(path) as killed:
        assert not killed
