"""What the page of a project on an index says against new files of a release; pure.

The states of projects are those of PEP 792; the rules about age and size are PyPI's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone

from publish_all import diagnoses as known
from publish_all._server_text import plain
from publish_all.distributions.distribution import Distribution, Release, release_of
from publish_all.findings import Finding, Severity
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

PROJECT_LIMIT = 10 * 1024**3
"""What all files of a project may add up to on PyPI, in bytes; PyPI raises it on request."""

_DAY = 86400.0
_CLOSED, _CLOSING = 14 * _DAY, 12 * _DAY


def against_new_files(
    page: ProjectPage,
    release: Release,
    missing: Sequence[Distribution],
    *,
    repository: str,
    public: bool,
    settings: str | None,
    now: float,
) -> Iterator[Finding]:
    """What to know before the `missing` files of a release are uploaded; nothing if there are none.

    `settings` is the page on which the owner changes the project's state, `now` Unix time in seconds.
    """
    if not missing:
        return
    yield from project_state(page, release, repository=repository, settings=settings)
    listed = [each for each in page.files if release_of(each.filename) == (release.project, release.version)]
    if listed and all(each.yanked is not None for each in listed):
        reason = _because(next((each.yanked for each in listed if each.yanked), None))
        message = f"All files of {release} on {repository} are yanked{reason}."
        yield known.RELEASE_YANKED.found(message, where=repository)
    if public:
        yield from _age(listed, release, len(missing), repository, now)
        yield from _space(page, release, sum(each.size for each in missing), repository)


def project_state(
    page: ProjectPage, release: Release, *, repository: str, settings: str | None = None
) -> Iterator[Finding]:
    """What the state of the project means for uploads."""
    message = f"{release.project} is {page.status} on {repository}{_because(page.status_reason)}."
    if page.status == "archived":
        hint = f"Unarchive the project at {settings}, then run again." if settings else ""
        yield known.PROJECT_ARCHIVED.found(message, where=repository, hint=hint)
    elif page.status == "quarantined":
        message += " The index accepts files and does not list them."
        yield known.PROJECT_QUARANTINED.found(message, where=repository)
    elif page.status == "deprecated":
        yield known.PROJECT_DEPRECATED.found(message, where=repository)


def _because(reason: str | None) -> str:
    return f" ({plain(reason).rstrip('.')})" if reason else ""


def _age(
    listed: Sequence[IndexFile], release: Release, missing: int, repository: str, now: float
) -> Iterator[Finding]:
    times = [time for each in listed if (time := _seconds(each.upload_time)) is not None]
    age = now - min(times, default=now)
    begun = f"{release} on {repository} is {int(age / _DAY)} days old"
    if age > _CLOSED:
        message = f"{begun} and no longer accepts files; {missing} of these files are missing there."
        yield known.RELEASE_CLOSED.found(message, where=repository)
    elif age >= _CLOSING:
        message = (
            f"{begun}. After 14 days it accepts no more files; {missing} of these files are missing there."
        )
        hint = "Upload all files of the release before then."
        yield known.RELEASE_CLOSED.found(message, where=repository, hint=hint, severity=Severity.WARNING)


def _seconds(time: str | None) -> float | None:
    """An `upload-time` (PEP 700: always UTC) as Unix time. Fractions of a second do not matter here."""
    with suppress(ValueError):
        return (
            datetime.strptime((time or "")[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        )
    return None


def _space(page: ProjectPage, release: Release, more: int, repository: str) -> Iterator[Finding]:
    total = sum(each.size or 0 for each in page.files) + more
    if total <= 0.9 * PROJECT_LIMIT:
        return
    message = f"With these files, {release.project} on {repository} uses {total / 1024**3:.1f} of 10 GiB."
    if total > PROJECT_LIMIT:
        message += " The index refuses them unless the limit of the project was raised."
    yield known.PROJECT_FULL.found(message, where=repository)
