"""One file into one repository: attempts, waits between them, and what to do when no answer came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from publish_all._values import dataclass
from publish_all.diagnoses import (
    CANNOT_READ_FILE,
    MAYBE_OTHER_BYTES,
    OTHER_BYTES,
    RETRIES_EXHAUSTED,
    UPLOAD_FAILED,
)
from publish_all.distributions.distribution import Distribution, Release
from publish_all.errors import CredentialError, PublishAllError, RepositoryError
from publish_all.events import Event, UploadProgressed, UploadStarted, UploadWaiting
from publish_all.findings import Finding
from publish_all.repositories.repository import Progress, Repository, UploadOutcome
from publish_all.results import FileState
from publish_all.upload.clock import Cancellation, Clock

_PROGRESS_SECONDS = 0.1
_SPREAD_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How long one file is tried: `attempts` in all, `seconds` from its first byte to the last attempt's start.

    The wait before attempt n+1 is a random part of `base * 2**(n-1)` seconds, at most `longest_backoff`
    ("full jitter", https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/);
    a server's Retry-After is waited for, up to `longest_wait`.
    """

    attempts: int = 8
    seconds: float = 900.0
    base: float = 0.5
    longest_backoff: float = 30.0
    longest_wait: float = 120.0

    def wait(self, attempt: int, *, retry_after: float | None, chance: float) -> float:
        """Seconds between the failure of `attempt` (from 1) and the next. `chance` is in [0, 1)."""
        backoff = chance * min(self.longest_backoff, self.base * 2.0 ** (attempt - 1))
        asked = min(max(retry_after or 0.0, 0.0), self.longest_wait)
        # Uploads that were turned away together do not come back together.
        return max(backoff, asked + chance * min(_SPREAD_SECONDS, asked))


@dataclass(frozen=True, kw_only=True, slots=True)
class Transferred:
    """How the transfer of a file ended. `unclear` tells that it may be there although it is not done."""

    status: FileState
    attempts: int
    seconds: float
    url: str | None = None
    findings: tuple[Finding, ...] = ()
    unclear: bool = False


