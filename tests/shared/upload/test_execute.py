from __future__ import annotations

import errno
import threading
from dataclasses import replace

import pytest
from upload_fakes.repository import (
    PYPI_LIKE,
    Events,
    FakeRepository,
    FakeTime,
    distribution,
    outcome,
)

from publish_all.diagnoses import STILL_PROPAGATING, Diagnosis
from publish_all.errors import ConflictError, RepositoryError
from publish_all.events import (
    Found,
    RepositoryFinished,
    RepositoryStarted,
    UploadFinished,
    VerifyWaiting,
    unless_it_breaks,
)
from publish_all.repositories.repository import ReleaseOutcome
from publish_all.results import FileState
from publish_all.upload.execute import execute
from publish_all.upload.journal import Journal, open_journal, read_journal
from publish_all.upload.plan import plan
from publish_all.upload.preflight import preflight
from publish_all.upload.workers import Cancellation

TAGS = ("py3-none-any", "cp312-cp312-win_amd64", "cp313-cp313-win_amd64", "cp314-cp314-win_amd64", None)
REFUSED = outcome(FileState.REFUSED, finding=Diagnosis("PA449").found("no, thanks"))
TRANSIENT = outcome(FileState.FAILED)
UNAUTHORIZED = outcome(FileState.UNAUTHORIZED)
COMMITS = replace(PYPI_LIKE, final_on_upload=False, opens_alone=False)


def files_of(*projects, tags=TAGS):
    return [distribution(project, tag=tag) for project in projects for tag in tags]


@pytest.fixture
def publish(events):
    def publish(files, *repositories, journal=None, time=None, **options):
        clock = (time or FakeTime()).clock()
        skip_existing = options.get("skip_existing", False)
        planned = plan(files, [(each, None) for each in repositories])
        with open_journal(journal, wall=clock.wall) as opened:
            clear = preflight(planned, journal=opened, clock=clock, skip_existing=skip_existing)
            report = execute(clear, journal=opened, listener=events, clock=clock, **options)
            publish.history = opened
        return report

    return publish


def statuses(report):
    return {file.filename: file.status for each in report.repositories for file in each.files}


def journalled(publish):
    return [each.state for each in publish.history.entries.values()]


def test_everything_arrives_once_in_every_repository(publish, events):
    repositories = [FakeRepository("first"), FakeRepository("second", capabilities=COMMITS)]
    files = files_of("a", "b", "c")
    report = publish(files, *repositories)
    assert report.exit_code == 0
    assert report.complete
    for each in repositories:
        assert sorted(each.uploads) == sorted(file.filename for file in files)
        assert each.held == {file.filename: file.digests.sha256 for file in files}
    assert all(each.verified for each in report.repositories)
    assert set(journalled(publish)) == {FileState.VISIBLE}
    assert len(events.of(UploadFinished)) == 30
    assert events.threads == {threading.get_ident()}


def test_repositories_take_turns(publish, events):
    publish(files_of("a"), FakeRepository("first"), FakeRepository("second"))
    turns = [
        (type(each).__name__, each.repository)
        for each in events.seen
        if isinstance(each, (RepositoryStarted, RepositoryFinished))
    ]
    assert turns == [
        ("RepositoryStarted", "first"),
        ("RepositoryFinished", "first"),
        ("RepositoryStarted", "second"),
        ("RepositoryFinished", "second"),
    ]


def test_one_upload_opens_a_release_and_four_follow(publish):
    class Overlapping(FakeRepository):
        def _answer(self, distribution):
            threading.Event().wait(0.01)
            return super()._answer(distribution)

    repository = Overlapping()
    projects = [f"p{number}" for number in range(12)]
    report = publish(files_of(*projects, tags=(*TAGS, "cp310-cp310-win_amd64")), repository, verify=None)
    assert report.complete
    assert repository.opened_together == []
    at_once = dict(repository.most_at_once)
    assert 2 <= at_once.pop("all") <= 8
    assert max(at_once.values()) <= 4


@pytest.mark.parametrize("jobs", [1, 3])
def test_jobs_limit_all_uploads(publish, jobs):
    repository = FakeRepository()
    publish(files_of("a", "b", "c", "d"), repository, jobs=jobs)
    assert repository.most_at_once["all"] <= jobs


