from __future__ import annotations

from dataclasses import replace

import pytest
from upload_fakes.repository import PYPI_LIKE, FakeRepository, distribution

from publish_all.errors import UsageError
from publish_all.upload.plan import FOLLOWS, FREE, OPENS, Schedule, plan


def names(release):
    return [each.filename for each in release.distributions]


def test_smallest_wheel_opens_then_large_wheels_and_the_sdist_last():
    files = [
        distribution(tag=None, size=10),
        distribution(tag="cp312-cp312-win_amd64", size=500),
        distribution(tag="cp312-cp312-manylinux_2_28_x86_64", size=900),
        distribution(tag="cp313-cp313-win_amd64", size=100),
    ]
    (planned,) = plan(files, [(FakeRepository(), None)])
    (only,) = planned.releases
    assert names(only) == [
        "demo-1.0-cp313-cp313-win_amd64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0.tar.gz",
    ]
    reasons = [planned.reason(only, each) for each in only.distributions]
    assert reasons == [OPENS, *[FOLLOWS.format(limit=4)] * 3]


def test_nothing_opens_alone_where_the_repository_bears_it():
    repository = FakeRepository(capabilities=replace(PYPI_LIKE, opens_alone=False))
    (planned,) = plan([distribution()], [(repository, None)])
    assert planned.reason(planned.releases[0], planned.files[0]) == FREE.format(limit=4)


def test_release_with_an_sdist_only_is_opened_by_it():
    (only,) = plan([distribution(tag=None)], [(FakeRepository(), None)])[0].releases
    assert names(only) == ["demo-1.0.tar.gz"]


def test_files_are_grouped_by_normalised_project_and_version():
    files = [distribution("Demo.One"), distribution("demo_one", tag=None), distribution("demo-one", "2.0")]
    releases = plan(files, [(FakeRepository(), None)])[0].releases
    assert [(str(each), len(each.distributions)) for each in releases] == [
        ("demo-one 1.0", 2),
        ("demo-one 2.0", 1),
    ]


def test_each_destination_gets_what_it_takes_in_the_order_of_destinations():
    files = [distribution("a", variant="synapse"), distribution("b", variant="fabric"), distribution("c")]
    planned = plan(
        files,
        [
            (FakeRepository("first"), None),
            (FakeRepository("second"), frozenset({files[1].filename, files[2].filename})),
        ],
    )
    assert [(each.repository.name, [str(one) for one in each.releases]) for each in planned] == [
        ("first", ["a 1.0", "b 1.0", "c 1.0"]),
        ("second", ["b 1.0", "c 1.0"]),
    ]


def test_the_same_file_named_twice_is_uploaded_once():
    planned = plan([distribution(), distribution(folder="other")], [(FakeRepository(), None)])
    assert len(list(planned[0].files)) == 1


def test_two_files_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two different files have the name demo"):
        plan([distribution(), distribution(content="other")], [(FakeRepository(), None)])


def test_projects_are_created_one_at_a_time_before_anything_else_starts():
    repository = FakeRepository(capabilities=replace(PYPI_LIKE, creates_alone=True))
    files = [distribution("new"), distribution("newer"), distribution("newer", tag=None), distribution("old")]
    (planned,) = plan(files, [(repository, None)])
    schedule = Schedule(
        planned, [each.filename for each in files], jobs=8, creates={"new", "newer", "elsewhere"}
    )
    started = []
    while (file := schedule.next()) is not None:
        started.append(file.project)
        if file.project not in started[:-1] and file.project != "old":
            assert schedule.next() is None
            schedule.end(file)
    assert sorted(started[:2]) == ["new", "newer"]
    assert sorted(started[2:]) == ["newer", "old"]
