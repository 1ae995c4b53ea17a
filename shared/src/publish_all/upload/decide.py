"""What is to be done with a file, from what the index says and what the journal says. Pure."""

from __future__ import annotations

from publish_all._values import dataclass
from publish_all.repositories.repository import State
from publish_all.results import PlannedAction
from publish_all.upload.journal import JournalEntry, JournalState


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be done with one file in one repository, and why."""

    action: PlannedAction
    reason: str


def decide(
    state: State, entry: JournalEntry | None, *, final_on_upload: bool, skip_existing: bool
) -> Decision:
    """What to do with a file, from what the index says and what the journal says. Pure.

    The index is right where it can be asked: a file that it does not list is sent (again), which is safe,
    since it has the same bytes. The journal is believed only where the index cannot be asked.
    """
    taken = entry is not None and (
        entry.state in (JournalState.PUBLISHED, JournalState.VISIBLE, JournalState.UNVERIFIED)
        or (entry.state is JournalState.UPLOADED and final_on_upload)
    )
    match state:
        case State.SAME:
            return Decision(action=PlannedAction.PRESENT, reason="already there, the same bytes")
        case State.DIFFERENT if skip_existing:
            return Decision(action=PlannedAction.SKIP, reason="other bytes are there; skipped as asked")
        case State.DIFFERENT:
            return Decision(action=PlannedAction.CONFLICT, reason="other bytes are there")
        case State.UNKNOWN if taken:
            return Decision(
                action=PlannedAction.PRESENT, reason="uploaded by an earlier run, says the journal"
            )
        case State.UNKNOWN:
            return Decision(action=PlannedAction.UPLOAD, reason="what is there cannot be asked")
        case State.INCOMPLETE:
            return Decision(
                action=PlannedAction.UPLOAD, reason="listed, but it cannot be fetched: uploaded again"
            )
        case State.ABSENT if taken:
            reason = "uploaded by an earlier run, but the index does not list it"
            return Decision(action=PlannedAction.UPLOAD, reason=reason)
        case State.ABSENT:
            return Decision(action=PlannedAction.UPLOAD, reason="not there yet")