def test_what_is_there_is_not_sent_again(publish):
    files = files_of("a")
    repository = FakeRepository(held={each.filename: each.digests.sha256 for each in files[:2]})
    report = publish(files, repository)
    assert report.exit_code == 0
    assert sorted(repository.uploads) == sorted(each.filename for each in files[2:])
    assert list(statuses(report).values()).count(FileState.PRESENT) == 2


def test_conflict_uploads_nothing_anywhere(publish):
    first = FakeRepository("first")
    second = FakeRepository("second", held={files_of("a")[0].filename: "other"})
    with pytest.raises(ConflictError):
        publish(files_of("a"), first, second, FakeRepository("third"))
    assert first.uploads == []


def test_refusal_ends_the_repository_and_the_next_is_not_started(publish, events):
    files = files_of("a", tags=TAGS[:3])
    opener = "a-1.0-cp312-cp312-win_amd64.whl"
    first, second = FakeRepository("first", replies={opener: [REFUSED]}), FakeRepository("second")
    report = publish(files, first, second)
    assert first.uploads == [opener]
    assert second.uploads == []
    assert [each.started for each in report.repositories] == [True, False]
    assert report.exit_code == 1
    assert statuses(report)["a-1.0-py3-none-any.whl"] is FileState.NOT_STARTED
    assert [each.finding.message for each in events.of(Found)] == ["no, thanks"]
    assert publish.history.complete


def test_partly_done_is_exit_code_5_and_left_over_in_the_journal(publish):
    files = files_of("a", tags=TAGS[:2])
    repository = FakeRepository(replies={files[0].filename: [REFUSED]})
    report = publish(files, repository)
    assert report.exit_code == 5
    assert statuses(report) == {files[0].filename: FileState.REFUSED, files[1].filename: FileState.UPLOADED}
    assert not publish.history.complete


def test_all_credentials_refused_is_exit_code_3(publish):
    report = publish(files_of("a"), FakeRepository(any_reply=lambda _: UNAUTHORIZED))
    assert report.exit_code == 3


def test_conflict_met_while_uploading_is_exit_code_6(publish):
    conflict = outcome(FileState.CONFLICT)
    repository = FakeRepository(any_reply=lambda _: conflict, lists=False)
    assert publish(files_of("a"), repository, verify=None).exit_code == 6


def test_conflict_met_while_uploading_is_skipped_if_asked_for(publish):
    conflict = outcome(FileState.CONFLICT)
    repository = FakeRepository(any_reply=lambda _: conflict, lists=False)
    report = publish(files_of("a"), repository, skip_existing=True)
    assert report.exit_code == 0
    assert set(statuses(report).values()) == {FileState.SKIPPED}
    assert not [each for each in repository.calls if each.startswith("verify")]


def test_commit_follows_the_last_file_of_each_release(publish):
    repository = FakeRepository(capabilities=COMMITS)
    publish(files_of("a", "b"), repository, jobs=1)
    for project in "ab":
        last = max(
            place for place, each in enumerate(repository.calls) if each.startswith(f"upload {project}-")
        )
        assert repository.calls.index(f"commit {project} 1.0") > last


def test_commit_is_retried(publish):
    not_yet = ReleaseOutcome(complete=False, retryable=True)
    repository = FakeRepository(capabilities=COMMITS, commits=[not_yet, not_yet])
    assert publish(files_of("a"), repository).exit_code == 0
    assert repository.calls.count("commit a 1.0") == 3


def test_failed_commit_is_exit_code_5_and_resumed(publish, tmp_path):
    journal = tmp_path / "journal"
    repository = FakeRepository(capabilities=COMMITS, commits=[ReleaseOutcome(complete=False)])
    report = publish(files_of("a"), repository, journal=journal)
    assert report.exit_code == 5
    assert not report.repositories[0].releases[0].committed
    assert [each.slug for each in report.repositories[0].releases[0].findings] == ["release-not-committed"]
    assert not publish.history.complete
    assert publish(files_of("a"), repository, journal=journal).exit_code == 0
    assert publish.history.complete
    assert len(repository.uploads) == 5


def test_commit_that_raises_is_a_finding(publish):
    repository = FakeRepository(capabilities=COMMITS, commits=[RepositoryError("the registry is gone")])
    report = publish(files_of("a"), repository)
    assert [each.message for each in report.repositories[0].releases[0].findings] == ["the registry is gone"]


def test_verification_waits_for_the_index(publish, events):
    report = publish(files_of("a"), FakeRepository(lag=3))
    assert report.repositories[0].verified
    assert len(events.of(VerifyWaiting)) == 3


