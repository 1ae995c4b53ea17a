"""The plan of a publish: which file goes where, in which order, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from publish_all._values import dataclass
from publish_all.distributions.distribution import Distribution, DistributionKind, Release
from publish_all.errors import UsageError
from publish_all.repositories.repository import Repository

OPENS = "opens the release, alone: the server fails when several uploads open one at once"
FOLLOWS = "after the file that opens the release, at most {limit} at a time"
FREE = "at most {limit} at a time"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A repository, and the build variants that go there (`publish-to` of a variant narrows).

    `variants` None means everything; None inside the set is the project itself and files that were named.
    """

    repository: Repository
    variants: frozenset[str | None] | None = None

    def takes(self, distribution: Distribution) -> bool:
        return self.variants is None or distribution.variant in self.variants


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One upload. `opens` tells that it must be done before any other file of its release starts."""

    distribution: Distribution
    opens: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasePlan:
    """The uploads of one release to one repository, in the order in which they start."""

    release: Release
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryPlan:
    """All that goes to one repository. Releases are independent of each other."""

    repository: Repository
    releases: tuple[ReleasePlan, ...]

    @property
    def steps(self) -> Iterator[Step]:
        return (step for release in self.releases for step in release.steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Repositories one after another: the next one starts when the one before is complete and verified."""

    repositories: tuple[RepositoryPlan, ...]


def plan(distributions: Sequence[Distribution], destinations: Sequence[Destination]) -> Plan:
    """Decide on order and grouping. Raises `UsageError` for two different files of one name."""
    unique = _without_doubles(distributions)
    return Plan(
        repositories=tuple(
            RepositoryPlan(
                repository=destination.repository,
                releases=tuple(
                    _plan_release(release, destination.repository)
                    for release in _releases([each for each in unique if destination.takes(each)])
                ),
            )
            for destination in destinations
        )
    )


def _without_doubles(distributions: Sequence[Distribution]) -> list[Distribution]:
    by_name: dict[str, Distribution] = {}
    for each in distributions:
        known = by_name.setdefault(each.filename, each)
        if known is not each and known.digests.sha256 != each.digests.sha256:
            msg = f"two different files have the name {each.filename}: {known.path} and {each.path}"
            raise UsageError(msg, hint="Publish one of them; a repository holds each name once.")
    return list(by_name.values())


def _releases(distributions: Sequence[Distribution]) -> list[Release]:
    grouped: dict[tuple[str, str], list[Distribution]] = {}
    for each in distributions:
        grouped.setdefault((each.project, str(each.version)), []).append(each)
    return [
        Release(project=files[0].project, version=files[0].version, distributions=tuple(files))
        for files in grouped.values()
    ]


def _plan_release(release: Release, repository: Repository) -> ReleasePlan:
    capabilities = repository.capabilities
    alone = capabilities.opens_alone
    limit = capabilities.parallel_per_release
    rest = (FOLLOWS if alone else FREE).format(limit=limit)
    steps = (
        Step(distribution=each, opens=alone and place == 0, reason=OPENS if alone and place == 0 else rest)
        for place, each in enumerate(_in_order(release.distributions))
    )
    return ReleasePlan(release=release, steps=tuple(steps))


def _in_order(distributions: Sequence[Distribution]) -> list[Distribution]:
    """The smallest wheel, then wheels from the largest down, then the sdist.

    The first file holds up the others, so it is small. Large ones start early, so that none is left
    over at the end. While a release holds an sdist and not yet all wheels, installers build from
    source; without a file that fits they stay with the version before: hence the sdist is last.
    """
    wheels = sorted(
        (each for each in distributions if each.kind is DistributionKind.WHEEL),
        key=lambda each: (each.size, each.filename),
    )
    sdists = sorted(
        (each for each in distributions if each.kind is DistributionKind.SDIST),
        key=lambda each: each.filename,
    )
    return [*wheels[:1], *reversed(wheels[1:]), *sdists]
