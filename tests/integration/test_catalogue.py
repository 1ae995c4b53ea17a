"""Every entry of the catalogue, as a user meets it: publish and doctor say it alike, its next step helps.

Each case starts from a world in which all is in order (catalogue_world/), breaks one thing, asks both
commands, follows the advice, and asks again; then it does something which only looks like the failure.
The commands run in this process against servers on loopback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from catalogue_world import (
    credential_cases,
    file_cases,
    project_cases,
    registry_cases,
    repository_cases,
    version_cases,
)
from catalogue_world.public_index import token
from catalogue_world.world import Case, Outcome, World

from publish_all import diagnoses
from publish_all.commands.packages import list_packages
from publish_all.diagnoses import Diagnosis
from publish_all.events import Event, Found
from publish_all.findings import Finding
from publish_all.results import Explanation

CASES = (
    *project_cases.CASES,
    *file_cases.CASES,
    *version_cases.CASES,
    *credential_cases.CASES,
    *repository_cases.CASES,
    *registry_cases.CASES,
)


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.code)
def test_entry(case: Case, make_world: Callable[[str], World]) -> None:
    entry = Diagnosis(case.code).entry
    world = make_world("broken")
    case.break_it(world)
    seen, met = world.doctor(), world.publish()
    assert_told(case, entry, seen, met)

    if met.exit_code == 0:
        world.unpublish()
    case.next_step(world)
    assert_gone(case, world.doctor(), world.publish())

    alike = make_world("alike")
    case.lookalike(alike)
    assert_gone(case, alike.doctor(), alike.publish())


def assert_told(case: Case, entry: Explanation, seen: Outcome, met: Outcome) -> None:
    """Both tell it with the same code, and doctor ends as publish does; or says that it could not look."""
    if entry.seen_by.endswith("doctor only"):
        assert case.code in seen.codes, seen
        assert case.code not in met.codes, "say in the catalogue that publish sees it"
        assert (seen.exit_code, met.exit_code) == (0, 0), (seen, met)
        return
    assert case.code in met.codes, (met, seen)
    assert met.exit_code == (case.exits or 0), met
    told = next(each for each in met.findings if each.code == case.code)
    assert case.says in f"{told.message} {told.where}", told
    assert told.slug == entry.slug
    if entry.seen_by.startswith("publish only"):
        assert case.code not in seen.codes, "say in the catalogue that doctor sees it"
        assert seen.untested, "doctor must not pass over in silence what it could not look at"
        return
    assert case.code in seen.codes, (seen, met)
    assert seen.exit_code == met.exit_code, (seen, met)
    assert told.hint, "an error without a next step"


def assert_gone(case: Case, *outcomes: Outcome) -> None:
    for each in outcomes:
        assert case.code not in each.codes, each
        assert each.exit_code == 0, each


def test_a_world_in_order_has_nothing_to_say(make_world: Callable[[str], World]) -> None:
    world = make_world("healthy")
    seen, met = world.doctor(), world.publish()
    assert (seen.codes, seen.exit_code, met.codes, met.exit_code) == ([], 0, [], 0)
    assert len(world.pypi.uploads) == 2
    again = world.doctor()
    assert (again.codes, again.exit_code) == ([], 0)


def test_a_publish_that_finds_nothing_reads_no_texts(make_world: Callable[[str], World]) -> None:
    world = make_world("folder")
    repository_cases.shelf(world, is_file=False)
    diagnoses._entries.cache_clear()
    assert world.publish().codes == []
    assert diagnoses._entries.cache_info().currsize == 0


def test_doctor_uploads_nothing_and_mints_nothing(make_world: Callable[[str], World]) -> None:
    world = make_world("job")
    world.in_job()
    assert world.doctor().exit_code == 0
    assert (world.pypi.uploads, world.pypi.minted) == ([], [])
    assert world.publish().exit_code == 0
    assert (len(world.pypi.uploads), len(world.pypi.minted)) == (2, 1)


def test_doctor_tells_kind_scope_and_expiry_of_a_token(make_world: Callable[[str], World]) -> None:
    world = make_world("scoped")
    world.give_token(token("pypi.org", [1, ["kindling-demo"]], [0, 4_000_000_000, 0]))
    (told,) = world.doctor().told("credential")
    assert told == (
        "__token__, a token of pypi.org, only for kindling-demo, until 2096-10-02 07:06 UTC, for "
        "upload.pypi.org, from environment variable PUBLISH_ALL_PYPI_TOKEN"
    )


def test_doctor_fills_in_the_form_for_a_publisher(make_world: Callable[[str], World]) -> None:
    world = make_world("job")
    world.in_job(environment="release")
    seen = world.doctor()
    assert seen.told("publisher") == [
        "Owner: sep\nRepository name: demo\nWorkflow name: publish.yml\nEnvironment name: release"
    ]
    assert seen.told("name") == ["kindling-demo: a new project, created by the first upload"]


def test_doctor_tells_what_is_there_and_with_which_hash(make_world: Callable[[str], World]) -> None:
    world = make_world("there")
    wheel = world.a_wheel
    world.pypi.has("kindling-demo", wheel.name, world.sha256(wheel), world.blake2(wheel))
    world.pypi.has("kindling-demo", "kindling_demo-1.0.tar.gz", "ab" * 32)
    seen = world.doctor()
    ours, theirs = seen.told("published")
    assert ours == f"{wheel.name}: sha256 {world.sha256(wheel)[:12]}… (ours)"
    assert theirs.startswith("kindling_demo-1.0.tar.gz: sha256 abababababab… (ours is ")
    assert (seen.exit_code, seen.codes) == (6, ["PA410"])


def test_doctor_looks_at_the_files_of_a_run_that_was_not_finished(make_world: Callable[[str], World]) -> None:
    """There is no build backend: were they built anew, it would fail."""
    world = make_world("unfinished")
    world.pypi.refuse = lambda form: (400, "No.") if form.filename.endswith(".gz") else None
    assert world.publish().exit_code == 5
    world.build = True
    assert world.doctor().told("files")[1:] == [
        f"1 file to upload, {next(world.dist.glob('*.gz')).stat().st_size} B",
        f"1 file already uploaded, with the same content, {world.a_wheel.stat().st_size / 1000:.1f} kB",
    ]


@pytest.mark.parametrize(
    ("fixture", "code", "exits"),
    [("pypiserver", "PA403", 3), ("devpi", "PA401", 3), ("registry_with_password", "PA612", 3)],
)
def test_real_servers_are_told_as_the_others(
    fixture: str, code: str, exits: int, make_world: Callable[[str], World], request: pytest.FixtureRequest
) -> None:
    """A wrong password at each of them: the same code twice; with the right one doctor finds nothing, and leaves nothing."""
    server = request.getfixturevalue(fixture)
    world = make_world("real")
    world.at(server, password="wrong-wrong-wrong")
    seen, met = world.doctor(), world.publish()
    assert code in seen.codes, (seen, met)
    assert code in met.codes, (seen, met)
    assert seen.exit_code == met.exit_code == exits, (seen, met)

    world.at(server, password=server.password)
    before = world.doctor()
    assert (before.exit_code, before.codes) == (0, []), before
    assert any("2 files to upload" in each for each in before.told("files")), before
    met = world.publish()
    assert (met.exit_code, met.codes) == (0, []), met
    after = world.doctor()
    assert any("2 files already uploaded" in each for each in after.told("files")), after


def test_tags_that_are_no_versions(make_world: Callable[[str], World]) -> None:
    """PA624: seen by who reads, and harmless to who writes."""
    world = make_world("tags")
    registry_cases.at_github(world)
    assert world.publish().codes == []
    assert found_by_list(world) == []
    registry_cases.image_there(world, "latest")
    (finding,) = found_by_list(world)
    assert (finding.code, "latest" in finding.message) == ("PA624", True)
    assert (world.doctor().exit_code, world.publish().exit_code) == (0, 0)


def found_by_list(world: World) -> list[Finding]:
    heard: list[Event] = []
    connection = world.connection()
    runtime = replace(connection.runtime, listener=heard.append)
    list_packages(world.root, ("kindling-demo",), replace(connection, runtime=runtime))
    return [event.finding for event in heard if isinstance(event, Found)]
