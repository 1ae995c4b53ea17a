from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from publish_all.upload.lock import LOCK_NAME, AlreadyRunningError, CannotLockError, lock

HOLD = """
import sys
from pathlib import Path
from publish_all.upload.lock import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dist" / LOCK_NAME


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


@pytest.mark.skipif(os.name != "posix", reason="Windows locks in another way")
def test_a_file_system_without_locks_is_not_taken_for_another_run(path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(CannotLockError, match="No locks available") as caught, lock(path):
        pytest.fail("there is no lock")
    assert str(path) in caught.value.message
    assert "dist-dir" in caught.value.hint


def test_lock_dies_with_its_process(path, holder):
    holder.kill()
    holder.wait()
    with lock(path):
        assert path.read_text().strip() == str(os.getpid())


def test_released_after_an_error(path):
    with pytest.raises(ZeroDivisionError), lock(path):
        raise ZeroDivisionError
    with lock(path):
        pass
    assert path.read_text() == ""
