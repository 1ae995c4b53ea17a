import os
import signal
import time

import pytest

from publish_all.cli.command import interrupted_by_signals
from publish_all.cli.publish_command import cancelled_by_signals

pytestmark = pytest.mark.posix("signals")
TERMINATION = [] if os.name == "nt" else [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _same_afterwards():
    # Whoever started pytest may have them ignored: nohup does, and a shell for a job in the background.
    outside = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGINT, *TERMINATION)}
    yield
    assert {signal.signal(each, handler) for each, handler in outside.items()} == {signal.SIG_DFL}


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", TERMINATION)
def test_a_request_to_end_is_the_same_as_an_interrupt(number):
    with pytest.raises(KeyboardInterrupt, match=signal.Signals(number).name), interrupted_by_signals():
        send(number)


def test_cleaning_up_is_not_interrupted_again():
    cleaned = []

    def interrupted():
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGHUP)
            send(signal.SIGTERM)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        interrupted()
    assert cleaned == [True]


@pytest.mark.parametrize("number", [signal.SIGINT, *TERMINATION])
def test_uploads_stop_at_the_first_signal_and_abort_at_the_second(number):
    with interrupted_by_signals(), cancelled_by_signals() as cancellation:
        send(number)
        assert (cancellation.stopping, cancellation.aborting) == (True, False)
        send(number)
        assert cancellation.aborting


@pytest.mark.parametrize("block", [interrupted_by_signals, cancelled_by_signals])
def test_an_ignored_signal_stays_ignored_as_under_nohup(block):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with block() as cancellation:
            send(signal.SIGHUP)
        assert cancellation is None or not cancellation.stopping
    finally:
        signal.signal(signal.SIGHUP, before)
