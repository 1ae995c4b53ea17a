"""The journal: after a power cut, a full disk, or an older or newer publish-all."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from fuzz_inputs import altered_json, fuzz, in_time, long, near
from hypothesis import given
from hypothesis import strategies as st

from publish_all.upload.journal import JournalError, read_journal

HEADER = b'{"journal": "publish-all", "schema": 1}\n'
RECORD = {
    "at": 1767225600.5,
    "state": "uploaded",
    "filename": "demo-1.0-py3-none-any.whl",
    "repository": "pypi",
    "sha256": "a" * 64,
    "url": "https://upload.pypi.org/legacy/",
}
LINE = json.dumps(RECORD).encode() + b"\n"


def read(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(content)
        try:
            history = read_journal(path, now=2e9)
            assert history.length <= len(content)
            assert isinstance(history.complete, bool)
        except JournalError as error:
            assert str(path) in str(error)  # noqa: PT017 - what it says is a part of the behaviour
        read_journal(path, damaged=True)


@fuzz
@given(st.lists(altered_json(RECORD), max_size=4))
def test_records(lines: list[bytes]) -> None:
    in_time(lambda: read(HEADER + b"".join(each + b"\n" for each in lines) + LINE))


@fuzz
@given(near(HEADER + LINE * 3) | altered_json(json.loads(HEADER)).map(lambda header: header + b"\n" + LINE))
def test_damaged(content: bytes) -> None:
    in_time(lambda: read(content))


@fuzz
@given(long(LINE, b"\n", b"{", b"[", b'"', b"1"))
def test_long(content: bytes) -> None:
    in_time(lambda: read(HEADER + content))
