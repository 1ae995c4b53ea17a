"""Threads that carry out tasks, with time, chance and patience as arguments, so that tests of waits do not wait.

One thread alone decides, listens to events and writes the journal.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import TypeVar

from publish_all.errors import PublishAllError
from publish_all.events import Event, Listener, Note

T = TypeVar("T")

_STOPPING = "stopping after the running uploads; press Ctrl-C again to stop at once"

THREAD_NAME = "publish-all"
"""The prefix of the names of our threads."""
_LEAVE_SECONDS = 1.0

# Signals reach the main thread on Windows only between waits.
_POLL_SECONDS = 0.2
_SPREAD_SECONDS = 1.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 30.0


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


@dataclass(kw_only=True)
class Attempts:
    """Counts the attempts at one thing, and waits between them. `number` is that of the last one, from 1; the caller
    counts it when an attempt begins.

    There are `most` in all, and the last one begins at most `time_limit` seconds after the first.
    """

    clock: Clock
    cancellation: Cancellation
    most: int = 8
    time_limit: float = 900.0
    longest_wait: float = 120.0
    number: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    @property
    def seconds(self) -> float:
        """Since the first one began."""
        return self.clock.now() - self._began

    def pause(self, retry_after: float | None = None) -> float | None:
        """Seconds until the next attempt, None if there is none.

        They are a random part of what doubles with each attempt ("full jitter",
        https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/). A server's Retry-After is
        waited for, up to `longest_wait`.
        """
        chance = self.clock.chance()
        backoff = chance * min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** (self.number - 1))
        asked = min(max(retry_after or 0.0, 0.0), self.longest_wait)
        # Uploads that were turned away together do not come back together.
        pause = max(backoff, asked + chance * min(_SPREAD_SECONDS, asked))
        spent = self.number >= self.most or self.seconds + pause > self.time_limit
        return None if spent or self.cancellation.stopping else pause

    def wait(self, pause: float | None) -> bool:
        """Wait for the next attempt; False if there is none."""
        if pause is not None:
            self.clock.wait(pause, self.cancellation.stopped)
        return pause is not None and not self.cancellation.stopping


class StoppedError(PublishAllError):
    """The run was aborted while it waited for answers."""


@dataclass(eq=False)
class Workers:
    """At most `count` threads, started as they are needed.

    `emit` is for tasks; the listener and `then` are called only in the thread that calls `wait`. The threads are
    daemons: an upload that is abandoned does not hold up the end of the process.
    """

    count: int
    _: KW_ONLY
    listener: Listener
    cancellation: Cancellation
    clock: Clock = field(default_factory=Clock)
    running: int = 0
    _tasks: queue.SimpleQueue[Callable[[], None] | None] = field(default_factory=queue.SimpleQueue)
    _messages: queue.SimpleQueue[Event | Callable[[], object]] = field(default_factory=queue.SimpleQueue)
    _threads: list[threading.Thread] = field(default_factory=list)
    _said_that_it_stops: bool = False

    def emit(self, event: Event) -> None:
        """Send an event from inside a task."""
        self._messages.put(event)

    def submit(self, task: Callable[[], T], *, then: Callable[[T], object]) -> None:
        """Run `task` in a thread, and hand its value to `then` in the thread that waits."""

        def carry_out() -> None:
            try:
                self._messages.put(partial(then, task()))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for it
                failure = error

                def fail() -> None:
                    raise failure

                self._messages.put(fail)

        self.running += 1
        self._tasks.put(carry_out)
        if len(self._threads) < min(self.running, self.count):
            name = f"{THREAD_NAME}-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self) -> None:
        """Handle finished tasks; if there are none, wait a moment. Raises the exception of a task.

        Ctrl-C counts as `cancel` where no signal handler catches it.
        """
        message: Event | Callable[[], object] | None = None
        try:
            with suppress(queue.Empty):
                message = self._messages.get(timeout=_POLL_SECONDS)
            if isinstance(message, Event):
                self.listener(message)
            elif message is not None:
                self.running -= 1
                message()
        except KeyboardInterrupt:
            self.cancellation.cancel()
        if self.cancellation.stopping and self.running and not self._said_that_it_stops:
            self._said_that_it_stops = True
            self.listener(Note(message=_STOPPING))

    def each(self, tasks: Iterable[Callable[[], T]]) -> list[T]:
        """The values of tasks that run side by side, in the order of the tasks. Raises `StoppedError`."""
        values: dict[int, T] = {}
        for place, task in enumerate(tasks):
            self.submit(task, then=partial(values.__setitem__, place))
        while self.running and not self.cancellation.aborting:
            self.wait()
        if self.running:
            msg = "stopped; nothing was uploaded"
            raise StoppedError(msg, hint="Run the same command again.")
        return [values[place] for place in sorted(values)]

    def close(self) -> None:
        """Let the threads finish their tasks, which takes a moment if nothing hangs.

        A thread that is in the middle of OpenSSL when the interpreter ends makes the process crash.
        """
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + _LEAVE_SECONDS
        for each in self._threads:
            each.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
