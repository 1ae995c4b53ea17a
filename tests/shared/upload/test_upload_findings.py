"""Findings of the upload engine itself, by code: PA486, PA487, PA501, PA504, PA582."""

from __future__ import annotations

import pytest
from upload_fakes.repository import FakeRepository, distribution

from publish_all._http_errors import Failure, HttpError
from publish_all.errors import PublishAllError, RepositoryError
from publish_all.repositories.repository import UploadOutcome
from publish_all.results import FileState
from publish_all.upload.journal import open_journal
from publish_all.upload.plan import plan
from publish_all.upload.preflight import preflight
from publish_all.upload.transfer import Transfer
from publish_all.upload.workers import Attempts, Cancellation

FILE = distribution()


def asked(repository: FakeRepository, clock) -> list[str]:
    with open_journal(None) as journal:
        done = preflight(plan([FILE], [(repository, None)]), journal=journal, clock=clock)
    return [each.code for each in done.findings]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HttpError("Nobody listens.", failure=Failure.REFUSED, url="https://x/"), "PA501"),
        (HttpError("No such host.", failure=Failure.DNS, url="https://x/"), "PA504"),
        (HttpError("It answers 500.", failure=Failure.STATUS, url="https://x/"), "PA510"),
        (RepositoryError("It says nothing."), "PA582"),
    ],
)
def test_what_keeps_a_question_from_being_answered_has_its_own_code(error, code, clock):
    assert asked(FakeRepository(preflights=[error] * 6), clock) == [code]


def test_an_answer_has_no_code(clock):
    assert asked(FakeRepository(), clock) == []


def transferred(reply, clock, events):
    repository = FakeRepository(replies={FILE.filename: [reply]})
    return Transfer(
        repository,
        FILE,
        Attempts(clock=clock, cancellation=Cancellation()),
        events,
    )()


def test_a_file_that_is_gone_and_an_error_of_no_kind(clock, events):
    gone = transferred(FileNotFoundError(2, "No such file or directory"), clock, events)
    assert (gone.status, [each.code for each in gone.findings]) == (FileState.REFUSED, ["PA486"])
    odd = transferred(PublishAllError("What now?"), clock, events)
    assert (odd.status, [each.code for each in odd.findings]) == (FileState.REFUSED, ["PA487"])
    taken = transferred(UploadOutcome(status=FileState.UPLOADED), clock, events)
    assert (taken.status, taken.findings) == (FileState.UPLOADED, ())
