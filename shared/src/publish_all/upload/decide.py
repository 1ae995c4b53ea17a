"""What is to be done with a file, from what the index says and what the journal says. Pure."""

from __future__ import annotations

from publish_all._values import dataclass
from publish_all.repositories.repository import State
from publish_all.results import PlannedAction
from publish_all.upload.journal import JournalEntry, JournalState

PROPAGATION_SECONDS = 600.0
"""How long an index may keep showing its old page after an upload: PyPI's caches hold it for 10 minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be done with one file in one repository, and why."""

    action: PlannedAction
    reason: str


def decide(
    state: State, entry: JournalEntry | None, *, final_on_upload: bool, skip_existing: bool, now: float
) -> Decision:
    """What to do with a file, from what the index says and what the journal says. Pure.

    The index is right where it knows the file. Where it does not, the journal is believed: always if
    the repository cannot be asked; for `PROPAGATION_SECONDS` after the upload if the file has not been
    seen in the index yet. Later, or once seen and gone again, the file is sent once more, which is
    safe: it has the same bytes.
    """
    taken = entry is not None and (
        entry.state in (JournalState.PUBLISHED, JournalState.VISIBLE)
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
        case State.ABSENT:
            fresh = entry is not None and now - entry.at < PROPAGATION_SECONDS
            if taken and fresh and entry is not None and entry.state is not JournalState.VISIBLE:
                reason = "uploaded by an earlier run; the index does not list it yet"
                return Decision(action=PlannedAction.PRESENT, reason=reason)
            return Decision(action=PlannedAction.UPLOAD, reason="not there yet")
