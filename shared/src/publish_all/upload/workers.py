"""Threads that carry out tasks, while one thread alone decides, listens to events and writes the journal."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import TypeVar

from publish_all.errors import PublishAllError
from publish_all.events import Event, Listener, Note
from publish_all.upload.retry import Cancellation

T = TypeVar("T")

_STOPPING = "stopping after the running uploads; press Ctrl-C again to stop at once"

THREAD_NAME = "publish-all"
"""The prefix of the names of our threads."""
_LEAVE_SECONDS = 1.0

# Signals reach the main thread on Windows only between waits.
_POLL_SECONDS = 0.2


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
                self._messages.put(partial(_fail, error))

        self.running += 1
        self._tasks.put(carry_out)
        if len(self._threads) < min(self.running, self.count):
            name = f"{THREAD_NAME}-{len(self._threads) + 1}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()

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

    def drain(self) -> None:
        """Wait until nothing runs any more, or the run is aborted."""
        while self.running and not self.cancellation.aborting:
            self.wait()

    def each(self, tasks: Iterable[Callable[[], T]]) -> list[T]:
        """The values of tasks that run side by side, in the order of the tasks. Raises `StoppedError`."""
        values: dict[int, T] = {}
        for place, task in enumerate(tasks):
            self.submit(task, then=partial(values.__setitem__, place))
        self.drain()
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


def _fail(error: BaseException) -> None:
    raise error
