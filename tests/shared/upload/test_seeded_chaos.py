"""Servers that fail at random, from a seed: whatever they do, nothing is lost and nothing is there twice."""

from __future__ import annotations

import random

import pytest
from upload_fakes.repository import FakeRepository, FakeTime, distribution, outcome

from publish_all.errors import RepositoryError
from publish_all.results import FileState
from publish_all.upload.execute import execute
from publish_all.upload.journal import open_journal
from publish_all.upload.plan import plan
from publish_all.upload.preflight import preflight

TAGS = ("py3-none-any", "cp312-cp312-win_amd64", None)


class Chaotic(FakeRepository):
    """Fails about every third time, sometimes after it has stored the file, and once it has a file it says so."""

    def __init__(self, seed, *, rate=0.35, lists=True):
        super().__init__(lists=lists)
        self.dice = random.Random(seed)
        self.rate = rate
        self.accepted = []
        self.any_reply = self.reply

    def reply(self, file):
        if self.dice.random() < self.rate:
            return outcome(FileState.FAILED, retry_after=self.dice.choice([None, None, 3.0]))
        had = self.held.get(file.filename)
        if had is None:
            self.held[file.filename] = file.digests.sha256
            self.accepted.append(file.filename)
        if self.dice.random() < self.rate:
            return outcome(FileState.UNCLEAR)
        if had is not None:
            return outcome(FileState.CONFLICT if self.lists else FileState.PRESENT)
        return outcome(FileState.UPLOADED)

    def states(self, release):
        with self._lock:
            if self.dice.random() < self.rate:
                raise RepositoryError("502 Bad Gateway")
        return super().states(release)


def run(files, repository, *, seed, journal=None, time=None):
    clock = (time or FakeTime(seed=seed)).clock()
    planned = plan(files, [(repository, None)])
    with open_journal(journal, wall=clock.wall) as opened:
        return execute(clear(planned, opened, clock), journal=opened, clock=clock)


def clear(planned, journal, clock):
    """The preflight of a run that a person repeats until the index answers."""
    while True:
        done = preflight(planned, journal=journal, clock=clock)
        if done.problem is None:
            return done


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("seed", range(100))
def test_every_file_arrives_once(seed, lists):
    files = [distribution(f"p{number}", tag=tag) for number in range(4) for tag in TAGS]
    repository = Chaotic(seed, lists=lists)
    for again in range(50):
        report = run(files, repository, seed=seed + again)
        if report.exit_code == 0:
            break
        assert report.exit_code in (1, 5)
    assert report.complete
    assert repository.held == {each.filename: each.digests.sha256 for each in files}
    assert sorted(repository.accepted) == sorted(each.filename for each in files)
    assert repository.opened_together == []
    assert max(repository.most_at_once.values()) <= 8


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("seed", range(30))
def test_killed_at_any_moment_and_run_again(seed, tmp_path):
    files = [distribution(f"p{number}", tag=tag) for number in range(4) for tag in TAGS]
    dice = random.Random(seed)
    repository = Chaotic(seed, rate=0.1)
    path = tmp_path / "journal"
    life = dice.randint(1, 30)

    def die_some_time(event):
        nonlocal life
        life -= 1
        if life == 0:
            raise Killed

    clock = FakeTime(seed=seed).clock()
    planned = plan(files, [(repository, None)])
    with pytest.raises(Killed), open_journal(path, wall=clock.wall) as journal:
        execute(clear(planned, journal, clock), journal=journal, clock=clock, listener=die_some_time)
    report = run(files, repository, seed=seed, journal=path)
    while report.exit_code:
        report = run(files, repository, seed=seed, journal=path)
    assert repository.held == {each.filename: each.digests.sha256 for each in files}
    assert sorted(repository.accepted) == sorted(each.filename for each in files)


def test_never_recovering_server_is_no_crash(tmp_path):
    repository = Chaotic(1, rate=1.0)
    planned = plan([distribution()], [(repository, None)])
    clock = FakeTime().clock()
    with open_journal(tmp_path / "journal") as journal:
        assert preflight(planned, journal=journal, clock=clock).problem is not None
