"""What is going on right now: the state behind a live display. No drawing here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from publish_all.events import (
    BuildFinished,
    BuildStarted,
    Event,
    RepositoryFinished,
    RepositoryStarted,
    RepositoryWaiting,
    StepStarted,
    UploadFinished,
    UploadProgressed,
    UploadStarted,
    UploadWaiting,
    VerifyWaiting,
)

_SPEED_SECONDS = 3.0


@dataclass(kw_only=True, slots=True)
class LiveFile:
    """A file on its way: bytes sent in this attempt, or until when it waits, and why."""

    filename: str
    size: int
    sent: int = 0
    attempt: int = 1
    waits_until: float | None = None
    reason: str = ""


@dataclass(kw_only=True, slots=True)
class LiveRepository:
    """The repository whose turn it is. Sizes in bytes."""

    name: str
    files: int
    size: int
    files_done: int = 0
    size_done: int = 0


@dataclass(kw_only=True, slots=True)
class LiveBuild:
    """The files that are being built, one after the other."""

    files: int
    done: int


class LiveState:
    """Follows the events. `now` is monotonic seconds."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self._now = now
        self._speeds: deque[tuple[float, int]] = deque()
        self.step = ""
        self.build: LiveBuild | None = None
        self.repository: LiveRepository | None = None
        self.files: dict[str, LiveFile] = {}

    def follow(self, event: Event) -> None:
        match event:
            case StepStarted():
                self.step, self.build = f"{event.step} {event.detail}".strip(), None
            case BuildStarted():
                self.step = f"build the {event.kind} of {event.variant or event.project}"
                self.build = LiveBuild(files=event.files, done=event.number - 1)
            case BuildFinished():
                self.step = ""
                if self.build is not None:
                    self.build.done += 1
            case RepositoryWaiting():
                self.step = f"{event.repository} does not answer; again in {event.seconds:.0f} s"
            case VerifyWaiting():
                self.step = f"verify {event.repository}: {len(event.missing)} not listed yet"
            case RepositoryStarted():
                self.repository = LiveRepository(name=event.repository, files=event.files, size=event.size)
                self._speeds.clear()
            case RepositoryFinished():
                self.repository, self.step = None, ""
                self.files.clear()
            case _:
                self._follow_file(event)

    def _follow_file(self, event: Event) -> None:
        match event:
            case UploadStarted():
                self.files[event.filename] = LiveFile(
                    filename=event.filename, size=event.size, attempt=event.attempt
                )
            case UploadProgressed() if event.filename in self.files:
                self.files[event.filename].sent = event.sent
                self._speeds.append((self._now(), self.sent))
            case UploadWaiting() if event.filename in self.files:
                file = self.files[event.filename]
                file.sent, file.reason = 0, event.reason
                file.waits_until = self._now() + event.seconds
            case UploadFinished():
                self.files.pop(event.filename, None)
                if self.repository is not None:
                    self.repository.files_done += 1
                    self.repository.size_done += event.size
            case _:
                pass

    @property
    def sent(self) -> int:
        """Bytes that are there or on their way."""
        done = self.repository.size_done if self.repository is not None else 0
        return done + sum(each.sent for each in self.files.values())

    @property
    def speed(self) -> float:
        """Bytes a second over the last seconds; 0 when it cannot be told."""
        now = self._now()
        while self._speeds and self._speeds[0][0] < now - _SPEED_SECONDS:
            self._speeds.popleft()
        if len(self._speeds) < 2:
            return 0.0
        (first_at, first), (last_at, last) = self._speeds[0], self._speeds[-1]
        return max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else 0.0

    def waits(self, file: LiveFile) -> float | None:
        """Seconds that a file still waits, None when it is not waiting."""
        return None if file.waits_until is None else max(0.0, file.waits_until - self._now())
