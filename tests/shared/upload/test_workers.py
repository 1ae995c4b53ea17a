from __future__ import annotations

import threading

import pytest

from publish_all.events import Note
from publish_all.upload.workers import Cancellation, StoppedError, Workers


@pytest.fixture
def cancellation():
    return Cancellation()


@pytest.fixture
def workers(events, cancellation):
    workers = Workers(3, listener=events, cancellation=cancellation)
    yield workers
    workers.close()


def test_values_come_in_the_order_of_the_tasks(workers):
    assert workers.each([lambda number=number: number * 2 for number in range(50)]) == list(range(0, 100, 2))


def test_no_more_run_at_once_than_there_are_workers(workers):
    running, most, lock = 0, 0, threading.Lock()

    def task():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    workers.each([task] * 12)
    assert 2 <= most <= 3


def test_events_of_tasks_are_heard_in_the_waiting_thread_before_their_end(workers, events):
    heard = []
    workers.submit(
        lambda: workers.emit(Note(message="inside")), then=lambda _: heard.append(list(events.seen))
    )
    while workers.running and not workers.cancellation.aborting:
        workers.wait()
    assert heard == [[Note(message="inside")]]
    assert events.threads == {threading.get_ident()}


def test_error_of_a_task_is_raised_where_it_is_waited_for(workers):
    with pytest.raises(ZeroDivisionError):
        workers.each([lambda: 1 / 0])


def test_abort_does_not_wait_for_what_hangs(workers, cancellation):
    hung = threading.Event()
    cancellation.cancel()
    cancellation.cancel()
    with pytest.raises(StoppedError, match="nothing was uploaded"):
        workers.each([lambda: hung.wait(5)])
    hung.set()


def test_says_once_that_it_lets_end_what_has_begun(workers, cancellation, events):
    release = threading.Event()
    workers.submit(lambda: release.wait(5), then=lambda _: None)
    workers.wait()
    assert events.of(Note) == []
    cancellation.cancel()
    workers.wait()
    (note,) = events.of(Note)
    assert "Ctrl-C again" in note.message
    release.set()
    while workers.running and not workers.cancellation.aborting:
        workers.wait()
    assert events.of(Note) == [note]


def test_ctrl_c_cancels(workers, cancellation):
    def interrupted():
        raise KeyboardInterrupt

    workers.submit(interrupted, then=lambda _: None)
    while workers.running and not workers.cancellation.aborting:
        workers.wait()
    assert (cancellation.stopping, cancellation.aborting) == (True, False)
