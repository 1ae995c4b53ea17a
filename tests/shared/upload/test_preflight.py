from __future__ import annotations

from dataclasses import replace

import pytest
from upload_fakes.repository import PYPI_LIKE, FakeRepository, distribution

from publish_all._http_errors import Failure, HttpError
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CheckError, ConflictError, CredentialError, RepositoryError
from publish_all.events import Found, RepositoryWaiting
from publish_all.findings import Severity
from publish_all.results import FileState
from publish_all.upload.journal import open_journal
from publish_all.upload.plan import OPENS, plan
from publish_all.upload.preflight import preflight

WHEEL, SDIST = distribution(), distribution(tag=None)
DOWN = HttpError("Nothing answers.", failure=Failure.REFUSED, url="https://x/", retryable=True)
UNKNOWN_HOST = HttpError("No such host.", failure=Failure.DNS, url="https://x/", hint="See the URL.")
NO_TOKEN = CredentialError("pypi wants a credential", hint="Set PUBLISH_ALL_PYPI_TOKEN.")
WRONG_URL = Diagnosis("PA441").found("an index, not an upload URL")
NOTE = Diagnosis("PA450").found("no index is known")


@pytest.fixture
def ask(clock, events):
    def ask(*repositories, files=(WHEEL, SDIST), journalled=(), **options):
        planned = plan(files, [(each, None) for each in repositories])
        with open_journal(None) as journal:
            for state, file in journalled:
                journal.record(state, [file], repository=repositories[0].name, url=repositories[0].url)
            return preflight(planned, journal=journal, listener=events, clock=clock, **options)

    return ask


def require_clear(done):
    if done.problem is not None:
        raise done.problem


def states(done):
    said = {"upload": "not started", "skip": "skipped"}
    return {each.filename: FileState(said.get(each.action, each.action)) for each in done.report.files}


def test_everything_is_asked_and_nothing_uploaded(ask):
    first, second = FakeRepository("first"), FakeRepository("second")
    done = ask(first, second)
    require_clear(done)
    for each in (first, second):
        assert sorted(each.calls) == ["preflight 1", "states demo 1.0"]


@pytest.mark.parametrize(
    ("repositories", "size", "in_earnest", "brief"),
    [
        (1, 1 << 20, True, True),
        (1, 1 << 20, False, False),
        (2, 10, True, False),
        (1, (1 << 20) + 1, True, False),
    ],
)
def test_small_files_for_one_repository_may_ask_by_themselves(ask, repositories, size, in_earnest, brief):
    all_of_them = [FakeRepository(str(number)) for number in range(repositories)]
    ask(*all_of_them, files=(WHEEL, replace(SDIST, size=size)), in_earnest=in_earnest)
    said = "preflight 1 in brief" if brief else "preflight 1"
    assert all(said in each.calls for each in all_of_them)


def test_states_become_decisions(ask):
    repository = FakeRepository(held={WHEEL.filename: WHEEL.digests.sha256})
    done = ask(repository)
    assert states(done) == {WHEEL.filename: FileState.PRESENT, SDIST.filename: FileState.NOT_STARTED}


def test_conflict_in_the_second_of_three_stops_all(ask):
    second = FakeRepository("second", held={WHEEL.filename: "other"})
    done = ask(FakeRepository("first"), second, FakeRepository("third"))
    with pytest.raises(ConflictError, match="second has files with the same names") as caught:
        require_clear(done)
    assert [each.where for each in caught.value.findings] == [f"second: {WHEEL.filename}"]


def test_skip_existing_makes_a_conflict_a_warning(ask):
    done = ask(FakeRepository(held={WHEEL.filename: "other"}), skip_existing=True)
    require_clear(done)
    assert states(done)[WHEEL.filename] is FileState.SKIPPED
    assert [each.severity for each in done.findings] == [Severity.WARNING]


def test_a_listed_file_that_is_gone_is_told_and_uploaded_again(ask):
    repository = FakeRepository(held={WHEEL.filename: WHEEL.digests.sha256}, gone={WHEEL.filename})
    done = ask(repository)
    require_clear(done)
    assert [(each.code, each.severity) for each in done.findings] == [("PA488", Severity.WARNING)]
    assert set(states(done).values()) == {FileState.NOT_STARTED}


def test_findings_are_told(ask, events):
    repository = FakeRepository(preflights=[(NOTE,)])
    done = ask(repository)
    require_clear(done)
    assert [each.finding for each in events.of(Found)] == [NOTE]


