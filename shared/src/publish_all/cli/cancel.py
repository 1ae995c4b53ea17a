"""Signals: a signal ends a command after it has cleaned up, and ends uploads between two files.

SIGTERM and SIGHUP do the same as Ctrl-C. A signal that is ignored stays ignored (`nohup`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from publish_all._process import INTERRUPTED, TERMINATION, on_signals

if TYPE_CHECKING:
    from publish_all.upload.workers import Cancellation


@contextmanager
def cancelled_by_signals() -> Iterator[Cancellation]:
    """A cancellation that signals set while the block runs. The first signal lets running uploads finish, the second aborts them."""
    from publish_all.upload.workers import Cancellation

    cancellation = Cancellation()

    def cancel(_: int) -> None:
        cancellation.cancel()
        INTERRUPTED.set()

    try:
        with on_signals((signal.SIGINT, *TERMINATION), cancel):
            yield cancellation
    finally:
        INTERRUPTED.clear()


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise `KeyboardInterrupt`, so that no child process is left running.

    Only the first signal does, so that a second one does not interrupt the cleanup.
    """
    asked = threading.Event()

    def interrupt(number: int) -> None:
        if not asked.is_set():
            asked.set()
            raise KeyboardInterrupt(signal.Signals(number).name)

    with on_signals(TERMINATION, interrupt):
        yield