class AbortedError(Exception):
    """Raised in the middle of a body when the run is to end at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """The transfer of one file, ready to be carried out in a worker thread.

    `sent_before` tells that an earlier run has sent it, and may have had it stored.
    """

    repository: Repository
    distribution: Distribution
    retry: RetryPolicy
    clock: Clock
    cancellation: Cancellation
    emit: Callable[[Event], None]
    sent_before: bool = False

    def __call__(self) -> Transferred:
        """Never raises: whatever breaks once bytes were sent is told in the report."""
        began = self.clock.now()
        try:
            return self._carry_out(began)
        except Exception as error:  # noqa: BLE001 - other files may be there: the run must end with its report
            return Transferred(
                status=FileState.UNCLEAR,
                attempts=1,
                seconds=self.clock.now() - began,
                findings=(unexpected(error, self.distribution.filename),),
                unclear=True,
            )

    def _carry_out(self, began: float) -> Transferred:
        unclear = False
        for attempt in count(1):
            outcome = self._attempt(attempt)
            status = self._judge(outcome, again=attempt > 1 or self.sent_before)
            if status is not None:
                return self._end(status, attempt, began, outcome)
            unclear = unclear or outcome.status is not FileState.FAILED
            again = self._wait(attempt, outcome, began)
            status = self._ask() if unclear or not again else None
            if status is not None:
                return self._end(status, attempt, began, outcome)
            if not again:
                return self._give_up(attempt, began, outcome, unclear=unclear)
        raise AssertionError

    def _attempt(self, attempt: int) -> UploadOutcome:
        self.emit(
            UploadStarted(
                repository=self.repository.name,
                filename=self.distribution.filename,
                size=self.distribution.size,
                attempt=attempt,
            )
        )
        try:
            return self.repository.upload(self.distribution, progress=self._progress())
        except AbortedError:
            return UploadOutcome(status=FileState.UNCLEAR)
        except CredentialError as error:
            return UploadOutcome(status=FileState.UNAUTHORIZED, findings=as_findings(error))
        except PublishAllError as error:
            return UploadOutcome(status=FileState.REFUSED, findings=as_findings(error))
        except OSError as error:
            finding = CANNOT_READ_FILE.found(
                f"{error.strerror or error}",
                where=str(self.distribution.path),
                hint="Put the file back, or build again if nothing is published yet.",
            )
            return UploadOutcome(status=FileState.REFUSED, findings=(finding,))

    def _progress(self) -> Progress:
        """Passes on how far the body is, ten times a second at most, and ends it when the run is aborted."""
        last = self.clock.now()

        def progress(sent: int) -> None:
            nonlocal last
            if self.cancellation.aborting:
                raise AbortedError
            now = self.clock.now()
            if sent < self.distribution.size and now - last < _PROGRESS_SECONDS:
                return
            last = now
            self.emit(
                UploadProgressed(
                    repository=self.repository.name,
                    filename=self.distribution.filename,
                    sent=sent,
                    size=self.distribution.size,
                )
            )

        return progress

    def _judge(self, outcome: UploadOutcome, *, again: bool) -> FileState | None:
        """The end that an outcome means, None where there is another attempt.

        `again` tells that there were attempts before. Whatever their outcome seemed to be, one of them
        may have stored the file: gateways answer 502 for servers that were merely slow.
        """
        match outcome.status:
            case FileState.UPLOADED:
                return FileState.UPLOADED
            case FileState.PRESENT:
                return FileState.UPLOADED if again else FileState.PRESENT
            case FileState.CONFLICT:
                return self._judge_conflict(again=again)
            case FileState.REFUSED:
                return FileState.REFUSED
            case FileState.UNAUTHORIZED:
                return FileState.UNAUTHORIZED
            case _:
                return None

    def _judge_conflict(self, *, again: bool) -> FileState | None:
        """Some servers say "exists" whatever the bytes are: the index knows whose they are.

        After another attempt they may be ours although the index does not list them yet.
        """
        match self._state():
            case FileState.PRESENT:
                return FileState.UPLOADED if again else FileState.PRESENT
            case FileState.DIFFERENT:
                return FileState.CONFLICT
            case FileState.INCOMPLETE:
                # It is ours, and the server does not take it again. Verification tells that it is not there.
                return FileState.PRESENT
            case _:
                return None if again else FileState.CONFLICT

    def _ask(self) -> FileState | None:
        """After an attempt whose answer was lost, and before giving up: what does the index say? None where it does not know."""
        match self._state():
            case FileState.PRESENT:
                return FileState.UPLOADED
            case FileState.DIFFERENT:
                return FileState.CONFLICT
            case _:
                return None

    def _state(self) -> FileState:
        if not self.repository.capabilities.lists:
            return FileState.UNKNOWN
        one = Release(
            project=self.distribution.project,
            version=self.distribution.version,
            distributions=(self.distribution,),
        )
        try:
            return self.repository.states(one).get(self.distribution.filename, FileState.UNKNOWN)
        except RepositoryError:
            return FileState.UNKNOWN

    def _wait(self, attempt: int, outcome: UploadOutcome, began: float) -> bool:
        """Wait for the next attempt; False when there is to be none."""
        seconds = self.retry.wait(attempt, retry_after=outcome.retry_after, chance=self.clock.chance())
        too_late = self.clock.now() - began + seconds > self.retry.seconds
        if attempt >= self.retry.attempts or too_late or self.cancellation.stopping:
            return False
        self.emit(
            UploadWaiting(
                repository=self.repository.name,
                filename=self.distribution.filename,
                attempt=attempt,
                seconds=seconds,
                reason=_reason(outcome),
            )
        )
        self.clock.wait(seconds, self.cancellation.stopped)
        return not self.cancellation.stopping

    def _give_up(self, attempt: int, began: float, outcome: UploadOutcome, *, unclear: bool) -> Transferred:
        if self.cancellation.stopping:
            return self._end(FileState.INTERRUPTED, attempt, began, outcome, unclear=unclear)
        finding = RETRIES_EXHAUSTED.found(
            f"given up after {attempt} attempts in {self.clock.now() - began:.0f} s; the last: {_reason(outcome)}",
            where=self.distribution.filename,
            hint="Run the same command again when the repository answers: it goes on where it stopped.",
        )
        status = FileState.UNCLEAR if unclear else FileState.FAILED
        return self._end(status, attempt, began, outcome, extra=(finding,), unclear=unclear)

    def _end(
        self,
        status: FileState,
        attempt: int,
        began: float,
        outcome: UploadOutcome,
        *,
        extra: tuple[Finding, ...] = (),
        unclear: bool = False,
    ) -> Transferred:
        findings = () if status.done else tuple(self._explained(status, outcome)) + extra
        return Transferred(
            status=status,
            attempts=attempt,
            seconds=self.clock.now() - began,
            url=outcome.url,
            findings=findings,
            unclear=unclear,
        )

    def _explained(self, status: FileState, outcome: UploadOutcome) -> Iterator[Finding]:
        yield from outcome.findings
        told = {OTHER_BYTES.code, MAYBE_OTHER_BYTES.code}
        if status is FileState.CONFLICT and not any(each.code in told for each in outcome.findings):
            yield other_bytes(self.repository, self.distribution)


def other_bytes(repository: Repository, distribution: Distribution) -> Finding:
    return OTHER_BYTES.found(
        f"{repository.name} has another file named {distribution.filename}",
        where=f"{repository.name}: {distribution.filename}",
        hint="Publish under a new version; or keep the file that is there with --skip-existing.",
    )


def _reason(outcome: UploadOutcome) -> str:
    for finding in outcome.findings:
        return finding.message.splitlines()[0] if finding.message else finding.slug
    return "no answer" if outcome.status is FileState.UNCLEAR else "the server asks to try again"


def unexpected(error: Exception, where: str) -> Finding:
    """The finding for an error that nobody foresaw, such as an absurd answer of a server."""
    return UPLOAD_FAILED.found(
        f"unexpected error: {type(error).__name__}: {error}",
        where=where,
        hint="Run the same command again. If it stays, report it with what the server is.",
    )


def as_findings(error: PublishAllError) -> tuple[Finding, ...]:
    """What an error has to say, in findings."""
    return error.findings or (UPLOAD_FAILED.found(error.message, hint=error.hint or ""),)