def test_index_that_lags_too_long_is_told_and_holds_up_the_next(publish, events):
    second = FakeRepository("second")
    report = publish(files_of("a"), FakeRepository("first", lag=1000), second, verify=60)
    assert [(each.complete, each.verified, each.started) for each in report.repositories] == [
        (False, False, True),
        (False, False, False),
    ]
    assert {each.visibility for each in report.repositories[0].files} == {FileState.PROPAGATING}
    assert {each.finding.slug for each in events.of(Found)} == {"still-propagating"}
    assert report.exit_code == 5


def test_a_file_that_the_index_does_not_list_in_time_is_not_done(publish, tmp_path):
    journal, files = tmp_path / "journal", files_of("a")
    repository = FakeRepository(lag=1000)
    report = publish(files, repository, verify=60, journal=journal)
    assert (report.complete, report.exit_code) == (False, 5)
    assert set(statuses(report).values()) == {FileState.UPLOADED}
    assert not publish.history.complete
    repository.lag = 0
    assert publish(files, repository, journal=journal).exit_code == 0
    assert publish.history.complete


def test_a_server_that_took_a_file_and_lost_it_gets_it_again(publish, tmp_path):
    journal, files = tmp_path / "journal", files_of("a", tags=TAGS[:1])
    repository = FakeRepository(lag=10**6)
    options = 10.0
    assert publish(files, repository, verify=options, journal=journal).exit_code == 5
    repository.held, repository.lag = {}, 0
    assert publish(files, repository, journal=journal).exit_code == 0
    assert repository.uploads == [files[0].filename] * 2


def test_an_earlier_upload_that_the_index_shows_late_is_no_conflict(publish, tmp_path):
    """The journal says that we sent it, the server that it is there, and the index shows it a moment later."""
    journal, files = tmp_path / "journal", files_of("a", tags=TAGS[:1])
    name, sha256 = files[0].filename, files[0].digests.sha256
    publish(files, FakeRepository(lag=10**6), verify=10, journal=journal)
    repository = FakeRepository()

    def there_already(_):
        repository.held[name] = sha256
        return outcome(FileState.CONFLICT)

    repository.any_reply = there_already
    report = publish(files, repository, journal=journal)
    assert (report.exit_code, statuses(report)) == (0, {name: FileState.UPLOADED})


def test_where_no_index_can_be_asked_the_run_is_done_and_unverified(publish, tmp_path):
    journal, files = tmp_path / "journal", files_of("a")
    report = publish(files, FakeRepository(verifiable=False), journal=journal)
    assert (report.exit_code, report.repositories[0].verified) == (0, False)
    assert {each.visibility for each in report.repositories[0].files} == {FileState.UNCHECKED}
    assert publish.history.complete


def test_a_run_that_is_stopped_while_it_verifies_is_not_finished(publish):
    cancellation = Cancellation()
    time = FakeTime()
    repository = FakeRepository(lag=1000)
    repository.on_verify = cancellation.cancel
    report = publish(files_of("a"), repository, cancellation=cancellation, time=time)
    assert report.exit_code == 5
    assert not publish.history.complete


def test_a_file_that_is_listed_and_gone_is_uploaded_again(publish):
    files = files_of("a", tags=TAGS[:1])
    repository = FakeRepository(held={files[0].filename: files[0].digests.sha256})
    repository.gone.add(files[0].filename)
    report = publish(files, repository)
    assert (report.exit_code, repository.uploads) == (0, [files[0].filename])


def test_a_journal_on_a_full_disk_ends_the_uploads_with_a_report(publish, monkeypatch, events):
    repository = FakeRepository()
    record = Journal.record

    def full(self, state, files, **where):
        if repository.uploads:
            raise OSError(errno.ENOSPC, "No space left on device")
        record(self, state, files, **where)

    monkeypatch.setattr(Journal, "record", full)
    report = publish(files_of("a", "b"), repository, jobs=1)
    assert report.exit_code == 5
    assert 1 <= len(repository.uploads) < len(files_of("a", "b"))
    assert [each.finding.code for each in events.of(Found)] == ["PA489"]


def test_a_report_that_nobody_reads_does_not_end_the_uploads():
    def gone(event):
        raise BrokenPipeError

    files = files_of("a")
    planned = plan(files, [(FakeRepository(), None)])
    with open_journal(None) as journal:
        report = execute(
            preflight(planned, journal=journal), journal=journal, listener=unless_it_breaks(gone)
        )
    assert report.exit_code == 0


