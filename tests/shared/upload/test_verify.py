from __future__ import annotations

import pytest
from upload_fakes.repository import FakeRepository, distribution, release

from publish_all.diagnoses import STILL_PROPAGATING
from publish_all.events import VerifyWaiting
from publish_all.results import FileState
from publish_all.upload.clock import Cancellation
from publish_all.upload.verify import Verifier, VerifyOptions
from publish_all.upload.workers import Workers

ONE, TWO = release(distribution("one")), release(distribution("two"))


@pytest.fixture
def verifier(clock, events):
    def verifier(repository, *, cancellation=None, timeout=100.0):
        cancellation = cancellation or Cancellation()
        verifier.workers = Workers(2, listener=events, cancellation=cancellation)
        return Verifier(
            repository,
            options=VerifyOptions(timeout=timeout),
            workers=verifier.workers,
            clock=clock,
            cancellation=cancellation,
        )

    yield verifier
    verifier.workers.close()


@pytest.fixture
def verify(verifier):
    def verify(repository, **options):
        one = verifier(repository, **options)
        one.look(ONE)
        one.look(TWO)
        return one.finish()

    return verify


def test_listed_at_once(verify, time):
    seen = verify(FakeRepository())
    assert seen.clear
    assert set(seen.visibility.values()) == {FileState.VISIBLE}
    assert time.waits == []


def test_only_what_is_missing_is_asked_again(verify):
    repository = FakeRepository(lag=1)
    assert verify(repository).clear
    assert len(repository.calls) == 3


def test_waits_grow_and_end_with_the_timeout(verify, time, events):
    seen = verify(FakeRepository(lag=10**6), timeout=60.0)
    assert time.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 14.5]
    assert not seen.clear
    assert len(events.of(VerifyWaiting)[0].missing) == 2


def test_no_index_is_not_asked_twice(verify):
    repository = FakeRepository(verifiable=False)
    seen = verify(repository)
    assert (seen.possible, seen.clear) == (False, False)
    assert len(repository.calls) == 2


@pytest.mark.parametrize("verifiable", [True, False])
def test_what_the_index_says_of_itself_is_told_once(verify, verifiable):
    seen = verify(FakeRepository(verifiable=verifiable, remarks=(STILL_PROPAGATING.found("so to speak"),)))
    assert [each.message for each in seen.remarks] == ["so to speak"]
    assert not any(seen.findings.values())


def test_stopped(verify, time):
    cancellation = Cancellation()
    cancellation.cancel()
    assert not verify(FakeRepository(lag=100), cancellation=cancellation).clear
    assert time.waits == []


def test_early_end_tells_only_what_is_certain(verifier):
    repository = FakeRepository(lag=1)
    one = verifier(repository)
    one.look(ONE)
    one.look(TWO)
    verifier.workers.drain()
    seen = one.so_far()
    assert list(seen.visibility.values()) == [FileState.VISIBLE]
    assert not seen.possible
