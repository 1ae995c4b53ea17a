"""The plan of a publish: which file goes where, in which order, and which upload may start next. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from packaging.utils import NormalizedName, canonicalize_name

from publish_all.config.load import ordered
from publish_all.distributions.distribution import Distribution, DistributionKind, Release
from publish_all.errors import UsageError
from publish_all.repositories.repository import Repository

CREATES = "creates the project. Uploaded alone, because the server fails if other files are uploaded at the same time"
OPENS = "opens the release. Uploaded alone, because the server fails if several uploads open a release at the same time"
FOLLOWS = "after the first file of the release, at most {limit} files at a time"
FREE = "at most {limit} files at a time"


Destination = tuple[Repository, frozenset[str] | None]
"""A repository, and the names of the files for it (`publish-to` selects them); None means all files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryPlan:
    """All files for one repository. The files of a release are in the order in which their uploads start.

    `needs` has for each member of a workspace all members that must be uploaded before it.
    """

    repository: Repository
    releases: tuple[Release, ...]
    needs: Mapping[str | None, frozenset[str]] = field(default_factory=dict)

    @property
    def files(self) -> Sequence[Distribution]:
        return [*chain.from_iterable(map(attrgetter("distributions"), self.releases))]

    @property
    def members(self) -> set[str | None]:
        """The members of a workspace that the releases are of."""
        return set(map(attrgetter("member"), self.releases))

    def waits_for(self, member: str | None, stopped: Collection[str | None]) -> bool:
        """Whether a member is `stopped`, or needs one that is."""
        return member in stopped or not self.needs.get(member, frozenset()).isdisjoint(stopped)

    def reason(self, release: Release, file: Distribution, *, creates: bool = False) -> str:
        """The reason for the file's place in the order. `creates`: the project does not exist yet."""
        alone = self.repository.capabilities.opens_alone
        if alone and file is release.distributions[0]:
            return CREATES if creates else OPENS
        return (FOLLOWS if alone else FREE).format(limit=self.repository.capabilities.parallel_per_release)


def plan(
    distributions: Sequence[Distribution], destinations: Sequence[Destination]
) -> tuple[RepositoryPlan, ...]:
    """Decide on order and grouping, for repositories one after another.

    Raises `UsageError` for two different files of one name.
    """
    unique: dict[str, Distribution] = {}
    for each in distributions:
        known = unique.setdefault(each.filename, each)
        if known is not each and known.digests.sha256 != each.digests.sha256:
            msg = f"two different files have the name {each.filename}: {known.path} and {each.path}"
            hint = "Publish one of them. A repository cannot have two files with the same name."
            raise UsageError(msg, hint=hint)
    needs = members_needed(unique.values()) if any(each.member for each in unique.values()) else {}
    place = {member: place for place, member in enumerate(needs)} if needs else {}
    plans = []
    for repository, names in destinations:
        files = [each for each in unique.values() if names is None or each.filename in names]
        if place:
            files.sort(key=lambda each: place.get(each.member or "", 0))
        waits = {} if repository.capabilities.visible_together else needs
        plans.append(RepositoryPlan(repository=repository, releases=releases_of(files), needs=waits))
    return tuple(plans)


def members_needed(distributions: Iterable[Distribution]) -> dict[str | None, frozenset[str]]:
    """For each member of a workspace, in an order in which they can be published, all others that it needs."""
    files = [each for each in distributions if each.member is not None]
    of = {each.project: str(each.member) for each in files}
    edges: list[dict[str, set[str]]] = [{each: set() for each in of.values()} for _ in range(2)]
    for each in files:
        for text in each.metadata.get("Requires-Dist", ()):
            name = re.match(r"[A-Za-z0-9._-]+", text)
            needed = of.get(canonicalize_name(name[0])) if name is not None else None
            if needed is not None:
                edges["extra" in text.partition(";")[2]][str(each.member)].add(needed)
    needs: dict[str | None, frozenset[str]] = {}
    for member, direct in ordered(*edges).items():
        needs[member] = direct.union(*(needs[each] for each in direct))
    return needs