def test_index_with_other_bytes_after_the_upload_is_a_failure(publish, events):
    files = files_of("a")
    report = publish(files, FakeRepository(wrong={files[0].filename}))
    assert report.exit_code == 5
    assert [each.finding.slug for each in events.of(Found)] == ["index-lists-other-bytes"]


def test_releases_are_looked_for_while_others_are_uploaded(publish):
    repository = FakeRepository()
    publish(files_of("a", "b", tags=TAGS[:1]), repository, jobs=1)
    assert [each.split()[0] for each in repository.calls[-4:]] == ["upload", "verify", "upload", "verify"]


def test_what_was_seen_before_a_failure_is_told(publish):
    repository = FakeRepository(any_reply=lambda file: REFUSED if file.name == "b" else None)
    report = publish(files_of("a", "b", tags=TAGS[:1]), repository, jobs=1)
    assert [each.visibility for each in report.repositories[0].files] == [
        FileState.VISIBLE,
        FileState.UNCHECKED,
    ]
    assert not report.repositories[0].verified


def test_no_verify_does_not_ask(publish):
    repository = FakeRepository()
    report = publish(files_of("a"), repository, FakeRepository("second"), verify=None)
    assert report.exit_code == 0
    assert not [each for each in repository.calls if each.startswith("verify")]


def test_repository_that_can_not_be_verified_does_not_hold_up(publish):
    report = publish(files_of("a"), FakeRepository(verifiable=False), FakeRepository("second"))
    assert report.exit_code == 0
    assert [each.verified for each in report.repositories] == [False, True]


def test_the_next_repository_waits_for_the_gate(publish, tmp_path):
    first, second = FakeRepository("first"), FakeRepository("second")
    asked = []

    def gate(report):
        asked.append(report.name)
        # Should the run end here, the next one must not build again.
        assert not read_journal(tmp_path / "journal").complete
        return None if report.name != "first" else "it can't be imported"

    files = files_of("a")
    report = publish(files, first, second, gate=gate, journal=tmp_path / "journal")
    assert (report.exit_code, report.complete, report.stopped_by) == (5, False, "it can't be imported")
    assert [each.started for each in report.repositories] == [True, False]
    assert (asked, second.uploads) == (["first"], [])
    assert publish(files, second, first, gate=gate).exit_code == 5
    assert asked == ["first", "second", "first"]


def test_no_gate_after_what_is_not_complete(publish):
    refused = FakeRepository(any_reply=lambda _: REFUSED)
    assert publish(files_of("a"), refused, gate=lambda _: pytest.fail("asked")).stopped_by is None


def test_is_not_verified_where_other_bytes_were_kept(publish):
    mine, *rest = files_of("a")
    repository = FakeRepository(held={mine.filename: "other"})
    report = publish([mine, *rest], repository, FakeRepository("second"), skip_existing=True)
    assert report.exit_code == 0
    assert [(each.complete, each.verified) for each in report.repositories] == [(True, False), (True, True)]


def test_says_why_a_repository_can_not_be_verified(publish, events):
    why = STILL_PROPAGATING.found("where the index is, is not known")
    report = publish(files_of("a"), FakeRepository(verifiable=False, remarks=(why,)))
    assert report.complete
    assert [each.finding for each in events.of(Found)] == [why]


def test_nothing_for_a_repository_is_complete(publish):
    report = publish([], FakeRepository())
    assert report.exit_code == 0


@pytest.mark.parametrize("lists", [True, False])
def test_resumed_run_sends_the_rest_only(publish, tmp_path, lists):
    journal = tmp_path / "journal"
    files = files_of("a", "b")
    repository = FakeRepository(
        lists=lists,
        replies={"b-1.0-cp313-cp313-win_amd64.whl": [REFUSED]},
    )
    assert publish(files, repository, journal=journal, jobs=1).exit_code == 5
    sent = len(repository.uploads)
    report = publish(list(reversed(files)), repository, journal=journal)
    assert report.exit_code == 0
    assert len(repository.uploads) == len(files) + 1
    assert sent < len(files)


def test_a_run_that_is_stopped_after_its_last_upload_and_before_it_verifies_is_not_finished(publish):
    cancellation = Cancellation()

    def cancelled(distribution):
        cancellation.cancel()
        return outcome(FileState.UPLOADED)

    repository = FakeRepository(any_reply=cancelled, lag=1000)
    report = publish(files_of("a"), repository, cancellation=cancellation)
    assert report.exit_code == 5
    assert not publish.history.complete


