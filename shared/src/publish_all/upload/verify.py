"""After the uploads: does the index list each file with our sha256?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from publish_all._values import dataclass
from publish_all.diagnoses import INDEX_DIFFERS, STILL_PROPAGATING
from publish_all.distributions.distribution import Release
from publish_all.events import StepStarted, VerifyWaiting
from publish_all.findings import Finding
from publish_all.repositories.repository import Repository, Verification
from publish_all.results import FileState
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.transfer import unexpected
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

    `possible` is False where the repository has no index to look at. `remarks` are about the index itself.
    """

    visibility: Mapping[str, FileState]
    findings: Mapping[str, tuple[Finding, ...]]
    possible: bool
    remarks: tuple[Finding, ...] = ()

    @property
    def clear(self) -> bool:
        """Whether every file is seen, with our bytes."""
        return all(each is FileState.VISIBLE for each in self.visibility.values())


NOTHING_SEEN = Verified(visibility={}, findings={}, possible=False)


class Verifier:
    """Looks at the index of one repository, for each release as soon as it is there.

    `look` and `finish` are called in the thread which waits for the workers; only the looks themselves
    run in the workers.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        options: VerifyOptions,
        workers: Workers,
        clock: Clock,
        cancellation: Cancellation,
    ) -> None:
        self._repository = repository
        self._options = options
        self._workers = workers
        self._clock = clock
        self._cancellation = cancellation
        self._left: dict[str, Release] = {}
        self._seen: dict[str, FileState] = {}
        self._said: dict[str, tuple[Finding, ...]] = {}
        self._remarks: dict[Finding, None] = {}
        self._possible = True

    def look(self, release: Release) -> None:
        """Look for a release now, without waiting for the answer."""
        self._left[str(release)] = release
        self._workers.submit(partial(self._ask, release), then=partial(self._take_note, release))

    def _ask(self, release: Release) -> Verification:
        try:
            return self._repository.verify(release)
        except Exception as error:  # noqa: BLE001 - the files were sent: the run must end with its report
            return Verification(findings=(unexpected(error, self._repository.url),))

    def _take_note(self, release: Release, look: Verification) -> None:
        self._possible = self._possible and look.possible
        seen = _visibility(release, look)
        self._seen.update(seen)
        missing = [name for name, each in seen.items() if each is FileState.PROPAGATING]
        if missing:
            self._said.update(dict.fromkeys(missing, look.findings))
        else:
            self._remarks.update(dict.fromkeys(look.findings))
            del self._left[str(release)]

    def finish(self) -> Verified:
        """Look again until everything is listed, or `timeout` is over. Never raises for what the index says."""
        self._workers.tell(StepStarted(step="verify", detail=self._repository.name))
        began, pause = self._clock.now(), self._options.first
        while True:
            self._workers.drain()
            rest = self._options.timeout - (self._clock.now() - began)
            if not self._left or rest <= 0 or self._cancellation.stopping:
                return self._verified()
            self._wait(min(pause, rest))
            pause = min(pause * 2, self._options.longest)
            for release in list(self._left.values()):
                self.look(release)

    def so_far(self) -> Verified:
        """What was seen when the repository's turn ended early: what is not listed yet does not matter."""
        certain = (FileState.VISIBLE, FileState.DIFFERENT)
        self._seen = {name: each for name, each in self._seen.items() if each in certain}
        return replace(self._verified(), possible=False)

    def _wait(self, seconds: float) -> None:
        missing = tuple(name for name, each in self._seen.items() if each is FileState.PROPAGATING)
        self._workers.tell(VerifyWaiting(repository=self._repository.name, missing=missing, seconds=seconds))
        # In a worker, so that Ctrl-C gets through everywhere.
        self._workers.submit(
            lambda: self._clock.wait(seconds, self._cancellation.stopped), then=lambda _: None
        )
        self._workers.drain()

    def _verified(self) -> Verified:
        findings = {
            name: _explain(self._repository, name, each, self._said.get(name, ()))
            for name, each in self._seen.items()
        }
        return Verified(
            visibility=dict(self._seen),
            findings=findings,
            possible=self._possible,
            remarks=tuple(self._remarks),
        )


_VISIBILITY = {
    FileState.ABSENT: FileState.PROPAGATING,
    FileState.DIFFERENT: FileState.DIFFERENT,
    FileState.INCOMPLETE: FileState.UNCHECKED,  # the server lists it and does not hand it out: no proof, and no refusal
    FileState.PRESENT: FileState.VISIBLE,
    FileState.UNKNOWN: FileState.VISIBLE,  # listed without a hash
}


def _visibility(release: Release, look: Verification) -> dict[str, FileState]:
    names = [each.filename for each in release.distributions]
    if not look.possible:
        return dict.fromkeys(names, FileState.UNCHECKED)
    return {name: _VISIBILITY[look.states.get(name, FileState.ABSENT)] for name in names}


def _explain(
    repository: Repository, filename: str, visibility: FileState, said: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """What there is to say about a file; `said` came with the last look at it."""
    where = f"{repository.name}: {filename}"
    match visibility:
        case FileState.PROPAGATING:
            finding = STILL_PROPAGATING.found(
                f"{repository.name} accepted {filename}, but its index does not list it yet",
                where=where,
                hint="Run the same command again in some minutes: it looks first, and uploads only what is missing. "
                "--verify-timeout sets how long to wait.",
            )
            return (finding, *said)
        case FileState.DIFFERENT:
            finding = INDEX_DIFFERS.found(
                f"the index of {repository.name} lists {filename} with another sha256 than the one uploaded",
                where=where,
                hint="Somebody else published this name, or a proxy changes files: do not use this release.",
            )
            return (finding,)
        case _:
            return ()
