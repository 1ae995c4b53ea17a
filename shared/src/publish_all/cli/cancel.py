"""Ctrl-C during uploads: the first lets what is under way end, a second one aborts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from publish_all.credentials.keyring import INTERRUPTED
from publish_all.upload.clock import Cancellation


@contextmanager
def cancelled_by_signals() -> Iterator[Cancellation]:
    """A cancellation that SIGINT and SIGTERM set for as long as the block runs."""
    cancellation = Cancellation()
    if threading.current_thread() is not threading.main_thread():
        yield cancellation
        return

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        cancellation.cancel()
        INTERRUPTED.set()

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancellation
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        INTERRUPTED.clear()
