from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import textwrap

import pytest
from upload_fakes.repository import distribution

from publish_all.results import FileState
from publish_all.upload.journal import (
    JOURNAL_NAME,
    Journal,
    JournalEntry,
    JournalError,
    open_journal,
    read_journal,
)

ONE, TWO = distribution("one"), distribution("two")
URL = "https://pypi.example/legacy/"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / JOURNAL_NAME


def write(path, *records):
    with open_journal(path, wall=lambda: 1_700_000_000.0) as journal:
        for state, file in records:
            journal.record(state, [file], repository="pypi", url=URL)


def states(path):
    return {entry.filename: entry.state for entry in read_journal(path).entries.values()}


def test_no_file_before_the_first_record(path):
    with open_journal(path):
        pass
    assert not path.exists()


def test_header_then_one_line_for_each_change(path):
    write(path, (FileState.STARTED, ONE), (FileState.PUBLISHED, ONE))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"journal": "publish-all", "schema": 1}
    assert lines[1] == {
        "at": 1700000000.0,
        "state": "started",
        "filename": ONE.filename,
        "repository": "pypi",
        "sha256": ONE.digests.sha256,
        "url": URL,
    }
    assert lines[2]["state"] == "published"


def test_last_state_counts_and_later_runs_append(path):
    write(path, (FileState.STARTED, ONE))
    write(path, (FileState.PUBLISHED, ONE), (FileState.STARTED, TWO))
    assert states(path) == {ONE.filename: FileState.PUBLISHED, TWO.filename: FileState.STARTED}
    assert path.read_text().count("schema") == 1


def test_credentials_in_a_url_are_not_written(path):
    with open_journal(path) as journal:
        journal.record(
            FileState.STARTED, [ONE], repository="corp", url="https://user:hunter2@corp.example/up/"
        )
        assert journal.entry(ONE.digests.sha256, "https://other:word@corp.example/up/") is not None
    assert "hunter2" not in path.read_text()


def test_kept_in_memory_without_a_path():
    with open_journal(None) as journal:
        journal.record(FileState.PUBLISHED, [ONE], repository="pypi", url=URL)
        assert journal.public


@pytest.mark.parametrize("cut", range(1, 60))
def test_half_written_last_line_is_passed_over_and_cut_off(path, cut):
    write(path, (FileState.STARTED, ONE), (FileState.PUBLISHED, ONE))
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    assert states(path) == {ONE.filename: FileState.STARTED}
    write(path, (FileState.STARTED, TWO))
    assert states(path) == {ONE.filename: FileState.STARTED, TWO.filename: FileState.STARTED}


def test_half_written_header_is_an_empty_journal(path):
    write(path, (FileState.STARTED, ONE))
    path.write_bytes(path.read_bytes()[:7])
    assert states(path) == {}
    write(path, (FileState.STARTED, TWO))
    assert states(path) == {TWO.filename: FileState.STARTED}


def test_zeros_at_the_end_are_what_a_power_cut_leaves(path):
    write(path, (FileState.STARTED, ONE))
    with path.open("ab") as opened:
        opened.write(b"\0" * 100)
    assert states(path) == {ONE.filename: FileState.STARTED}


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense\n",
        b"[]\n",
        b"{}\n",
        b'{"state": "started"}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"at": 1'
        + b"0" * 400
        + b', "state": "started", "sha256": "", "url": "", "repository": "", "filename": ""}\n',
    ],
    ids=["no JSON", "a list", "no keys", "few keys", "not UTF-8", "deep", "a time without end"],
)
def test_damage_in_the_middle_is_an_error_that_says_what_to_do(path, damage):
    write(path, (FileState.STARTED, ONE), (FileState.PUBLISHED, ONE))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], damage, lines[2]]))
    with pytest.raises(JournalError, match="line 2 is not a journal record") as caught:
        read_journal(path)
    assert str(path) in caught.value.message
    assert "--fresh" in caught.value.hint
    assert [each.filename for each in read_journal(path, damaged=True).public] == [ONE.filename]


def test_journal_of_a_later_schema_is_refused(path):
    path.parent.mkdir()
    path.write_text('{"journal": "publish-all", "schema": 2}\n{}\n')
    with pytest.raises(JournalError, match="is not a journal"):
        read_journal(path)


def test_file_of_somebody_else_is_refused(path):
    path.parent.mkdir()
    path.write_text('{"name": "something"}\n{}\n')
    with pytest.raises(JournalError, match="is not a journal"):
        read_journal(path)