def releases_of(files: Iterable[Distribution]) -> tuple[Release, ...]:
    """The files by project and version, each release in the order in which its uploads start.

    It is the smallest wheel, then wheels from the largest down, then the sdist.
    The first file holds up the others, so it is small. Large ones start early, so that none is left
    over at the end. While a release holds an sdist and not yet all wheels, installers build from
    source; without a file that fits they use the previous version. Therefore the sdist is last.
    """
    grouped: dict[tuple[NormalizedName, str], tuple[list[Distribution], list[Distribution]]] = {}
    for each in files:
        wheels, sdists = grouped.setdefault((each.project, str(each.version)), ([], []))
        (sdists if each.kind is DistributionKind.SDIST else wheels).append(each)
    releases = []
    by_size = attrgetter("size", "filename")
    for wheels, sdists in grouped.values():
        wheels.sort(key=by_size)
        sdists.sort(key=by_size)
        in_order = (*wheels[:1], *reversed(wheels[1:]), *sdists)
        first = in_order[0]
        releases.append(Release(project=first.project, version=first.version, distributions=in_order))
    return tuple(releases)


class Schedule:
    """Hands out the files of a plan to upload, and records the uploaded ones. Uses no threads and no clocks.

    A release that is not open yet (`opens_alone`, and none of its files is known to be there) gets one
    upload; when that is done, `parallel_per_release` at a time. Releases that are not open go first, so
    that others have something to do meanwhile; among equals the larger one. Before all of them the first file of
    each project that the run creates, one at a time. A release of a member of a workspace waits until it `may` start.
    """

    def __init__(
        self,
        plan: RepositoryPlan,
        wanted: Collection[str],
        *,
        jobs: int,
        creates: Collection[str] = (),
        may: Callable[[str | None], bool] = lambda _: True,
    ) -> None:
        """`wanted` are the filenames to upload; `jobs` is the user's limit; `creates` the projects to create.

        `may` says whether a member of a workspace may start.
        """
        self._may = may
        self._members: dict[str, str | None] = {}
        self._capabilities = plan.repository.capabilities
        self._parallel = min(jobs, self._capabilities.parallel)
        self._waiting: dict[str, deque[Distribution]] = {}
        self._open: set[str] = set()
        self._creates: set[NormalizedName] = set()
        for release in sorted(plan.releases, key=attrgetter("size"), reverse=True):
            files = self._waiting[str(release)] = deque()
            for each in release.distributions:
                if each.filename in wanted:
                    files.append(each)
            self._members[str(release)] = release.member
            if not self._capabilities.opens_alone or len(files) < len(release.distributions):
                self._open.add(str(release))
            if files and release.project in creates:
                self._creates.add(release.project)
        self._running = dict.fromkeys(self._waiting, 0)
        self._creating: set[NormalizedName] = set()

    def next(self) -> Distribution | None:
        """The file to start now, None if none may start at the moment. It counts as running."""
        free = {}
        creates = {*self._creating}
        for name, files in self._waiting.items():
            if files and self._may(self._members[name]):
                free[name] = files
                creates |= {files[0].project} & self._creates
        busy = sum(self._running.values())
        if busy >= (1 if creates else self._parallel):
            return None
        for of_open in (False, True):
            limit = self._capabilities.parallel_per_release if of_open else 1
            for name, files in free.items():
                if creates and files[0].project not in creates:
                    continue
                if (name in self._open) is of_open and self._running[name] < limit:
                    self._running[name] += 1
                    self._creating |= {files[0].project} & self._creates
                    return files.popleft()
        return None

    def end(self, file: Distribution) -> None:
        """An upload has ended, and the repository has the file."""
        name = f"{file.project} {file.version}"
        self._running[name] -= 1
        self._open.add(name)
        self._creates.discard(file.project)
        self._creating.discard(file.project)
