"""How many connections a publish of named files has made before it asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from upload_fakes.repository import ConnectingRepository, FakeRepository

from publish_all.commands.publish import PublishOptions, _releases, connect_ahead

FILES = ("a-1.0-py3-none-any.whl", "a-1.0.tar.gz", "b_c-1.0-py3-none-any.whl", "b-c-1.0.tar.gz", "a-2.tar.gz")


def asked(
    *repositories: FakeRepository, files: tuple[str, ...] = FILES, jobs: int | None = None
) -> list[str]:
    options = PublishOptions(directory=Path(), files=tuple(map(Path, files)), jobs=jobs)
    connect_ahead(repositories, _releases(options.files), options)
    return [call for each in repositories for call in each.calls]


def test_one_for_each_release_that_is_asked_for() -> None:
    assert asked(ConnectingRepository()) == ["connect 3"]


@pytest.mark.parametrize(("jobs", "count"), [(1, 2), (2, 4), (None, 16), (20, 30)])
def test_no_more_than_questions_at_once(jobs: int | None, count: int) -> None:
    files = tuple(f"p{number}-1.0.tar.gz" for number in range(30))
    assert asked(ConnectingRepository(), files=files, jobs=jobs) == [f"connect {count}"]


def test_one_each_where_several_are_asked_in_turn() -> None:
    assert asked(ConnectingRepository(), ConnectingRepository()) == ["connect 1", "connect 1"]


def test_what_is_no_distribution_is_for_others_to_tell() -> None:
    assert asked(ConnectingRepository(), files=("notes.txt", "a.whl", "a-1.0.tar.gz")) == ["connect 1"]
    two = ConnectingRepository(), ConnectingRepository()
    assert asked(*two, files=("notes.txt",)) == ["connect 0", "connect 0"]


def test_not_every_repository_can() -> None:
    assert asked(FakeRepository()) == []
