"""A repository, a clock and a listener for tests of the upload engine: nothing real behind them."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from publish_all.config.kinds import LEGACY, Kind
from publish_all.distributions.distribution import Digests, Distribution, DistributionKind, Release
from publish_all.errors import PublishAllError, RepositoryError
from publish_all.events import Event
from publish_all.findings import Finding
from publish_all.repositories.repository import (
    Capabilities,
    Look,
    Progress,
    ReleaseOutcome,
    UploadOutcome,
    no_progress,
)
from publish_all.results import FileState
from publish_all.upload.workers import Clock

PYPI_LIKE = Capabilities(
    opens_alone=True,
    parallel_per_release=4,
    parallel=8,
    final_on_upload=True,
    public=True,
)


def distribution(
    project: str = "demo",
    version: str = "1.0",
    tag: str | None = "py3-none-any",
    *,
    size: int = 1000,
    content: str = "",
    variant: str | None = None,
    folder: str = "dist",
) -> Distribution:
    """A wheel, or with `tag` None an sdist. `content` makes other bytes of the same name."""
    stem = f"{canonicalize_name(project).replace('-', '_')}-{version}"
    filename = f"{stem}.tar.gz" if tag is None else f"{stem}-{tag}.whl"
    sha256 = hashlib.sha256(f"{filename}{content}".encode()).hexdigest()
    return Distribution(
        path=Path(folder) / filename,
        kind=DistributionKind.SDIST if tag is None else DistributionKind.WHEEL,
        name=project,
        version=Version(version),
        tag=tag,
        size=size,
        digests=Digests(md5=sha256[:32], sha256=sha256, blake2_256=sha256),
        metadata={},
        description="",
        core_metadata=b"",
        variant=variant,
    )


def release(*files: Distribution) -> Release:
    return Release(project=files[0].project, version=files[0].version, distributions=files)


Reply = UploadOutcome | Exception | Callable[[Distribution], UploadOutcome]


def outcome(
    status: FileState, *, retry_after: float | None = None, finding: Finding | None = None
) -> UploadOutcome:
    return UploadOutcome(
        status=status, retry_after=retry_after, findings=() if finding is None else (finding,)
    )


@dataclass
class FakeRepository:
    """Holds sha256 by filename, and answers as it is told.

    `replies` are what uploads of a filename get, in order; without one left an upload is taken. `lists`
    False: it has no index that could be asked. What was asked is in `calls`; how many uploads ran at once
    in `most_at_once`, in all and per release.
    """

    name: str = "fake"
    capabilities: Capabilities = PYPI_LIKE
    kind: Kind = LEGACY
    held: dict[str, str] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    any_reply: Callable[[Distribution], UploadOutcome | None] = lambda _: None
    preflights: list[tuple[Finding, ...] | PublishAllError] = field(default_factory=list)
    index_failures: list[RepositoryError] = field(default_factory=list)
    commits: list[ReleaseOutcome | PublishAllError] = field(default_factory=list)
    lists: bool = True
    lacks: set[str] = field(default_factory=set)
    about: tuple[Finding, ...] = ()
    lag: int = 0
    wrong: set[str] = field(default_factory=set)
    verifiable: bool = True
    remarks: tuple[Finding, ...] = ()
    gone: set[str] = field(default_factory=set)
    on_verify: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)
    most_at_once: dict[str, int] = field(default_factory=dict)
    opened_together: list[str] = field(default_factory=list)
    pause: threading.Event | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"https://{self.name}.example/upload/"

    def preflight(self, releases: tuple[Release, ...], *, brief: bool = False) -> tuple[Finding, ...]:
        self._note(f"preflight {len(releases)}{' in brief' if brief else ''}")
        answer = self.preflights.pop(0) if self.preflights else ()
        if isinstance(answer, PublishAllError):
            raise answer
        return answer

    def states(self, release: Release) -> Look:
        self._note(f"states {release}")
        with self._lock:
            if self.index_failures:
                raise self.index_failures.pop(0)
            if not self.lists:
                return Look(states={each.filename: FileState.UNKNOWN for each in release.distributions})
            return Look(
                states={each.filename: self._state(each) for each in release.distributions},
                new_project=release.project in self.lacks,
                findings=self.about,
            )

    def expect(self, projects: Mapping[NormalizedName, bool]) -> tuple[Finding, ...]:
        del projects
        return ()

    def upload(self, distribution: Distribution, *, progress: Progress = no_progress) -> UploadOutcome:
        key = f"{distribution.project} {distribution.version}"
        self._enter(key)
        try:
            progress(distribution.size // 2)
            if self.pause is not None:
                self.pause.wait(5)
            progress(distribution.size)
            return self._answer(distribution)
        finally:
            self._leave(key)

    def commit(self, release: Release) -> ReleaseOutcome:
        self._note(f"commit {release}")
        answer = self.commits.pop(0) if self.commits else ReleaseOutcome(complete=True)
        if isinstance(answer, PublishAllError):
            raise answer
        return answer

    def verify(self, release: Release) -> Look:
        self._note(f"verify {release}")
        self.on_verify()
        names = tuple(each.filename for each in release.distributions)
        if not self.verifiable:
            return Look(possible=False, findings=self.remarks)
        with self._lock:
            if self.lag > 0:
                self.lag -= 1
                return Look()
        wrong = dict.fromkeys(self.wrong, FileState.DIFFERENT)
        return Look(
            states=dict.fromkeys(names, FileState.PRESENT) | wrong,
            findings=self.remarks,
        )

    def page(self, release: Release) -> str | None:
        return f"https://{self.name}.example/project/{release.project}/"

    def install_command(self, release: Release, together: Collection[NormalizedName]) -> str | None:
        del together
        return f"pip install {release.project}=={release.version}"

    @property
    def uploads(self) -> list[str]:
        return [each.removeprefix("upload ") for each in self.calls if each.startswith("upload ")]

    def _state(self, distribution: Distribution) -> FileState:
        held = self.held.get(distribution.filename)
        if held is None:
            return FileState.ABSENT
        if distribution.filename in self.gone:
            return FileState.INCOMPLETE
        return FileState.PRESENT if held == distribution.digests.sha256 else FileState.DIFFERENT

    def _answer(self, distribution: Distribution) -> UploadOutcome:
        with self._lock:
            self.calls.append(f"upload {distribution.filename}")
            queued = self.replies.get(distribution.filename)
            reply = queued.pop(0) if queued else self.any_reply(distribution)
            if isinstance(reply, Exception):
                raise reply
            if callable(reply):
                reply = reply(distribution)
            if reply is None:
                reply = outcome(FileState.UPLOADED)
            if reply.status is FileState.UPLOADED:
                self.held[distribution.filename] = distribution.digests.sha256
                self.gone.discard(distribution.filename)
            return reply

    def _enter(self, key: str) -> None:
        with self._lock:
            self._running[key] = self._running.get(key, 0) + 1
            if self._running[key] > 1 and not self._holds(key):
                self.opened_together.append(key)
            for name, number in ((key, self._running[key]), ("all", sum(self._running.values()))):
                self.most_at_once[name] = max(number, self.most_at_once.get(name, 0))

    def _holds(self, key: str) -> bool:
        project, version = key.split(" ")
        return any(each.startswith(f"{project.replace('-', '_')}-{version}") for each in self.held)

    def _leave(self, key: str) -> None:
        with self._lock:
            self._running[key] -= 1

    def _note(self, call: str) -> None:
        with self._lock:
            self.calls.append(call)


@dataclass
class FakeTime:
    """A clock whose waits take no time but are remembered, and whose chance is a seeded one."""

    seed: int = 0
    time: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(self.seed)

    def clock(self) -> Clock:
        return Clock(
            now=lambda: self.time, wall=lambda: 1_700_000_000 + self.time, wait=self.wait, chance=self.chance
        )

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.time += seconds

    def chance(self) -> float:
        with self._lock:
            return self._random.random()


@dataclass
class Events:
    """A listener that remembers, and knows whether it was called from another thread."""

    seen: list[Event] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self.threads.add(threading.get_ident())

    def of(self, kind: type[Event]) -> list[Event]:
        return [each for each in self.seen if isinstance(each, kind)]
