"""What PyPI's own server does to uploads, measured on it, and what a publish makes of that."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from catalogue_world.credential_cases import new_variants
from catalogue_world.public_index import Answer, token
from catalogue_world.world import NAME, World

VARIANTS = tuple(f"v{number}" for number in range(8))


@pytest.mark.parametrize("known", [False, True], ids=["new projects", "projects that are there"])
def test_projects_are_created_one_at_a_time_and_all_else_side_by_side(
    make_world: Callable[[str], World], known: bool
) -> None:
    """8 projects with 2 files each. The database deadlocks where one is created beside any other upload."""
    world = make_world("many")
    world.no_files()
    tables = (f'[tool.publish-all.variants.{each}]\nname = "{NAME}-{each}"\n' for each in VARIANTS)
    world.project(more="".join(tables))
    for each in VARIANTS:
        world.wheel(name=f"{NAME}-{each}", variant=each, package=each)
        world.sdist(name=f"{NAME}-{each}", variant=each)
        if known:
            world.pypi.has(f"{NAME}-{each}", f"{NAME}-{each}-0.9.tar.gz")
    world.pypi.seconds = 0.2
    began = time.monotonic()
    met = world.publish()
    seconds = time.monotonic() - began
    assert met.exit_code == 0, met
    assert (len(world.pypi.uploads), world.pypi.deadlocks) == (16, 0)
    assert world.pypi.most_at_once > 4
    serial = 16 * world.pypi.seconds
    assert seconds < serial * (0.5 if known else 0.9), "not faster than one after the other"


def variants_in_job(world: World, *variants: str, there: tuple[str, ...] = ()) -> None:
    """Build variants with a wheel each, in a CI job; those that are there have a release before."""
    world.no_files()
    world.project(more="".join(f"[tool.publish-all.variants.{each}]\n" for each in variants))
    world.variants(*variants)
    world.in_job()
    world.pypi.publishers = {f"{NAME}-{each}" for each in there}
    for each in there:
        world.pypi.has(f"{NAME}-{each}", f"kindling_demo_{each}-0.9-py3-none-any.whl")


@pytest.mark.parametrize("dry_run", [False, True])
def test_one_pending_publisher_for_several_new_projects_is_refused_without_a_mint(
    make_world: Callable[[str], World], dry_run: bool
) -> None:
    world = make_world("new")
    variants_in_job(world, "one", "two", "three", there=("three",))
    world.pypi.pending = [f"{NAME}-one"]
    met = world.publish(dry_run=dry_run)
    assert met.exit_code == 3
    (finding,) = (each for each in met.findings if each.code == "PA329")
    assert "2 projects are new on pypi (kindling-demo-one, kindling-demo-two)" in finding.message
    assert "https://pypi.org/manage/account/publishing/" in finding.hint
    assert "kindling-demo-two: environment pypi-kindling-demo-two" in finding.hint
    assert (world.pypi.pending, world.pypi.minted, world.pypi.uploads) == ([f"{NAME}-one"], [], [])


def test_a_workflow_that_creates_several_projects_is_a_warning_outside_of_the_job(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("machine")
    new_variants(world, "one", "two")
    seen, met = world.doctor(), world.publish()
    assert (seen.codes, seen.exit_code) == (["PA329"], 0)
    assert (met.codes, met.exit_code) == ([], 0), "it has a token"


def test_the_pending_publisher_of_a_new_project_beside_others_is_used(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("new")
    variants_in_job(world, "one", "two", there=("two",))
    world.pypi.pending = [f"{NAME}-one"]
    met = world.publish()
    assert (met.exit_code, len(world.pypi.uploads)) == (0, 2), met


@pytest.mark.parametrize("there", [("one", "two"), ("two",)], ids=["all are there", "one is new"])
def test_a_minted_token_for_too_few_projects_stops_before_the_first_file(
    make_world: Callable[[str], World], there: tuple[str, ...]
) -> None:
    world = make_world("few")
    variants_in_job(world, "one", "two", there=there)
    world.pypi.publishers = {f"{NAME}-two"}
    dry, met = world.publish(dry_run=True), world.publish()
    assert dry.exit_code == 0, dry
    assert met.exit_code == 3, met
    assert world.pypi.uploads == []
    finding = next(each for each in met.findings if each.code == "PA334")
    page = "project/kindling-demo-one/settings" if "one" in there else "account"
    assert f"https://pypi.org/manage/{page}/publishing/" in finding.hint
    assert "https://pypi.org/manage/project/kindling-demo-two/settings/publishing/" in finding.hint
    assert "PUBLISH_ALL" not in finding.hint, "no advice to set a token"


def test_projects_that_are_complete_or_have_a_token_of_their_own_need_no_publisher(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("rest")
    variants_in_job(world, "one", "two", "three", there=("one", "two", "three"))
    world.pypi.publishers = {f"{NAME}-two"}
    wheel = next(world.dist.glob("*_one-*.whl"))
    world.pypi.has(f"{NAME}-one", wheel.name, world.sha256(wheel), world.blake2(wheel))
    world.environment["PUBLISH_ALL_PYPI_TOKEN_FOR_KINDLING_DEMO_THREE"] = token()
    met = world.publish()
    assert (met.exit_code, len(world.pypi.uploads)) == (0, 2), met


def test_a_project_that_is_quarantined_during_the_upload_is_not_waited_for(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("quarantine")
    world.verify_timeout = 60.0

    def quarantine(form: object) -> None:
        world.pypi.held.setdefault(NAME, {})
        world.pypi.states[NAME] = ("quarantined", "malware was reported")

    world.pypi.refuse = quarantine
    began = time.monotonic()
    met = world.publish()
    assert time.monotonic() - began < 20
    assert (met.exit_code, met.codes) == (5, ["PA426"])
    assert "malware was reported" in met.findings[0].message


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_archived_project_is_refused_with_the_page_where_it_is_unarchived(
    make_world: Callable[[str], World], dry_run: bool
) -> None:
    world = make_world("archive")
    world.pypi.held[NAME] = {}
    world.pypi.states[NAME] = ("archived", "")
    met = world.publish(dry_run=dry_run)
    assert (met.exit_code, met.codes, world.pypi.uploads) == (4, ["PA425"], [])
    assert f"https://pypi.org/manage/project/{NAME}/settings/" in met.findings[0].hint


def test_a_project_without_files_is_not_new(make_world: Callable[[str], World]) -> None:
    world = make_world("empty")
    world.pypi.held[NAME] = {}
    world.pypi.get = lambda path: Answer(404) if path.startswith("/pypi/") else None
    seen = world.doctor()
    assert (seen.codes, seen.told("name")) == ([], [f"{NAME}: exists, with 0 files"])


def test_an_archived_project_that_has_all_files_is_in_order(make_world: Callable[[str], World]) -> None:
    world = make_world("archived")
    assert world.publish().exit_code == 0
    world.pypi.states[NAME] = ("archived", "")
    seen, met = world.doctor(), world.publish()
    assert (seen.codes, seen.exit_code, met.codes, met.exit_code) == ([], 0, [], 0)


def test_the_hourly_limit_of_new_projects_ends_the_run_and_says_until_when(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("limit")
    new_variants(world, "one", "two")
    world.pypi.projects_left = 1
    began = time.monotonic()
    met = world.publish()
    assert time.monotonic() - began < 20
    assert (met.exit_code, len(world.pypi.uploads)) == (5, 1), met
    (finding,) = (each for each in met.findings if each.code == "PA423")
    assert "The limit ends in 42 minutes, at " in finding.message
    world.pypi.projects_left = None
    assert world.publish().exit_code == 0


def test_a_name_in_a_reserved_namespace_is_no_file_with_other_bytes(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("reserved")
    world.pypi.reserved = ("kindling",)
    met = world.publish()
    assert (met.codes, met.exit_code) == (["PA420"], 1), met


def test_a_handshake_that_breaks_off_is_tried_again(make_world: Callable[[str], World]) -> None:
    world = make_world("handshake")
    world.net.lost_handshakes = 2
    met = world.publish()
    assert (met.exit_code, world.net.lost_handshakes) == (0, 0), met


def test_an_index_that_cannot_mint_for_now_is_asked_again(make_world: Callable[[str], World]) -> None:
    world = make_world("down")
    world.in_job()
    world.auth = "oidc"
    world.pypi.lost_mints = 3  # all that one attempt at an upload asks for
    met = world.publish()
    assert (met.exit_code, world.pypi.lost_mints) == (0, 0), met


def test_a_server_that_fails_on_a_field_is_given_up_on_and_the_field_is_named(
    make_world: Callable[[str], World],
) -> None:
    world = make_world("crash")
    world.corp_project()
    world.corp_user()
    world.release(headers="Provides-Dist: kindling (\n")
    met = world.publish()
    assert (met.exit_code, world.corp.uploads) == (5, []), met
    given_up = next(each for each in met.findings if each.code == "PA581")
    assert "given up after 3 attempts" in given_up.message
    assert "Provides-Dist: kindling (" in given_up.hint
