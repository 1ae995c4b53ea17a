from __future__ import annotations

import random
from dataclasses import replace

import pytest
from upload_fakes.repository import PYPI_LIKE, FakeRepository, distribution

from publish_all.upload.plan import Schedule, plan

TAGS = [
    "py3-none-any",
    "cp312-cp312-win_amd64",
    "cp312-cp312-macosx_11_0_arm64",
    "cp313-cp313-win_amd64",
    "cp314-cp314-win_amd64",
    None,
]


def schedule(projects, tags=TAGS, capabilities=PYPI_LIKE, there=(), jobs=100):
    files = [distribution(each, tag=tag) for each in projects for tag in tags]
    repository = FakeRepository(capabilities=capabilities)
    (planned,) = plan(files, [(repository, None)])
    return Schedule(planned, {each.filename for each in files} - set(there), jobs=jobs)


def started(one):
    files = []
    while (file := one.next()) is not None:
        files.append(file)
    return files


def test_only_the_first_file_of_a_new_release_starts():
    one = schedule(["a"])
    (first,) = started(one)
    assert first.filename == "a-1.0-cp312-cp312-macosx_11_0_arm64.whl"
    one.end(first)
    assert len(started(one)) == 4


def test_every_release_is_opened_before_others_go_on():
    one = schedule(["a", "b", "c"], capabilities=replace(PYPI_LIKE, parallel=3))
    first = started(one)
    assert [each.name for each in first] == ["a", "b", "c"]
    one.end(first[0])
    assert [each.name for each in started(one)] == ["a"]


def test_release_with_a_file_there_is_open():
    one = schedule(["a"], there=["a-1.0-py3-none-any.whl"])
    assert len(started(one)) == 4


def test_repository_limit_holds_over_all_releases():
    one = schedule([f"p{n}" for n in range(12)], capabilities=replace(PYPI_LIKE, opens_alone=False))
    assert len(started(one)) == 8


def test_jobs_of_the_user_hold_over_all_releases():
    assert len(started(schedule([f"p{n}" for n in range(12)], jobs=3))) == 3


@pytest.mark.parametrize("seed", range(30))
def test_rules_hold_in_any_order_of_endings(seed):
    dice = random.Random(seed)
    one = schedule([f"p{n}" for n in range(6)], capabilities=replace(PYPI_LIKE, parallel=dice.randint(1, 12)))
    running, done = [], []
    while True:
        running += started(one)
        if not running:
            break
        for project in {each.name for each in running}:
            of_project = [each for each in running if each.name == project]
            opened = any(each.name == project for each in done)
            assert len(of_project) <= (4 if opened else 1)
        done.append(running.pop(dice.randrange(len(running))))
        one.end(done[-1])
    assert len(done) == 36
