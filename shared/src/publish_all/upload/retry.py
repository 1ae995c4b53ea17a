"""Time, chance and patience as arguments, so that tests of waits do not wait; and the token that ends a run early."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SPREAD_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Cancellation:
    """Asked to stop: the first time nothing new starts and running uploads end, the second time they are abandoned.

    Safe to call from signal handlers and other threads.
    """

    stopped: threading.Event = field(default_factory=threading.Event)
    aborted: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop; if already stopping, abort."""
        if self.stopped.is_set():
            self.aborted.set()
        self.stopped.set()

    @property
    def stopping(self) -> bool:
        return self.stopped.is_set()

    @property
    def aborting(self) -> bool:
        return self.aborted.is_set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """`now` is monotonic seconds; `wall` Unix time; `wait` sleeps, but not on after the event is set; `chance` is in [0, 1)."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    wait: Callable[[float, threading.Event], object] = lambda seconds, stopped: stopped.wait(seconds)
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How long something is tried: `attempts` in all, `seconds` from its first byte to the last attempt's start.

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


class Attempts:
    """Counts the attempts at one thing, and waits between them. `number` is that of the last one, from 1; the caller counts it when an attempt begins."""

    def __init__(self, policy: RetryPolicy, clock: Clock, cancellation: Cancellation) -> None:
        self._policy = policy
        self.clock = clock
        self.cancellation = cancellation
        self._began = clock.now()
        self.number = 0

    @property
    def seconds(self) -> float:
        """Since the first one began."""
        return self.clock.now() - self._began

    def wait(
        self,
        *,
        retry_after: float | None = None,
        tell: Callable[[float], None] = lambda _: None,
    ) -> bool:
        """Wait for the next attempt; False if there is none.

        `tell` is called with the seconds before they are waited for.
        """
        seconds = self._policy.wait(self.number, retry_after=retry_after, chance=self.clock.chance())
        spent = self.number >= self._policy.attempts or self.seconds + seconds > self._policy.seconds
        if spent or self.cancellation.stopping:
            return False
        tell(seconds)
        self.clock.wait(seconds, self.cancellation.stopped)
        return not self.cancellation.stopping
