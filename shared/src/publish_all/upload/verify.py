"""After the uploads: does the index list each file with our sha256?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from publish_all.distributions.distribution import Release
from publish_all.events import StepStarted, VerifyWaiting
from publish_all.findings import Finding
from publish_all.repositories.repository import Repository, Verification
from publish_all.results import Visibility
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.diagnoses import INDEX_DIFFERS, STILL_PROPAGATING
from publish_all.upload.workers import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyOptions:
    """How long the index is polled, in seconds, and how long at first and at most between two looks."""

    timeout: float = 180.0
    first: float = 0.5
    longest: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What was seen of each file, and what there is to say about it.

    `possible` is False where the repository has no index to look at.
    """

    visibility: Mapping[str, Visibility]
    findings: Mapping[str, tuple[Finding, ...]]
    possible: bool

    @property
    def clear(self) -> bool:
        """Whether every file that can be seen is seen, with our bytes."""
        return not any(
            each in (Visibility.PROPAGATING, Visibility.DIFFERENT) for each in self.visibility.values()
        )


NOTHING_SEEN = Verified(visibility={}, findings={}, possible=False)


def verify_releases(
    repository: Repository,
    releases: Sequence[Release],
    *,
    options: VerifyOptions,
    workers: Workers,
    clock: Clock,
    cancellation: Cancellation,
) -> Verified:
    """Look until everything is listed, or `options.timeout` is over. Never raises for what the index says."""
    workers.tell(StepStarted(step="verify", detail=repository.name))
    seen: dict[str, Visibility] = {}
    said: dict[str, tuple[Finding, ...]] = {}
    possible = True
    began, pause, left = clock.now(), options.first, list(releases)
    while left:
        looks = workers.each([_look(repository, release) for release in left])
        possible = possible and all(look.possible for look in looks)
        for look in looks:
            seen.update(_visibility(look))
        said.update({name: look.findings for look in looks for name in look.missing})
        left = [release for release, look in zip(left, looks, strict=True) if look.possible and look.missing]
        missing = tuple(name for name, each in seen.items() if each is Visibility.PROPAGATING)
        rest = options.timeout - (clock.now() - began)
        if not left or rest <= 0 or cancellation.stopping:
            break
        seconds = min(pause, rest)
        workers.tell(VerifyWaiting(repository=repository.name, missing=missing, seconds=seconds))
        workers.each([lambda seconds=seconds: clock.wait(seconds, cancellation.stopped)])  # type: ignore[misc]  # mypy cannot infer a lambda's default
        pause = min(pause * 2, options.longest)
    findings = {
        name: (
            *_explain(repository, name, each),
            *(said.get(name, ()) if each is Visibility.PROPAGATING else ()),
        )
        for name, each in seen.items()
    }
    return Verified(visibility=seen, findings=findings, possible=possible)


def _look(repository: Repository, release: Release) -> Callable[[], Verification]:
    return lambda: repository.verify(release)


def _visibility(look: Verification) -> dict[str, Visibility]:
    if not look.possible:
        return dict.fromkeys((*look.visible, *look.missing, *look.different), Visibility.UNCHECKED)
    return (
        dict.fromkeys(look.visible, Visibility.VISIBLE)
        | dict.fromkeys(look.missing, Visibility.PROPAGATING)
        | dict.fromkeys(look.different, Visibility.DIFFERENT)
    )


def _explain(repository: Repository, filename: str, visibility: Visibility) -> tuple[Finding, ...]:
    where = f"{repository.name}: {filename}"
    match visibility:
        case Visibility.PROPAGATING:
            finding = STILL_PROPAGATING.found(
                f"{repository.name} has taken {filename}, and its index does not list it yet",
                where=where,
                hint="Look again in some minutes, or give --verify-timeout more seconds.",
            )
        case Visibility.DIFFERENT:
            finding = INDEX_DIFFERS.found(
                f"the index of {repository.name} lists {filename} with another sha256 than the one uploaded",
                where=where,
                hint="Somebody else published this name, or a proxy changes files: do not use this release.",
            )
        case Visibility.VISIBLE | Visibility.UNCHECKED:
            return ()
    return (finding,)