def test_missing_credential_has_its_own_error(ask):
    done = ask(FakeRepository(preflights=[NO_TOKEN]))
    with pytest.raises(CredentialError) as caught:
        require_clear(done)
    assert [each.hint for each in caught.value.findings] == ["Set PUBLISH_ALL_PYPI_TOKEN."]


def test_missing_credential_is_moot_where_nothing_is_to_be_uploaded(ask):
    held = {each.filename: each.digests.sha256 for each in (WHEEL, SDIST)}
    require_clear(ask(FakeRepository(preflights=[NO_TOKEN], held=held)))


def test_wrong_url_is_a_failed_check(ask):
    done = ask(FakeRepository(preflights=[(WRONG_URL,)]))
    with pytest.raises(CheckError) as caught:
        require_clear(done)
    assert caught.value.findings == (WRONG_URL,)


def test_several_kinds_of_trouble_are_a_failed_check(ask):
    done = ask(FakeRepository("a", preflights=[NO_TOKEN]), FakeRepository("b", preflights=[UNKNOWN_HOST]))
    with pytest.raises(CheckError, match="cannot publish to a, b") as caught:
        require_clear(done)
    assert len(caught.value.findings) == 2


def test_server_that_comes_back_is_asked_again(ask, events):
    repository = FakeRepository(preflights=[DOWN, DOWN], index_failures=[DOWN])
    require_clear(ask(repository))
    assert len(events.of(RepositoryWaiting)) == 3


def test_retry_after_of_the_index_is_waited_for(ask, time):
    busy = HttpError("429", failure=Failure.STATUS, url="https://x/", retryable=True, retry_after=9.0)
    require_clear(ask(FakeRepository(index_failures=[busy])))
    assert 9.0 <= time.waits[0] <= 10.0


@pytest.mark.parametrize(("failure", "calls"), [(Failure.REFUSED, 6), (Failure.DROPPED, 12)])
def test_server_that_stays_down_is_given_up_sooner_if_nobody_is_there(ask, failure, calls):
    down = HttpError("No answer.", failure=failure, url="https://x/", retryable=True)
    repository = FakeRepository(preflights=[down] * 100, index_failures=[down] * 100)
    with pytest.raises(RepositoryError, match="fake cannot be reached") as caught:
        require_clear(ask(repository))
    assert caught.value.exit_code == 1
    assert len(caught.value.findings) == 1
    assert len(repository.calls) == calls


def test_what_can_not_pass_is_asked_once(ask):
    repository = FakeRepository(preflights=[UNKNOWN_HOST])
    done = ask(repository)
    assert done.problem is not None
    assert repository.calls.count("preflight 1") == 1


def test_index_that_fails_stops_the_publish(ask):
    repository = FakeRepository(index_failures=[RepositoryError("the index is broken")])
    with pytest.raises(RepositoryError) as caught:
        require_clear(ask(repository))
    assert caught.value.findings[0].message == "the index is broken"


def test_plan_is_described_with_reasons(ask):
    done = ask(FakeRepository(held={SDIST.filename: SDIST.digests.sha256}))
    report = done.report
    assert [(each.filename, each.action, each.reason) for each in report.files] == [
        (WHEEL.filename, "upload", OPENS),
        (SDIST.filename, "present", "already uploaded, with the same content"),
    ]
    assert report.exit_code == 0


def test_description_has_the_exit_code_of_a_real_run(ask):
    done = ask(FakeRepository(held={SDIST.filename: "other"}))
    assert done.report.exit_code == 6


def test_repository_without_a_list_is_uploaded_to(ask):
    done = ask(FakeRepository(lists=False))
    assert set(states(done).values()) == {FileState.NOT_STARTED}


@pytest.mark.parametrize(
    ("lists", "final", "journalled", "state"),
    [
        (False, True, FileState.PUBLISHED, FileState.PRESENT),
        (False, True, FileState.UNVERIFIED, FileState.PRESENT),
        (False, True, FileState.STARTED, FileState.NOT_STARTED),
        (False, True, FileState.UPLOADED, FileState.PRESENT),
        (False, False, FileState.UPLOADED, FileState.NOT_STARTED),
        (True, True, FileState.STARTED, FileState.NOT_STARTED),
        (True, True, FileState.PUBLISHED, FileState.NOT_STARTED),
        (True, True, FileState.VISIBLE, FileState.NOT_STARTED),
    ],
)
def test_the_journal_counts_only_where_the_index_cannot_be_asked(ask, lists, final, journalled, state):
    capabilities = replace(PYPI_LIKE, final_on_upload=final)
    done = ask(
        FakeRepository(capabilities=capabilities, lists=lists),
        files=[WHEEL],
        journalled=[(journalled, WHEEL)],
    )
    assert states(done) == {WHEEL.filename: state}