@pytest.mark.parametrize(
    ("records", "unfinished"),
    [
        ([], False),
        ([(FileState.PLANNED, ONE)], False),
        ([(FileState.PUBLISHED, ONE), (FileState.VISIBLE, TWO)], True),
        ([(FileState.UNVERIFIED, ONE), (FileState.VISIBLE, TWO)], False),
        ([(FileState.PUBLISHED, ONE), (FileState.PLANNED, TWO)], True),
        ([(FileState.PUBLISHED, ONE), (FileState.FAILED, TWO)], True),
        ([(FileState.UPLOADED, ONE)], True),
        ([(FileState.STARTED, ONE)], True),
        ([(FileState.FAILED, ONE), (FileState.PLANNED, TWO)], False),
        ([(FileState.SKIPPED, ONE), (FileState.FAILED, TWO)], False),
    ],
)
def test_unfinished_means_that_something_may_be_public_and_something_is_not(path, records, unfinished):
    write(path, *records)
    history = read_journal(path)
    assert history.unfinished([ONE.digests.sha256, TWO.digests.sha256]) is unfinished
    assert history.complete is not unfinished


def test_other_files_are_not_unfinished(path):
    write(path, (FileState.STARTED, ONE))
    assert not read_journal(path).unfinished([TWO.digests.sha256])


def test_unfinished_in_another_repository_counts(path):
    write(path, (FileState.PUBLISHED, ONE))
    with open_journal(path) as journal:
        journal.record(FileState.PLANNED, [ONE], repository="github", url="https://ghcr.example/")
    assert read_journal(path).unfinished([ONE.digests.sha256])


def test_what_can_be_read_of_a_damaged_journal(path):
    write(path, (FileState.PUBLISHED, ONE), (FileState.STARTED, TWO))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([b"nonsense\n", lines[1], b"nonsense\n", b"[]\n", b"\xff\n", *lines[2:]]))
    readable = read_journal(path, damaged=True)
    assert [each.filename for each in readable.public] == [ONE.filename, TWO.filename]


@pytest.mark.posix("signals")
def test_records_survive_a_kill(path):
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from publish_all.results import FileState
        from publish_all.upload.journal import JournalEntry, open_journal
        with open_journal(Path(sys.argv[1])) as journal:
            for number in range(10_000):
                journal.append([JournalEntry(at=number, state=FileState.STARTED, sha256=str(number),
                                             url="u", repository="r", filename="f")])
                print(number, flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as child:
        told = [int(child.stdout.readline()) for _ in range(20)]
        child.send_signal(signal.SIGKILL)
    entries = read_journal(path).entries
    assert {str(each) for each in told} <= {sha256 for sha256, _ in entries}


@pytest.mark.parametrize("at", [1_700_000_061.0, 4e9, float("inf"), float("nan")])
def test_times_from_the_future_do_not_count(path, at):
    now = 1_700_000_000.0
    write(path, (FileState.STARTED, ONE))
    with open_journal(path, wall=lambda: at) as journal:
        journal.append(
            [
                JournalEntry(
                    at=at,
                    state=FileState.PUBLISHED,
                    sha256=ONE.digests.sha256,
                    url=URL,
                    repository="pypi",
                    filename=ONE.filename,
                )
            ]
        )
    (entry,) = read_journal(path, now=now).entries.values()
    assert entry.state is FileState.STARTED


def test_a_clock_that_was_set_back_a_little_forgets_nothing(path):
    write(path, (FileState.STARTED, ONE))
    assert len(read_journal(path, now=1_700_000_000.0 - 59).entries) == 1


@pytest.mark.posix("links")
def test_a_link_is_neither_read_nor_written_through(path, tmp_path):
    target = tmp_path / "elsewhere"
    write(target, (FileState.STARTED, ONE))
    before = target.read_bytes()
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(path)
    journal = Journal()
    journal.path = path
    with pytest.raises(OSError, match=r".+"):
        journal.record(FileState.PUBLISHED, [ONE], repository="pypi", url=URL)
    assert target.read_bytes() == before


def test_one_line_of_somebody_else_is_not_cut_off(path):
    path.parent.mkdir()
    path.write_text("PRIVATE KEY")
    with pytest.raises(JournalError, match="is not a journal"), open_journal(path):
        pytest.fail("it was taken for half a header")
    assert path.read_text() == "PRIVATE KEY"


def test_what_a_full_disk_did_not_take_is_cut_off(path, monkeypatch):
    real = io.FileIO.write

    class HalfFull(io.FileIO):
        full = False

        def write(self, data):
            return real(self, data[: len(data) // 2]) if HalfFull.full else real(self, data)

    monkeypatch.setattr("publish_all.upload.journal.io.FileIO", HalfFull)
    with open_journal(path) as journal:
        journal.record(FileState.STARTED, [ONE], repository="pypi", url=URL)
        whole = path.read_bytes()
        HalfFull.full = True
        with pytest.raises(OSError, match="space"):
            journal.record(FileState.PUBLISHED, [ONE], repository="pypi", url=URL)
        HalfFull.full = False
        assert path.read_bytes() == whole
        journal.record(FileState.STARTED, [TWO], repository="pypi", url=URL)
    assert states(path) == {ONE.filename: FileState.STARTED, TWO.filename: FileState.STARTED}


@pytest.mark.posix("modes")
def test_only_its_owner_may_read_it(path):
    write(path, (FileState.STARTED, ONE))
    assert path.stat().st_mode & 0o777 == 0o600
