from __future__ import annotations

import pytest

from publish_all.repositories.repository import State
from publish_all.results import PlannedAction
from publish_all.upload.decide import decide
from publish_all.upload.journal import JournalEntry, JournalState


def entry(state):
    return JournalEntry(at=1000.0, state=state, sha256="s", url="u", repository="r", filename="f")


@pytest.mark.parametrize(
    ("state", "journal", "action"),
    [
        (State.SAME, None, PlannedAction.PRESENT),
        (State.DIFFERENT, entry(JournalState.PUBLISHED), PlannedAction.CONFLICT),
        (State.UNKNOWN, None, PlannedAction.UPLOAD),
        (State.UNKNOWN, entry(JournalState.PUBLISHED), PlannedAction.PRESENT),
        (State.UNKNOWN, entry(JournalState.STARTED), PlannedAction.UPLOAD),
        (State.ABSENT, None, PlannedAction.UPLOAD),
        (State.ABSENT, entry(JournalState.STARTED), PlannedAction.UPLOAD),
        (State.UNKNOWN, entry(JournalState.UNVERIFIED), PlannedAction.PRESENT),
        (State.ABSENT, entry(JournalState.PUBLISHED), PlannedAction.UPLOAD),
        (State.INCOMPLETE, entry(JournalState.VISIBLE), PlannedAction.UPLOAD),
        (State.ABSENT, entry(JournalState.VISIBLE), PlannedAction.UPLOAD),
    ],
)
def test_decisions_weigh_index_and_journal(state, journal, action):
    assert decide(state, journal, final_on_upload=True, skip_existing=False).action is action


def test_uploaded_is_not_published_where_a_commit_is_needed():
    uploaded = entry(JournalState.UPLOADED)
    for final, action in ((True, PlannedAction.PRESENT), (False, PlannedAction.UPLOAD)):
        assert decide(State.UNKNOWN, uploaded, final_on_upload=final, skip_existing=False).action is action


def test_skipping_is_for_other_bytes_only():
    for state, action in ((State.DIFFERENT, PlannedAction.SKIP), (State.SAME, PlannedAction.PRESENT)):
        assert decide(state, None, final_on_upload=True, skip_existing=True).action is action
