"""Members of a workspace: one is uploaded and seen before those that need it; a failure stops only those."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest
from upload_fakes.repository import PYPI_LIKE, FakeRepository, FakeTime, distribution, outcome

from publish_all.diagnoses import Diagnosis
from publish_all.errors import ConflictError
from publish_all.events import Note, VerifyWaiting
from publish_all.results import FileState
from publish_all.upload.execute import execute
from publish_all.upload.journal import Journal
from publish_all.upload.plan import members_needed, plan
from publish_all.upload.preflight import preflight

REFUSED = outcome(FileState.REFUSED, finding=Diagnosis("PA449").found("no, thanks"))
COMMITS = replace(PYPI_LIKE, final_on_upload=False, opens_alone=False)
CREATES = replace(PYPI_LIKE, creates_alone=True)
SHOP = {
    "app": ["spark>=1", "core"],
    "spark": ["core"],
    "core": [],
    "docs": [],
    "extra": ["app; extra == 'x'"],
}


def member(name, *requires, project=None, tags=("py3-none-any", None)):
    return [
        replace(distribution(project or name, tag=tag), member=name, metadata={"Requires-Dist": requires})
        for tag in tags
    ]


def files_of(graph):
    return [file for name, requires in graph.items() for file in member(name, *requires)]


@pytest.fixture
def publish(events):
    def publish(files, *repositories, failed=(), **options):
        time = FakeTime()
        planned = plan(files, [(each, None) for each in repositories])
        clear = replace(preflight(planned, journal=Journal(), clock=time.clock()), failed=frozenset(failed))
        options = {"journal": Journal(), "listener": events, "clock": time.clock()} | options
        return execute(clear, **options)

    return publish


def firsts(repository):
    """The projects in the order in which their first files were sent."""
    return list(dict.fromkeys(name.split("-")[0] for name in repository.uploads))


def states(report, place=0):
    return {
        release.project: {file.status for file in release.files}
        for release in report.repositories[place].releases
    }


@pytest.mark.parametrize("capabilities", [PYPI_LIKE, COMMITS, CREATES], ids=["final", "commits", "creates"])
def test_what_is_needed_is_there_first(publish, capabilities):
    repository = FakeRepository(capabilities=capabilities, lacks={"app", "spark", "core"}, lag=2)

    report = publish(files_of(SHOP), repository)

    assert report.exit_code == 0
    assert report.repositories[0].verified
    order = [each for each in firsts(repository) if each in {"app", "spark", "core"}]
    assert order == ["core", "spark", "app"]
    seen = repository.calls.index("verify core 1.0")
    assert repository.calls.index("upload spark-1.0-py3-none-any.whl") > seen
    assert [each.project for each in report.repositories[0].releases][:3] == ["core", "spark", "app"]


def test_no_upload_waits_for_a_listing_where_all_files_become_visible_together(publish, events):
    repository = FakeRepository(capabilities=replace(COMMITS, visible_together=True), lag=2)

    report = publish(files_of(SHOP), repository)

    assert report.exit_code == 0
    assert [each for each in firsts(repository) if each in {"app", "spark", "core"}] == [
        "core",
        "spark",
        "app",
    ]
    calls = [each.partition(" ")[0] for each in repository.calls]
    assert "upload" not in calls[calls.index("verify") :]


def test_independent_members_go_side_by_side(publish):
    together = threading.Barrier(3)

    class Overlapping(FakeRepository):
        def upload(self, distribution, **options):
            if distribution.tag is not None and distribution.project != "needs-all":
                together.wait(timeout=10)  # breaks where they go one by one
            return super().upload(distribution, **options)

    repository = Overlapping()
    assert publish(files_of({"a": [], "b": [], "c": [], "needs-all": ["a", "b", "c"]}), repository).complete


def test_a_failure_stops_those_that_need_it_and_nobody_else(publish, events):
    repository = FakeRepository(replies={"spark-1.0-py3-none-any.whl": [REFUSED]})

    report = publish(files_of(SHOP), repository)

    assert report.exit_code == 5
    assert states(report) == {
        "core": {FileState.UPLOADED},
        "spark": {FileState.REFUSED, FileState.NOT_STARTED},
        "app": {FileState.NOT_STARTED},
        "docs": {FileState.UPLOADED},
        "extra": {FileState.NOT_STARTED},
    }
    assert "app 1.0 is not uploaded: it needs spark" in [each.message for each in events.of(Note)]
    visible = {file.filename for file in report.repositories[0].files if file.visibility is FileState.VISIBLE}
    assert visible == {each.filename for each in files_of({"core": [], "docs": []})}


def test_a_conflict_or_a_failed_check_stops_those_that_need_it_and_nobody_else(publish, events):
    other = {"core-1.0.tar.gz": "0" * 64}
    journal = Journal()

    conflict = publish(files_of(SHOP), FakeRepository(held=other), FakeRepository("second"), journal=journal)
    failed = publish(files_of(SHOP), FakeRepository(), failed={"spark"})

    assert states(conflict)["core"] == {FileState.NOT_STARTED, FileState.CONFLICT}
    assert states(conflict, 1)["core"] == {FileState.NOT_STARTED}
    assert [each for each, found in states(failed).items() if found == {FileState.UPLOADED}] == [
        "core",
        "docs",
    ]
    assert {*states(failed)["spark"]} == {FileState.NOT_STARTED}
    assert conflict.exit_code == failed.exit_code == 5
    assert "app 1.0 is not uploaded: it needs core" in [each.message for each in events.of(Note)]
    # They are built again once they are corrected.
    assert journal.complete


def test_a_conflict_is_the_end_where_nothing_else_is_to_be_uploaded_or_a_rehearsal_comes_first(publish):
    conflict = FakeRepository(held={"core-1.0.tar.gz": "0" * 64})

    with pytest.raises(ConflictError):
        publish(files_of({"core": [], "app": ["core"]}), conflict)
    with pytest.raises(ConflictError):
        publish(files_of(SHOP), conflict, gate=lambda _: None)
    assert conflict.uploads == []


def test_what_failed_in_one_repository_does_not_go_to_the_next(publish):
    first = FakeRepository("first", replies={"spark-1.0-py3-none-any.whl": [REFUSED]})
    second = FakeRepository("second")

    report = publish(files_of(SHOP), first, second)

    assert firsts(second) == ["core", "docs"]
    assert states(report, 1)["app"] == {FileState.NOT_STARTED}
    assert report.exit_code == 5


def test_what_the_index_does_not_list_in_time_stops_those_that_need_it(publish, events):
    repository = FakeRepository(lag=10**6)

    report = publish(files_of({"core": [], "app": ["core"]}), repository, verify=20.0)

    assert states(report) == {"core": {FileState.UPLOADED}, "app": {FileState.NOT_STARTED}}
    assert sum(each.seconds for each in events.of(VerifyWaiting)) >= 20
    assert report.exit_code == 5


def test_other_bytes_in_the_index_stop_those_that_need_it(publish):
    repository = FakeRepository(wrong={"core-1.0-py3-none-any.whl"})

    report = publish(files_of({"core": [], "app": ["core"]}), repository)

    assert states(report)["app"] == {FileState.NOT_STARTED}


def test_without_verification_the_upload_is_enough(publish):
    repository = FakeRepository(lag=10**6)

    assert publish(files_of({"app": ["core"], "core": []}), repository, verify=None).complete
    assert firsts(repository) == ["core", "app"]


def test_variants_of_a_member_stand_for_it(publish):
    files = [
        *member("app", "core-spark"),
        *member("core", project="core-spark"),
        *member("core", project="core"),
    ]
    repository = FakeRepository()

    assert publish(files, repository).complete
    assert firsts(repository)[-1] == "app"


def test_a_circle_is_published_all_the_same(publish):
    files = files_of({"a": ["b"], "b": ["a"]})

    assert members_needed(files) == {"b": frozenset(), "a": frozenset({"b"})}
    assert publish(files, FakeRepository()).complete


@pytest.mark.parametrize("seed", range(20))
def test_every_graph_is_published_in_order_whatever_fails(publish, seed):
    chance = random.Random(seed)
    names = [f"m{number}" for number in range(12)]
    graph = {
        name: chance.sample(names[:place], min(place, chance.randrange(4)))
        for place, name in enumerate(names)
    }
    shuffled = dict(chance.sample(sorted(graph.items()), len(graph)))
    refused = set(chance.sample(names, chance.randrange(3)))
    repository = FakeRepository(
        capabilities=chance.choice([PYPI_LIKE, COMMITS, CREATES]),
        lacks={*names},
        lag=chance.randrange(3),
        any_reply=lambda file: REFUSED if file.project in refused else None,
    )

    report = publish(files_of(shuffled), repository)

    needs = members_needed(files_of(graph))
    expected = {name for name in names if not ({name} | needs[name]) & refused}
    done = {each.project for each in report.repositories[0].releases if each.complete}
    assert done == expected
    assert report.complete is (expected == {*names})
    place = {call: number for number, call in reversed([*enumerate(repository.calls)])}
    for name in expected:
        for other in needs[name]:
            assert place[f"upload {name}-1.0-py3-none-any.whl"] > place[f"verify {other} 1.0"]