def test_first_cancel_lets_running_uploads_end(publish):
    cancellation = Cancellation()
    files = files_of("a", tags=TAGS[:3])

    def cancelled(distribution):
        cancellation.cancel()
        return outcome(FileState.UPLOADED)

    repository = FakeRepository(any_reply=cancelled)
    report = publish(files, repository, FakeRepository("second"), cancellation=cancellation)
    assert report.interrupted
    assert len(repository.uploads) == 1
    assert report.exit_code == 5
    assert [each.started for each in report.repositories] == [True, False]


def test_second_cancel_abandons_running_uploads(publish):
    cancellation = Cancellation()
    hung = threading.Event()
    files = files_of("a", tags=TAGS[:1])

    def hangs(distribution):
        cancellation.cancel()
        cancellation.cancel()
        hung.wait(5)
        return outcome(FileState.UPLOADED)

    report = publish(files, FakeRepository(any_reply=hangs), cancellation=cancellation)
    hung.set()
    assert set(statuses(report).values()) == {FileState.INTERRUPTED}
    assert report.exit_code == 5
    assert not publish.history.complete


def test_keyboard_interrupt_counts_as_cancel(publish):
    files = files_of("a", "b")
    interrupted = []

    class Impatient(Events):
        def __call__(self, event):
            if isinstance(event, UploadFinished) and not interrupted:
                interrupted.append(event)
                raise KeyboardInterrupt

    planned = plan(files, [(FakeRepository(), None)])
    with open_journal(None) as journal:
        report = execute(preflight(planned, journal=journal), journal=journal, listener=Impatient(), jobs=1)
    assert report.interrupted
    assert 1 <= list(statuses(report).values()).count(FileState.UPLOADED) < len(files)


def test_an_error_that_nobody_foresaw_is_told_in_the_report(publish, events):
    files = files_of("a", tags=TAGS[:1])
    report = publish(files, FakeRepository(replies={files[0].filename: [ZeroDivisionError("absurd")]}))
    assert (report.exit_code, statuses(report)) == (5, {files[0].filename: FileState.UNCLEAR})
    (found,) = events.of(Found)
    assert "ZeroDivisionError: absurd" in found.finding.message
    assert not publish.history.complete


def test_several_attempts_are_reported(publish):
    files = files_of("a", tags=TAGS[:1])
    report = publish(files, FakeRepository(replies={files[0].filename: [TRANSIENT, TRANSIENT]}))
    (file,) = report.repositories[0].files
    assert (file.status, file.attempts) == (FileState.UPLOADED, 3)
    assert file.seconds > 0


def test_server_that_never_recovers_ends_in_bounded_time(publish, tmp_path):
    time = FakeTime()
    repository = FakeRepository(any_reply=lambda _: TRANSIENT)
    journal = tmp_path / "journal"
    report = publish(files_of("a", "b"), repository, time=time, journal=journal)
    assert report.exit_code == 1
    assert time.time < 2000
    repository.any_reply = lambda _: None
    assert publish(files_of("a", "b"), repository, journal=journal).exit_code == 0


def test_waits_for_the_index_grow_and_end_with_the_timeout(publish, events):
    time = FakeTime()
    repository = FakeRepository(lag=10**6)
    publish(files_of("a", "b", tags=TAGS[:1]), repository, time=time, verify=60.0)
    assert time.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 14.5]
    assert len(events.of(VerifyWaiting)[0].missing) == 2


def test_the_index_is_asked_again_only_for_what_is_missing(publish):
    repository = FakeRepository(lag=1)
    assert publish(files_of("a", "b", tags=TAGS[:1]), repository).complete
    assert len([each for each in repository.calls if each.startswith("verify")]) == 3


def test_an_index_that_cannot_be_asked_is_not_asked_twice(publish):
    repository = FakeRepository(verifiable=False)
    publish(files_of("a", "b", tags=TAGS[:1]), repository)
    assert len([each for each in repository.calls if each.startswith("verify")]) == 2


@pytest.mark.parametrize("verifiable", [True, False])
def test_what_the_index_says_of_itself_is_told_once(publish, events, verifiable):
    why = STILL_PROPAGATING.found("so to speak")
    publish(files_of("a", "b"), FakeRepository(verifiable=verifiable, remarks=(why,)))
    assert [each.finding for each in events.of(Found)] == [why]
