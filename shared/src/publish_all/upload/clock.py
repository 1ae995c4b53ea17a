"""Time and chance as arguments, so that tests of waits do not wait; and the token that ends a run early."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from publish_all._values import dataclass


class Cancellation:
    """Asked to stop: the first time nothing new starts and running uploads end, the second time they are abandoned.

    Safe to call from signal handlers and other threads.
    """

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.aborted = threading.Event()

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


def _wait(seconds: float, stopped: threading.Event) -> None:
    stopped.wait(seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """`now` is monotonic seconds; `wall` Unix time; `wait` sleeps, but not on after the event is set; `chance` is in [0, 1)."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    wait: Callable[[float, threading.Event], None] = _wait
    chance: Callable[[], float] = random.random
