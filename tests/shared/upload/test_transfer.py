from __future__ import annotations

from dataclasses import replace

import pytest
from upload_fakes.repository import FakeRepository, distribution, outcome

from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError, RepositoryError
from publish_all.events import UploadProgressed, UploadStarted, UploadWaiting
from publish_all.repositories.repository import UploadOutcome
from publish_all.results import FileState
from publish_all.upload.transfer import Transfer
from publish_all.upload.workers import Attempts, Cancellation, Clock

FILE = distribution()
BUSY = Diagnosis("PA511").found("503 Service Unavailable")
TRANSIENT = outcome(FileState.FAILED, finding=BUSY)
AMBIGUOUS = outcome(FileState.UNCLEAR)
CONFLICT = outcome(FileState.CONFLICT)


@pytest.fixture
def transfer(clock, events):
    def transfer(repository, *replies, cancellation=None, **limits):
        repository.replies[FILE.filename] = list(replies)
        return Transfer(
            repository,
            FILE,
            Attempts(clock=clock, cancellation=cancellation or Cancellation(), **limits),
            events,
        )()

    return transfer


def stored_but_unanswered(repository):
    def reply(distribution):
        repository.held[distribution.filename] = distribution.digests.sha256
        return AMBIGUOUS

    return reply


def test_taken_at_once(transfer, events):
    result = transfer(FakeRepository())
    assert (result.status, result.attempts, result.findings) == (FileState.UPLOADED, 1, ())
    assert [type(each) for each in events.seen] == [UploadStarted, UploadProgressed]


def test_transient_failures_are_tried_again_with_growing_waits(transfer, events, time):
    result = transfer(FakeRepository(), *[TRANSIENT] * 5)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 6)
    assert len(time.waits) == 5
    assert all(wait <= 0.5 * 2**n for n, wait in enumerate(time.waits))
    assert [each.attempt for each in events.of(UploadWaiting)] == [1, 2, 3, 4, 5]
    assert {each.reason for each in events.of(UploadWaiting)} == {"503 Service Unavailable"}


def crash(said):
    return UploadOutcome(status=FileState.UNCLEAR, findings=(Diagnosis("PA510").found(said),), crash=said)


def test_a_server_that_fails_on_a_file_in_the_same_way_each_time_is_given_up_on(transfer, time):
    result = transfer(FakeRepository(), *[crash("500 broken")] * 8)
    assert (result.status, result.attempts) == (FileState.UNCLEAR, 3)
    assert [each.code for each in result.findings] == ["PA510", "PA581"]
    assert "500 broken" in result.findings[1].message


def test_a_server_that_fails_in_different_ways_is_asked_again(transfer):
    result = transfer(FakeRepository(), *(crash(f"500 deadlock {number}") for number in range(5)))
    assert (result.status, result.attempts) == (FileState.UPLOADED, 6)


def test_a_file_that_arrived_although_the_server_failed_is_uploaded(transfer):
    repository = FakeRepository()

    def stored(distribution):
        repository.held[distribution.filename] = distribution.digests.sha256
        return crash("500 broken")

    result = transfer(repository, crash("500 broken"), crash("500 broken"), stored)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 3)


def test_names_the_field_that_a_server_probably_fails_on(clock, events):
    repository = FakeRepository()
    file = replace(FILE, metadata={**FILE.metadata, "Provides-Dist": ("kindling (", "tinder")})
    repository.replies[file.filename] = [crash("500 broken")] * 3
    result = Transfer(repository, file, Attempts(clock=clock, cancellation=Cancellation()), events)()
    assert result.findings[1].hint.endswith("Correct it: Provides-Dist: kindling (")


def pause(number, chance, retry_after=None):
    clock = Clock(chance=lambda: chance)
    return Attempts(clock=clock, cancellation=Cancellation(), number=number, most=99).pause(retry_after)


def test_waits_have_full_jitter():
    assert [pause(4, chance) for chance in (0.0, 0.5, 0.999)] == pytest.approx([0.0, 2.0, 3.996])


def test_backoff_is_capped():
    assert pause(40, 1.0) == 30.0


def test_retry_after_is_honoured(transfer, time):
    transfer(FakeRepository(), outcome(FileState.FAILED, retry_after=17.0))
    assert 17.0 <= time.waits[0] <= 18.0


def test_retry_after_is_capped_and_not_negative():
    assert pause(1, 0.0, retry_after=86400.0) == 120.0
    assert pause(1, 0.0, retry_after=-5.0) == 0.0


def test_retry_after_of_nothing_does_not_hammer():
    assert pause(4, 0.5, retry_after=0.0) == 2.0


def test_given_up_after_the_last_attempt(transfer):
    repository = FakeRepository()
    result = transfer(repository, *[TRANSIENT] * 20)
    assert (result.status, result.attempts) == (FileState.FAILED, 8)
    assert len(repository.uploads) == 8
    assert [each.code for each in result.findings] == ["PA511", "PA581"]
    assert "after 8 attempts" in result.findings[-1].message


