"""Signals: a signal ends a command after it has cleaned up, and ends uploads between two files.

SIGTERM and SIGHUP do the same as Ctrl-C. A signal that is ignored stays ignored (`nohup`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from publish_all._process import INTERRUPTED

if TYPE_CHECKING:
    from publish_all.upload.retry import Cancellation

_TERMINATION = tuple(getattr(signal, each) for each in ("SIGTERM", "SIGHUP") if hasattr(signal, each))


@contextmanager
def cancelled_by_signals() -> Iterator[Cancellation]:
    """A cancellation that signals set while the block runs. The first signal lets running uploads finish, the second aborts them."""
    from publish_all.upload.retry import Cancellation

    cancellation = Cancellation()

    def cancel(_: int) -> None:
        cancellation.cancel()
        INTERRUPTED.set()

    try:
        with _handled((signal.SIGINT, *_TERMINATION), cancel):
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

    with _handled(_TERMINATION, interrupt):
        yield


@contextmanager
def _handled(signals: tuple[signal.Signals, ...], handle: Callable[[int], None]) -> Iterator[None]:
    """Call `handle` for these signals, except ignored ones. Outside of the main thread, for none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        handle(number)

    before = {}
    try:
        for each in signals:
            if signal.getsignal(each) is not signal.SIG_IGN:
                before[each] = signal.signal(each, handler)
        yield
    finally:
        for each, handled in before.items():
            signal.signal(each, handled)
