import os
import signal
import subprocess
import sys
import time

import pytest

from publish_all._temporary import sweep, temporary_folder

MARK = ".publish-all-in-use"


def names(place):
    return sorted(each.name for each in place.iterdir())


def test_a_folder_is_gone_after_the_block_whatever_is_in_it(tmp_path):
    with temporary_folder(within=tmp_path) as folder:
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "c").write_text("x")
        assert folder.parent == tmp_path.resolve()
    assert names(tmp_path) == []


@pytest.mark.posix("signals")
def test_what_a_killed_run_left_is_swept_and_what_a_running_one_uses_is_not(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom publish_all._temporary import temporary_folder\n"
        "with temporary_folder(within=Path(sys.argv[1])) as folder:\n"
        "    (folder / 'file').write_text('x'); print(folder, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        folder = process.stdout.readline().strip()
        sweep(tmp_path)
        assert names(tmp_path) == [os.path.basename(folder)]  # noqa: PTH119 - a string of another process
        process.send_signal(signal.SIGKILL)
    with temporary_folder(within=tmp_path) as mine:
        assert names(tmp_path) == [mine.name]


@pytest.mark.parametrize("name", ["publish-all-checkout", "publish-all-abcd1234", "publish-all-x", "other"])
def test_a_folder_without_our_mark_is_not_ours(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "work.py").write_text("x")
    os.utime(folder, (0, 0))
    sweep(tmp_path)
    assert names(folder) == ["work.py"]


def test_an_empty_folder_of_a_run_that_was_killed_at_once_is_swept_after_a_day(tmp_path):
    old, new = tmp_path / "publish-all-abcd1234", tmp_path / ".publish-all-abcd1234"
    old.mkdir()
    new.mkdir()
    os.utime(old, (time.time() - 100_000,) * 2)
    sweep(tmp_path)
    assert names(tmp_path) == [new.name]


@pytest.mark.posix("links")
def test_links_are_not_followed(tmp_path):
    place, other = tmp_path / "place", tmp_path / "other"
    for each in (place, other):
        each.mkdir()
    (other / MARK).write_text("")
    (other / "file").write_text("x")
    (place / "publish-all-abcd1234").symlink_to(other)
    (place / "publish-all-bcde1234").mkdir()
    (place / "publish-all-bcde1234" / MARK).symlink_to(other / MARK)
    sweep(place)
    assert names(other) == [MARK, "file"]
    assert len(names(place)) == 2
