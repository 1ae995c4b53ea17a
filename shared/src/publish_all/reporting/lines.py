"""Events as single lines: a word for what happens, aligned, then the fact."""

from __future__ import annotations

from collections.abc import Iterator

from publish_all.events import (
    BuildFinished,
    BuildStarted,
    EnvironmentChosen,
    Event,
    Note,
    RepositoryFinished,
    RepositoryStarted,
    RepositoryWaiting,
    StepStarted,
    UploadFinished,
    UploadStarted,
    UploadWaiting,
    VerifyWaiting,
)
from publish_all.reporting.words import clean, count, duration, size
from publish_all.results import FileState, PlanReport, PublishReport, Result

_WIDTH = 12


def event_line(event: Event, *, verbose: bool = False) -> str | None:
    """The line of an event; None for those which say nothing that stays true."""
    said = (_said_when_verbose(event) if verbose else None) or _said(event)
    if said is None:
        return None
    word, text = said
    return clean(f"{word:<{_WIDTH}}  {text}").rstrip()


def _said(event: Event) -> tuple[str, str] | None:
    match event:
        case Note():
            return "note", event.message
        # `upload` is said by RepositoryStarted, which knows more.
        case StepStarted() if event.step != "upload":
            return event.step, event.detail
        case EnvironmentChosen():
            return "environment", _environment(event)
        case BuildFinished():
            return "built", f"{event.filename} ({size(event.size)}, {duration(event.seconds)})"
        case RepositoryStarted():
            return "upload", f"{event.repository}: {_to_do(event)}"
        case RepositoryWaiting():
            reason = event.reason.rstrip(".")
            return "waiting", f"{event.repository}: {reason}; again in {duration(event.seconds)}"
        case UploadWaiting():
            reason, again = event.reason.rstrip("."), f"again in {duration(event.seconds)}"
            return "waiting", f"{event.filename}: {reason}; {again} (attempt {event.attempt} failed)"
        case UploadFinished():
            return event.status, f"{event.filename} ({_effort(event)})"
        case VerifyWaiting():
            files = count(len(event.missing), "file")
            return (
                "waiting",
                f"{event.repository} does not list {files} yet; again in {duration(event.seconds)}",
            )
        case RepositoryFinished():
            return "finished", f"{event.repository}: {_end(event)}"
        case _:
            return None


def _said_when_verbose(event: Event) -> tuple[str, str] | None:
    match event:
        case EnvironmentChosen() if event.dropped:
            return "environment", f"{_environment(event)}; variables not passed: {', '.join(event.dropped)}"
        case BuildStarted():
            return "build", f"{event.kind} of {event.variant or event.project}"
        case UploadStarted():
            return "uploading", f"{event.filename} ({size(event.size)}, attempt {event.attempt})"
        case _:
            return None


def _environment(event: EnvironmentChosen) -> str:
    return f"{'a new, isolated one' if event.isolated else 'this one'}: {event.reason}"


def _to_do(event: RepositoryStarted) -> str:
    skipped = f"; {event.skipped} need no upload" if event.skipped else ""
    if not event.files:
        return f"nothing to upload{skipped}"
    return f"{count(event.files, 'file')}, {size(event.size)}{skipped}"


def _effort(event: UploadFinished) -> str:
    attempts = f", {event.attempts} attempts" if event.attempts > 1 else ""
    return f"{size(event.size)}, {duration(event.seconds)}{attempts}"


def _end(event: RepositoryFinished) -> str:
    if not event.complete:
        return "not complete"
    return "complete and verified" if event.verified else "complete, unverified"


def closing_lines(result: Result) -> Iterator[str]:
    """What is left to say on stderr after a result."""
    if isinstance(result, PublishReport) and not result.complete:
        yield from _not_complete(result)
    if isinstance(result, PlanReport) and not result.exit_code:
        yield "nothing was uploaded: this was a dry run"


def _not_complete(report: PublishReport) -> Iterator[str]:
    files = [file for each in report.repositories for file in each.files]
    done = sum(each.done for each in files)
    if report.stopped_by is not None and done == len(files):
        return  # there is nothing more to say than what stopped it
    why = "stopped" if report.interrupted else "not everything is published"
    yield f"error: {why}: {done} of {count(len(files), 'upload')} done"
    for each in report.repositories:
        unseen = sum(file.visibility is FileState.PROPAGATING for file in each.files)
        if unseen:
            yield f"  {each.name} accepted {count(unseen, 'file')} that its index does not list yet"
    if report.stopped_by is not None:
        return  # its error follows, with the next step
    yield f"  hint: {next_step(report)}"
    code = next(_codes(report), None)
    if code is not None:
        yield f"  more: publish-all explain {code}"


def _codes(report: PublishReport) -> Iterator[str]:
    """The codes of what is against files that are not there."""
    for repository in report.repositories:
        for file in repository.files:
            yield from (each.code for each in file.findings if not file.done)


def next_step(report: PublishReport) -> str:
    """What to do about files that are not there."""
    again = "run the same command again; it goes on where this run stopped"
    statuses = {file.status for each in report.repositories for file in each.files}
    if not statuses & {FileState.REFUSED, FileState.UNAUTHORIZED, FileState.CONFLICT}:
        return again
    if report.exit_code == 5:
        return f"repair what is reported above, then {again}"
    return "nothing was uploaded; repair what is reported above, then publish again"
