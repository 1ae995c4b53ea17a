"""What the state of a project and of a release at PyPI means for an upload; pure.

The states are those of PEP 792. The limits are those of PyPI's server in summer 2026: a release takes no file when its
oldest one is over 14 days old, and a project holds 10 GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

from publish_all import diagnoses as known
from publish_all._server_text import plain
from publish_all.distributions.distribution import Release
from publish_all.findings import Finding, Severity
from publish_all.repositories.fetch import release_of
from publish_all.repositories.simple_pages import IndexFile, ProjectPage

CLOSED = frozenset({"archived", "quarantined"})
_DAY = 86_400.0
_OPEN_DAYS, _WARN_DAYS = 14, 12
_ROOM, _FULL = 10 * 10**9, 0.9


def about_project(page: ProjectPage, *, where: str, site: str | None) -> Iterator[Finding]:
    """Whether the project takes files and shows them. `site` is PyPI's address, None for another index."""
    if page.status is None:
        return
    name, reason = plain(page.status.name), plain(page.status.reason)
    because = f" ({reason})" if reason else ""
    settings = f" Its owners can change that at {site}/manage/project/{page.name}/settings/." if site else ""
    match name:
        case "archived":
            hint = f"Take it out of the archive, then publish.{settings}"
            yield known.PROJECT_CLOSED.found(
                f"{page.name} is archived{because} and takes no files.", where=where, hint=hint
            )
        case "quarantined":
            hint = "Ask those who run the index: nothing that is uploaded now will be seen."
            message = f"{page.name} is in quarantine{because}: files are accepted and never listed."
            yield known.PROJECT_CLOSED.found(message, where=where, hint=hint)
        case "deprecated":
            yield known.PROJECT_DEPRECATED.found(
                f"{page.name} is marked as deprecated{because}.", where=where
            )


def about_release(page: ProjectPage, release: Release, *, where: str, now: float) -> Iterator[Finding]:
    """What PyPI has against more files of a release. `now` is Unix time in seconds."""
    ours = {each.filename for each in release.distributions}
    there = [each for each in page.files if release_of(each.filename) == (release.project, release.version)]
    if ours <= {each.filename for each in there}:
        return
    uploaded = [moment for each in there if (moment := _moment(each)) is not None]
    days = (now - min(uploaded)) / _DAY if uploaded else 0.0
    if days > _WARN_DAYS:
        message = f"The oldest file of {release} was uploaded {days:.0f} days ago; after {_OPEN_DAYS} days a release takes no more."
        severity = Severity.ERROR if days > _OPEN_DAYS else Severity.WARNING
        hint = f"Publish the files as a new version, such as {release.version.public}.post1."
        yield known.RELEASE_CLOSED.found(message, where=where, severity=severity, hint=hint)
    if there and all(each.yanked is not None for each in there):
        yield known.RELEASE_YANKED.found(f"All files of {release} are yanked.", where=where)
    used = sum(each.size or 0 for each in page.files)
    more = sum(
        each.size for each in release.distributions if each.filename not in {one.filename for one in there}
    )
    if used and used + more > _FULL * _ROOM:
        message = (
            f"{page.name} uses {used / 10**9:.1f} of 10 GB there, and {more / 10**9:.1f} GB are to come."
        )
        yield known.PROJECT_NEARLY_FULL.found(message, where=where)


def _moment(file: IndexFile) -> float | None:
    """When a file was uploaded, in Unix seconds; None where that is not told."""
    try:
        moment = datetime.fromisoformat((file.upload_time or "")[:19])
    except ValueError:
        return None
    return moment.replace(tzinfo=timezone.utc).timestamp()
