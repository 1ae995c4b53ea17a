"""PA3xx: credentials, trusted publishing, attestations."""

from __future__ import annotations

import json

from catalogue_world.project_cases import WORKFLOW
from catalogue_world.public_index import token
from catalogue_world.world import NAME, Case, World

TESTPYPI = "test.pypi.org"
OTHERS = token("pypi.org", [1, ["other-project"]])
OWN = token("pypi.org", [1, [NAME]])


def at_testpypi(world: World) -> None:
    """The same token, where it belongs."""
    world.project(to='["testpypi"]')
    world.take_token()
    world.environment["PUBLISH_ALL_TESTPYPI_TOKEN"] = token(TESTPYPI)
    world.net.sites[TESTPYPI].tokens = {token(TESTPYPI)}


def user(world: World, name: str) -> None:
    world.environment["PUBLISH_ALL_PYPI_USERNAME"] = name


def incomplete(world: World) -> None:
    world.corp_project()
    world.corp_user()
    del world.environment["PUBLISH_ALL_CORP_USERNAME"]


def pypirc(world: World, text: str, mode: int = 0o600) -> None:
    world.take_token()
    path = world.home / ".pypirc"
    path.write_text(text)
    path.chmod(mode)


GOOD_PYPIRC = f"[pypi]\nusername = __token__\npassword = {token()}\n"


def without_permission(world: World) -> None:
    world.in_job()
    for name in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        del world.environment[name]
        world.monkeypatch.delenv(name)


def oidc(world: World) -> None:
    world.auth = "oidc"


def corp_in_job(world: World, audience: str | None, auth: str) -> None:
    world.corp_project()
    world.in_job()
    world.corp.audience = audience
    world.auth = auth


def corp_with_password(world: World) -> None:
    world.auth = "token"
    world.corp_user()


def refused_mint(code: str):
    def change(world: World) -> None:
        world.in_job()
        world.pypi.mint_error = code

    return change


def mints(world: World) -> None:
    world.pypi.mint_error = None


def token_in_job(world: World) -> None:
    world.in_job()
    world.give_token(token())


def always(world: World, value: str) -> None:
    world.corp_project(f'attestations = "{value}"\n')
    world.corp_user()


def attestation_beside(world: World) -> None:
    path = world.a_wheel
    path.with_name(f"{path.name}.publish.attestation").write_text(json.dumps({"version": 1}))


def no_attestation(world: World) -> None:
    for path in world.dist.glob("*.attestation"):
        path.unlink()


def new_variants(world: World, *names: str) -> None:
    world.project(more="".join(f"[tool.publish-all.variants.{each}]\n" for each in names))
    world.variants(*names)
    world.workflow(WORKFLOW)


def new_variants_in_job(world: World, *names: str) -> None:
    world.in_job()
    new_variants(world, *names)
    world.pypi.publishers = set()
    world.pypi.pending = [f"{NAME}-{each}" for each in names[:1]]


def known_variants(world: World, *trusted: str) -> None:
    """Two projects that are there; these trust the job."""
    new_variants_in_job(world, "one", "two")
    world.pypi.pending = []
    world.pypi.publishers = {f"{NAME}-{each}" for each in trusted}
    for each in ("one", "two"):
        world.pypi.has(f"{NAME}-{each}", f"kindling_demo_{each}-0.9-py3-none-any.whl")


