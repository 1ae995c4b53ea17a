"""What an index says about the names of projects: free, there, ours, taken, too much like another one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from packaging.utils import NormalizedName

from publish_all._http_errors import HttpError
from publish_all.checks.names import in_use, neighbours, prohibited, too_similar
from publish_all.config.github import from_git
from publish_all.config.model import ProjectConfig
from publish_all.diagnoses import CLOCK_WRONG
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Finding, Severity
from publish_all.reporting.words import count
from publish_all.repositories.simple_index import Listing, SimpleIndex, index_candidates
from publish_all.results import Fact

if TYPE_CHECKING:
    from publish_all.commands.doctor_destination import Destination

LARGEST_SKEW = 60.0
"""Seconds by which our clock may differ from a server's: identity tokens are valid for some minutes."""

_SHOWN_HASH = 12


@dataclass(kw_only=True, slots=True)
class NamesAsked:
    """`new` are the projects that the index does not have; None where that is not known."""

    facts: list[Fact] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    new: tuple[NormalizedName, ...] | None = None


def names_offline(destination: Destination, projects: Sequence[NormalizedName]) -> NamesAsked:
    """What can be said about names without asking: only whether an index would ever give them."""
    asked = NamesAsked()
    if not destination.public:
        return asked
    for project in projects:
        finding = prohibited(project, repository=destination.repository.name)
        if finding is not None:
            # The project may be older than the rule, and so be there.
            asked.findings.append(_as(finding, Severity.WARNING))
    if projects:
        reason = "--offline" if destination.offline else "it could not be asked"
        asked.untested.append(f"whether the names are free at {destination.repository.name}: {reason}")
    return asked


def ask_for_names(
    destination: Destination,
    config: ProjectConfig,
    projects: Sequence[NormalizedName],
    files: Sequence[Distribution],
) -> NamesAsked:
    """Ask the index for each project, and public ones for what is like it."""
    asked = NamesAsked()
    new: list[NormalizedName] = []
    known = True
    for project in projects:
        try:
            listing = _index(destination, project).listing(project)
        except HttpError as error:
            # The preflight has asked the same, and told it.
            asked.untested.append(f"what {destination.repository.name} has of {project}: {error.message}")
            known = False
            continue
        known = known and listing.known
        asked.findings += listing.findings
        if not listing.known:
            continue
        if listing.page is None or not listing.page.files:
            new.append(project)
            asked.facts.append(
                Fact(label="name", text=f"{project}: not there yet; the first upload makes it")
            )
            if destination.public:
                asked.findings += _new(destination, project)
        else:
            mine = [each for each in files if each.project == project]
            asked.facts += _there(project, listing, mine)
            if destination.public:
                asked.findings += _whose(destination, config, project, mine)
    asked.findings += _clock(destination)
    asked.new = tuple(new) if known else None
    return asked


def _index(destination: Destination, project: NormalizedName) -> SimpleIndex:
    stated, url = destination.stated.index_url, destination.repository.url.replace("{name}", project)
    return SimpleIndex(
        (stated.replace("{name}", project),) if stated else index_candidates(url),
        repository=destination.repository.name,
        username=destination.stated.username,
        upload_url=url,
        stated=stated is not None,
        session=destination.opened.session,
        credentials=destination.opened.credentials,
    )


def _new(destination: Destination, project: NormalizedName) -> Iterator[Finding]:
    """What stands against making this project."""
    finding = prohibited(project, repository=destination.repository.name)
    if finding is not None:
        yield finding
        return
    for other in neighbours(project):
        try:
            listing = _index(destination, other).listing(other)
        except HttpError:
            return
        if listing.page is not None and listing.page.files:
            yield too_similar(project, other, repository=destination.repository.name)
            return


def _there(project: NormalizedName, listing: Listing, files: Sequence[Distribution]) -> Iterator[Fact]:
    assert listing.page is not None  # noqa: S101 - the caller has seen it
    yield Fact(label="name", text=f"{project}: there, with {count(len(listing.page.files), 'file')}")
    for each in files:
        listed = listing.page.file(each.filename)
        sha256 = listed.hashes.get("sha256") if listed is not None else None
        if listed is not None:
            same = (
                " (ours)"
                if sha256 == each.digests.sha256
                else f" (ours is {each.digests.sha256[:_SHOWN_HASH]}…)"
            )
            told = f"sha256 {sha256[:_SHOWN_HASH]}…{same}" if sha256 else "without a sha256"
            yield Fact(label="published", text=f"{each.filename}: {told}")


def _whose(
    destination: Destination, config: ProjectConfig, project: NormalizedName, files: Sequence[Distribution]
) -> Iterator[Finding]:
    """Whether a project that is there seems to be somebody else's: by the links on its page."""
    root = destination.stated.index_url
    if root is None:
        return
    try:
        reply = destination.opened.session.request("GET", urljoin(root, f"../pypi/{project}/json"))
        info = reply.json().get("info") if reply.status == 200 else None
    except (HttpError, ValueError, AttributeError):
        return
    if not isinstance(info, dict):
        return
    finding = in_use(
        project, _our_links(config, files, destination), _links(info), repository=destination.repository.name
    )
    if finding is not None:
        yield finding


def _our_links(
    config: ProjectConfig, files: Sequence[Distribution], destination: Destination
) -> Mapping[str, str]:
    links = {}
    for each in files:
        for value in each.metadata.get("Project-URL", ()):
            label, _, url = value.partition(",")
            links[label] = url.strip()
        if (home := each.header("Home-page")) is not None:
            links["home page"] = home
    around = destination.around
    link = from_git(config.root, environment=around.environment, run=around.run).link
    if links and link is not None:
        links["git remote"] = f"https://github.com/{link}"
    return links


def _links(info: Mapping[str, object]) -> Mapping[str, str]:
    stated = info.get("project_urls")
    links = {str(key): str(value) for key, value in stated.items()} if isinstance(stated, dict) else {}
    return links | ({"home page": str(info["home_page"])} if info.get("home_page") else {})


def _clock(destination: Destination) -> Iterator[Finding]:
    """Whether our clock and the server's agree, by the date of one of its replies."""
    try:
        reply = destination.opened.session.request(
            "HEAD", destination.stated.index_url or destination.repository.url
        )
        theirs = parsedate_to_datetime(reply.headers.get("Date", "")).timestamp()
    except (HttpError, ValueError, TypeError):
        return
    ahead = destination.clock() - theirs
    if abs(ahead) > LARGEST_SKEW:
        direction = "ahead of" if ahead > 0 else "behind"
        yield CLOCK_WRONG.found(
            f"the clock of this machine is {round(abs(ahead))} s {direction} that of {destination.repository.name} "
            f"({time.strftime('%H:%M:%S UTC', time.gmtime(theirs))})",
            where=destination.repository.name,
            hint="Set the clock, or let it be set by the network (timedatectl set-ntp true).",
        )


def _as(finding: Finding, severity: Severity) -> Finding:
    return replace(finding, severity=severity)
