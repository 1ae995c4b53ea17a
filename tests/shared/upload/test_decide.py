from __future__ import annotations

import pytest

from publish_all.results import FileState
from publish_all.upload.decide import decide
from publish_all.upload.journal import JournalEntry


def entry(state):
    return JournalEntry(at=1000.0, state=state, sha256="s", url="u", repository="r", filename="f")


@pytest.mark.parametrize(
    ("state", "journal", "action"),
    [
        (FileState.PRESENT, None, FileState.PRESENT),
        (FileState.DIFFERENT, entry(FileState.PUBLISHED), FileState.CONFLICT),
        (FileState.UNKNOWN, None, FileState.NOT_STARTED),
        (FileState.UNKNOWN, entry(FileState.PUBLISHED), FileState.PRESENT),
        (FileState.UNKNOWN, entry(FileState.STARTED), FileState.NOT_STARTED),
        (FileState.ABSENT, None, FileState.NOT_STARTED),
        (FileState.ABSENT, entry(FileState.STARTED), FileState.NOT_STARTED),
        (FileState.UNKNOWN, entry(FileState.UNVERIFIED), FileState.PRESENT),
        (FileState.ABSENT, entry(FileState.PUBLISHED), FileState.NOT_STARTED),
        (FileState.INCOMPLETE, entry(FileState.VISIBLE), FileState.NOT_STARTED),
        (FileState.ABSENT, entry(FileState.VISIBLE), FileState.NOT_STARTED),
    ],
)
def test_decisions_weigh_index_and_journal(state, journal, action):
    assert decide(state, journal, final_on_upload=True, skip_existing=False).action is action


def test_uploaded_is_not_published_where_a_commit_is_needed():
    uploaded = entry(FileState.UPLOADED)
    for final, action in ((True, FileState.PRESENT), (False, FileState.NOT_STARTED)):
        assert (
            decide(FileState.UNKNOWN, uploaded, final_on_upload=final, skip_existing=False).action is action
        )


def test_skipping_is_for_other_bytes_only():
    for state, action in ((FileState.DIFFERENT, FileState.SKIPPED), (FileState.PRESENT, FileState.PRESENT)):
        assert decide(state, None, final_on_upload=True, skip_existing=True).action is action