CASES = (
    Case(
        code="PA301",
        break_it=lambda w: w.give_token(token(TESTPYPI)),
        next_step=lambda w: w.give_token(token()),
        lookalike=at_testpypi,
        exits=3,
        says=TESTPYPI,
    ),
    Case(
        code="PA302",
        break_it=lambda w: w.give_token(token("pypi.org", [0, 1_600_000_000, 0])),
        next_step=lambda w: w.give_token(token()),
        lookalike=lambda w: w.give_token(token("pypi.org", [0, 4_000_000_000, 0])),
        exits=3,
        says="2020-09-13",
    ),
    Case(
        code="PA303",
        break_it=lambda w: w.give_token(OTHERS),
        next_step=lambda w: (
            w.environment.update(PUBLISH_ALL_PYPI_TOKEN_FOR_KINDLING_DEMO=OWN),
            w.pypi.tokens.add(OWN),
        ),
        lookalike=lambda w: w.environment.update(PUBLISH_ALL_PYPI_TOKEN_FOR_OTHER_PROJECT=OTHERS),
        exits=3,
        says="other-project",
    ),
    Case(
        code="PA304",
        break_it=lambda w: w.give_token("ghp_0123456789abcdefghij0123456789abcdef"),
        next_step=lambda w: w.give_token(token()),
        lookalike=lambda w: w.environment.update(GITHUB_TOKEN="ghp_0123456789abcdefghij0123456789abcdef"),
        exits=3,
    ),
    Case(
        code="PA305",
        break_it=lambda w: (
            w.take_token(),
            user(w, "bob"),
            w.environment.update(PUBLISH_ALL_PYPI_PASSWORD="pw"),
        ),
        next_step=lambda w: (user(w, "__token__"), w.environment.update(PUBLISH_ALL_PYPI_PASSWORD=token())),
        lookalike=lambda w: user(w, "__token__"),
        exits=3,
    ),
    Case(
        code="PA306",
        break_it=lambda w: w.give_token(token()[:20]),
        next_step=lambda w: w.give_token(token()),
        lookalike=lambda w: w.give_token(token(about="another one")),
        exits=3,
    ),
    Case(
        code="PA307",
        break_it=lambda w: w.take_token(),
        next_step=lambda w: w.give_token(token()),
        lookalike=lambda w: (w.corp_project(), setattr(w.corp, "open", True)),
        exits=3,
    ),
    Case(
        code="PA309",
        break_it=lambda w: w.give_token(token()[:12] + "\n" + token()[12:]),
        next_step=lambda w: w.give_token(token()),
        lookalike=lambda w: w.environment.update(PUBLISH_ALL_PYPI_TOKEN=token() + "\n"),
        exits=3,
    ),
    Case(
        code="PA310",
        break_it=incomplete,
        next_step=lambda w: w.corp_user(),
        lookalike=lambda w: (w.take_token(), w.environment.update(PUBLISH_ALL_PYPI_PASSWORD=token())),
        exits=3,
    ),
    Case(
        code="PA311",
        break_it=lambda w: pypirc(w, "password without a section\n"),
        next_step=lambda w: pypirc(w, GOOD_PYPIRC),
        lookalike=lambda w: pypirc(w, f"# by hand\n\n{GOOD_PYPIRC}"),
        exits=3,
    ),
    Case(
        code="PA312",
        break_it=lambda w: pypirc(w, GOOD_PYPIRC, 0o644),
        next_step=lambda w: (w.home / ".pypirc").chmod(0o600),
        lookalike=lambda w: pypirc(w, GOOD_PYPIRC, 0o400),
    ),
    Case(
        code="PA320",
        break_it=without_permission,
        next_step=lambda w: w.in_job(),
        lookalike=lambda w: (without_permission(w), w.give_token(token())),
        exits=3,
    ),
    Case(
        code="PA321",
        break_it=lambda w: (w.take_token(), oidc(w)),
        next_step=lambda w: (setattr(w, "auth", "token"), w.give_token(token())),
        lookalike=lambda w: (w.in_job(), oidc(w)),
        exits=3,
    ),
    Case(
        code="PA322",
        break_it=lambda w: corp_in_job(w, None, "oidc"),
        next_step=corp_with_password,
        lookalike=lambda w: (corp_in_job(w, None, "auto"), w.corp_user()),
        exits=3,
    ),
    Case(
        code="PA323",
        break_it=lambda w: corp_in_job(w, "pypi", "oidc"),
        next_step=corp_with_password,
        lookalike=lambda w: corp_in_job(w, "corp.example", "oidc"),
        exits=3,
    ),
    Case(
        code="PA324",
        break_it=refused_mint("invalid-publisher"),
        next_step=mints,
        lookalike=lambda w: w.in_job(),
        exits=3,
        says="publish.yml",
    ),
    Case(
        code="PA325",
        break_it=refused_mint("invalid-pending-publisher"),
        next_step=mints,
        lookalike=lambda w: w.in_job(),
        exits=3,
    ),
    Case(
        code="PA326",
        break_it=refused_mint("not-enabled"),
        next_step=mints,
        lookalike=lambda w: w.in_job(),
        exits=3,
    ),
    Case(
        code="PA327",
        break_it=lambda w: w.in_job(event_name="pull_request_target"),
        next_step=lambda w: w.in_job(event_name="release"),
        lookalike=lambda w: w.in_job(event_name="pull_request"),
    ),
    Case(
        code="PA328",
        break_it=token_in_job,
        next_step=lambda w: setattr(w, "auth", "token"),
        lookalike=lambda w: w.in_job(),
    ),
    Case(
        code="PA329",
        break_it=lambda w: new_variants_in_job(w, "one", "two"),
        next_step=lambda w: new_variants_in_job(w, "one"),
        lookalike=lambda w: known_variants(w, "one", "two"),
        exits=3,
        says="kindling-demo-one, kindling-demo-two",
    ),
    Case(
        code="PA330",
        break_it=lambda w: w.in_job(),
        next_step=lambda w: w.project(more='[tool.publish-all.repositories.pypi]\nattestations = "never"'),
        lookalike=lambda w: w.give_token(token()),
    ),
    Case(
        code="PA331",
        break_it=lambda w: always(w, "always"),
        next_step=lambda w: always(w, "auto"),
        lookalike=lambda w: always(w, "never"),
        exits=3,
    ),
    Case(
        code="PA333",
        break_it=attestation_beside,
        next_step=no_attestation,
        lookalike=lambda w: (w.dist / "notes.attestation").write_text("{}"),
    ),
    Case(
        code="PA334",
        break_it=lambda w: known_variants(w, "one"),
        next_step=lambda w: w.pypi.publishers.add(f"{NAME}-two"),
        lookalike=lambda w: (known_variants(w, "one", "two"), w.pypi.publishers.add("another")),
        exits=3,
        says="1 of the 2 projects",
    ),
)
