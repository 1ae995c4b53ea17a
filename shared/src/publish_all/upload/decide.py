"""What is to be done with a file, from what the index says and what the journal says. Pure."""

from __future__ import annotations

from publish_all._values import dataclass
from publish_all.results import FileState
from publish_all.upload.journal import JournalEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be done with one file in one repository, and why."""

    action: FileState
    reason: str


def decide(
    state: FileState, entry: JournalEntry | None, *, final_on_upload: bool, skip_existing: bool
) -> Decision:
    """What to do with a file, from what the index says and what the journal says. Pure.

    The index is right where it can be asked: a file that it does not list is sent (again), which is safe,
    since it has the same bytes. The journal is believed only where the index cannot be asked.
    """
    taken = entry is not None and (
        entry.state in (FileState.PUBLISHED, FileState.VISIBLE, FileState.UNVERIFIED)
        or (entry.state is FileState.UPLOADED and final_on_upload)
    )
    match state:
        case FileState.PRESENT:
            return Decision(action=FileState.PRESENT, reason="already there, the same bytes")
        case FileState.DIFFERENT if skip_existing:
            return Decision(action=FileState.SKIPPED, reason="other bytes are there; skipped as asked")
        case FileState.DIFFERENT:
            return Decision(action=FileState.CONFLICT, reason="other bytes are there")
        case FileState.UNKNOWN if taken:
            return Decision(action=FileState.PRESENT, reason="uploaded by an earlier run, says the journal")
        case _:
            return Decision(action=FileState.NOT_STARTED, reason="")