def test_given_up_when_the_time_is_over(transfer, time):
    slow = outcome(FileState.FAILED, retry_after=100.0)
    result = transfer(FakeRepository(), *[slow] * 20, most=50, time_limit=250.0)
    assert result.status is FileState.FAILED
    assert time.time <= 250.0


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (FileState.REFUSED, FileState.REFUSED),
        (FileState.UNAUTHORIZED, FileState.UNAUTHORIZED),
        (FileState.PRESENT, FileState.PRESENT),
        (FileState.CONFLICT, FileState.CONFLICT),
    ],
)
def test_final_outcomes_are_not_tried_again(transfer, status, end):
    result = transfer(FakeRepository(), outcome(status))
    assert (result.status, result.attempts) == (end, 1)


def test_lost_answer_is_settled_by_the_index(transfer):
    repository = FakeRepository()
    result = transfer(repository, stored_but_unanswered(repository))
    assert (result.status, result.attempts) == (FileState.UPLOADED, 1)
    assert len(repository.uploads) == 1


def test_lost_answer_is_sent_again_where_the_index_has_nothing(transfer):
    repository = FakeRepository()
    result = transfer(repository, AMBIGUOUS)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 2)


def test_lost_answer_is_sent_again_where_there_is_no_index(transfer):
    repository = FakeRepository(lists=False)
    result = transfer(repository, AMBIGUOUS, outcome(FileState.PRESENT))
    assert (result.status, result.attempts) == (FileState.UPLOADED, 2)


def test_index_that_fails_too_is_asked_after_the_next_attempt(transfer):
    repository = FakeRepository()
    repository.index_failures = [RepositoryError("502")]
    result = transfer(repository, stored_but_unanswered(repository), TRANSIENT)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 2)


def test_last_lost_answer_is_settled_by_the_index_too(transfer):
    repository = FakeRepository()
    result = transfer(repository, TRANSIENT, stored_but_unanswered(repository), most=2)
    assert result.status is FileState.UPLOADED


def test_other_bytes_found_after_a_lost_answer_are_a_conflict(transfer):
    repository = FakeRepository(held={FILE.filename: "other"})
    result = transfer(repository, AMBIGUOUS)
    assert result.status is FileState.CONFLICT
    assert [each.slug for each in result.findings] == ["other-bytes-there"]


def test_exists_already_with_our_own_hash_is_success(transfer):
    repository = FakeRepository(held={FILE.filename: FILE.digests.sha256})
    assert transfer(repository, CONFLICT).status is FileState.PRESENT


def test_exists_already_after_an_unclear_attempt_waits_for_the_index(transfer):
    repository = FakeRepository()

    def now_listed(distribution):
        repository.held[distribution.filename] = distribution.digests.sha256
        return CONFLICT

    result = transfer(repository, AMBIGUOUS, CONFLICT, now_listed)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 3)


def test_exists_already_after_a_gateway_error_may_be_our_own(transfer):
    repository = FakeRepository()

    def now_listed(distribution):
        repository.held[distribution.filename] = distribution.digests.sha256
        return CONFLICT

    result = transfer(repository, TRANSIENT, CONFLICT, now_listed)
    assert (result.status, result.attempts) == (FileState.UPLOADED, 3)


def test_unsettled_failure_is_marked_as_unclear(transfer):
    result = transfer(FakeRepository(), *[AMBIGUOUS] * 8)
    assert result.status is FileState.UNCLEAR


def test_stopped_while_waiting_is_not_tried_again(transfer, time, clock):
    cancellation = Cancellation()

    def cancelled(distribution):
        cancellation.cancel()
        return TRANSIENT

    result = transfer(FakeRepository(), cancelled, cancellation=cancellation)
    assert (result.status, result.attempts) == (FileState.INTERRUPTED, 1)
    assert time.waits == []


def test_aborted_in_the_middle_of_the_body(transfer):
    cancellation = Cancellation()
    cancellation.cancel()
    cancellation.cancel()
    repository = FakeRepository()
    result = transfer(repository, cancellation=cancellation)
    assert result.status is FileState.INTERRUPTED
    assert repository.uploads == []


def test_credential_error_is_an_outcome(transfer):
    result = transfer(FakeRepository(), CredentialError("the token expired", hint="Make a new one."))
    assert result.status is FileState.UNAUTHORIZED
    assert [(each.message, each.hint) for each in result.findings] == [
        ("the token expired", "Make a new one.")
    ]


def test_file_that_vanished_is_refused(transfer):
    result = transfer(FakeRepository(), FileNotFoundError(2, "No such file or directory"))
    assert result.status is FileState.REFUSED
    assert result.findings[0].where == str(FILE.path)


def test_progress_is_told_ten_times_a_second_at_most(clock, events, time):
    class Chunky(FakeRepository):
        def upload(self, distribution, *, progress):
            for sent in range(0, 1001, 10):
                time.time += 0.01
                progress(sent)
            return UploadOutcome(status=FileState.UPLOADED)

    Transfer(
        Chunky(),
        FILE,
        Attempts(clock=clock, cancellation=Cancellation()),
        events,
    )()
    told = [each.sent for each in events.of(UploadProgressed)]
    assert len(told) <= 11
    assert told[-1] == 1000
