"""Which upload starts next: the rules of concurrency of one repository, without threads or clocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from publish_all.repositories.repository import Capabilities
from publish_all.upload.plan import ReleasePlan, Step


class _Lane:
    """One release: what waits, what runs, and whether its first file is there."""

    def __init__(self, steps: Iterable[Step], *, open_already: bool, limit: int) -> None:
        self.waiting = deque(steps)
        self.running = 0
        self._open = open_already
        self.limit = limit
        self.left = sum(each.distribution.size for each in self.waiting)

    @property
    def opening(self) -> bool:
        return not self._open

    def may_start(self) -> bool:
        limit = self.limit if self._open else 1
        return bool(self.waiting) and self.running < limit

    def start(self) -> Step:
        self.running += 1
        step = self.waiting.popleft()
        self.left -= step.distribution.size
        return step

    def end(self) -> None:
        self.running -= 1
        self._open = True


class Schedule:
    """Hands out steps, and is told when they end.

    A release that is not open yet (`opens_alone`, and none of its files is known to be there) gets one
    upload; when that is done, `parallel_per_release` at a time. Releases that are not open go first, so
    that others have something to do meanwhile; among equals the one with the most bytes left.
    """

    def __init__(
        self,
        releases: Sequence[tuple[ReleasePlan, frozenset[str]]],
        capabilities: Capabilities,
        *,
        jobs: int,
    ) -> None:
        """`releases` pairs each plan with the filenames still to be uploaded; `jobs` is the user's limit."""
        self._parallel = min(jobs, capabilities.parallel)
        self._lanes: list[_Lane] = []
        self._lane_of: dict[str, _Lane] = {}
        for release, wanted in releases:
            steps = [each for each in release.steps if each.distribution.filename in wanted]
            lane = _Lane(
                steps,
                open_already=not capabilities.opens_alone or len(steps) < len(release.steps),
                limit=capabilities.parallel_per_release,
            )
            self._lanes.append(lane)
            self._lane_of.update({each.distribution.filename: lane for each in steps})

    @property
    def running(self) -> int:
        return sum(each.running for each in self._lanes)

    def next(self) -> Step | None:
        """The step to start now, None if nothing may start at the moment. It counts as running."""
        ready = [each for each in self._lanes if each.may_start()]
        if not ready or self.running >= self._parallel:
            return None
        return max(ready, key=lambda lane: (lane.opening, lane.left)).start()

    def end(self, step: Step) -> None:
        """A step has ended, and its file is there."""
        self._lane_of[step.distribution.filename].end()
