"""Make the uploaded files of a release visible, with the same patience as an upload."""

from __future__ import annotations

from itertools import count

from publish_all._values import dataclass
from publish_all.distributions.distribution import Release
from publish_all.errors import PublishAllError
from publish_all.repositories.repository import ReleaseOutcome, Repository
from publish_all.upload.clock import Cancellation, Clock
from publish_all.upload.transfer import RetryPolicy, as_findings, unexpected


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """The commit of one release, ready to be carried out in a worker thread. It is idempotent, so it is tried again."""

    repository: Repository
    release: Release
    retry: RetryPolicy
    clock: Clock
    cancellation: Cancellation

    def __call__(self) -> ReleaseOutcome:
        began = self.clock.now()
        for attempt in count(1):
            outcome = self._attempt()
            seconds = self.retry.wait(attempt, retry_after=None, chance=self.clock.chance())
            late = attempt >= self.retry.attempts or self.clock.now() - began + seconds > self.retry.seconds
            if outcome.complete or not outcome.retryable or late or self.cancellation.stopping:
                return outcome
            self.clock.wait(seconds, self.cancellation.stopped)
        raise AssertionError

    def _attempt(self) -> ReleaseOutcome:
        try:
            return self.repository.commit(self.release)
        except PublishAllError as error:
            return ReleaseOutcome(complete=False, findings=as_findings(error))
        except Exception as error:  # noqa: BLE001 - as in a transfer
            return ReleaseOutcome(complete=False, findings=(unexpected(error, str(self.release)),))
