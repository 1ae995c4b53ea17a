"""Events and results as lines of text that fit 80 columns; names, links and commands are last and are never cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from publish_all import events, results
from publish_all.reporting.text import aligned, clean, count, duration, size

if TYPE_CHECKING:  # a publish needs none of the others
    from publish_all.summaries import Result

_WORD = 12


def event_line(event: events.Event, *, verbose: bool = False) -> str | None:
    """The line of an event: a word for what happens, aligned, then the fact. None for those that say nothing that stays true."""
    said = _words(event, verbose=verbose)
    return clean(f"{said[0]:<{_WORD}}  {said[1]}").rstrip() if said is not None else None


def _words(event: events.Event, *, verbose: bool) -> tuple[str, str] | None:
    match event:
        case events.Note():
            return "note", event.message
        # `upload` is said by RepositoryStarted, which knows more.
        case events.StepStarted() if event.step != "upload":
            return event.step, event.detail
        case events.EnvironmentChosen():
            said = f"{'isolated' if event.isolated else 'current'}, {event.reason}"
            if verbose and event.dropped:
                said += f"; variables not passed: {', '.join(event.dropped)}"
            return "environment", said
        case events.BuildStarted() if verbose:
            return "build", f"{event.kind} of {event.variant or event.project}"
        case events.BuildFinished():
            return "built", f"{event.filename} ({size(event.size)}, {duration(event.seconds)})"
        case events.RepositoryStarted():
            what = f"{count(event.files, 'file')}, {size(event.size)}" if event.files else "nothing to upload"
            skipped = f", {count(event.skipped, 'file')} already uploaded" if event.skipped else ""
            return "upload", f"{event.repository}: {what}{skipped}"
        case events.RepositoryWaiting():
            reason = event.reason.rstrip(".")
            return "waiting", f"{event.repository}: {reason}; again in {duration(event.seconds)}"
        case events.UploadStarted() if verbose:
            return "uploading", f"{event.filename} ({size(event.size)}, attempt {event.attempt})"
        case events.UploadWaiting():
            reason, again = event.reason.rstrip("."), f"again in {duration(event.seconds)}"
            return "waiting", f"{event.filename}: {reason}; {again} (attempt {event.attempt} failed)"
        case events.UploadFinished():
            attempts = f", {event.attempts} attempts" if event.attempts > 1 else ""
            effort = f"{size(event.size)}, {duration(event.seconds)}{attempts}"
            return event.status, f"{event.filename} ({effort})"
        case events.VerifyWaiting():
            files, again = count(len(event.missing), "file"), f"again in {duration(event.seconds)}"
            return "waiting", f"{event.repository} does not list {files} yet; {again}"
        case events.RepositoryFinished():
            complete = "complete and verified" if event.verified else "complete, unverified"
            return "finished", f"{event.repository}: {complete if event.complete else 'not complete'}"
        case _:
            return None


def closing_lines(result: Result) -> Iterator[str]:
    """The last lines on stderr after a result."""
    if isinstance(result, results.PublishReport):
        return _not_complete(result) if not result.complete else iter(())
    from publish_all.reporting.summary_lines import after_dry_run

    return after_dry_run(result)


def _not_complete(report: results.PublishReport) -> Iterator[str]:
    files = [file for each in report.repositories for file in each.files]
    done = sum(each.done for each in files)
    if report.stopped_by is not None and done == len(files):
        return  # there is nothing more to say than what stopped it
    why = "stopped" if report.interrupted else "not everything is published"
    yield f"error: {why}: {done} of {count(len(files), 'upload')} done"
    for each in report.repositories:
        unseen = sum(file.visibility is results.FileState.PROPAGATING for file in each.files)
        if unseen:
            yield f"  {each.name} accepted {count(unseen, 'file')} that its index does not list yet"
    if report.stopped_by is not None:
        return  # its error follows, with the next step
    yield f"  hint: {next_step(report)}"
    codes = [finding.code for each in files if not each.done for finding in each.findings]
    if codes:
        yield f"  more: publish-all explain {codes[0]}"


_REFUSALS = {results.FileState.REFUSED, results.FileState.UNAUTHORIZED, results.FileState.CONFLICT}
_IN_THE_REPOSITORY = {results.FileState.UPLOADED, results.FileState.PRESENT}
_UNTROUBLED = {
    results.FileState.NOT_STARTED,
    results.FileState.UPLOADED,
    results.FileState.PRESENT,
    results.FileState.SKIPPED,
}


def next_step(report: results.PublishReport) -> str:
    """What to do about files that are not there."""
    again = "run the same command again; it goes on where this run stopped"
    statuses = {file.status for each in report.repositories for file in each.files}
    # A member of a workspace that failed its checks was not started, while all others were uploaded.
    checks = not report.interrupted and results.FileState.NOT_STARTED in statuses and statuses <= _UNTROUBLED
    if not checks and not statuses & _REFUSALS:
        return again
    if report.exit_code == 5:
        return f"fix the problems above, then {again}"
    return "nothing was uploaded; fix the problems above, then publish again"


def result_lines(result: Result) -> Iterator[str]:
    """The lines on stdout for a result."""
    match result:
        case results.PublishReport():
            return _publish_lines(result)
        case _:
            from publish_all.reporting.summary_lines import summary_lines

            return summary_lines(result)


def _publish_lines(report: results.PublishReport) -> Iterator[str]:
    for place, each in enumerate(report.repositories):
        yield from [""] * bool(place)
        yield f"{each.name}: {repository_state(each)}"
        files = [[file_state(file), size(file.size), file.filename] for file in each.files]
        rows = aligned(files, indent="    ")
        for release in each.releases:
            yield f"  {release.project} {release.version}"
            yield from islice(rows, len(release.files))
            there = not _IN_THE_REPOSITORY.isdisjoint([file.status for file in release.files])
            if there and release.page:
                yield f"    {release.page}"
            if there and release.complete and release.install_command:
                yield f"    {release.install_command}"


def repository_state(report: results.RepositoryReport) -> str:
    """In some words: how far a repository got."""
    files = report.files
    if not files:
        return "nothing goes there"
    if not report.started:
        return "not started"
    if not report.complete:
        return f"{sum(each.done for each in files)} of {count(len(files), 'file')} done"
    state = "complete and verified" if report.verified else "complete, unverified"
    return f"{state}, {count(len(files), 'file')} in {duration(report.seconds)}"


def file_state(report: results.FileReport) -> str:
    """`uploaded`, `uploaded (3 attempts)`, `present`, `accepted, not listed yet`."""
    if report.status.done and report.visibility is results.FileState.PROPAGATING:
        return "accepted, not listed yet"
    if report.status is results.FileState.UPLOADED and report.attempts > 1:
        return f"uploaded ({report.attempts} attempts)"
    return report.status.value
