"""PA1xx and PA7xx."""

from __future__ import annotations

from catalogue_world.world import Case, World

HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
POETRY = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
WORKFLOW = """\
on: {release: {types: [published]}}
jobs:
  publish:
    environment: pypi
    permissions: {id-token: write, contents: read}
    steps:
      - uses: actions/checkout@v4
      - run: publish-all publish
"""


def to_build(world: World, readme: str) -> None:
    """A project that Hatch builds; `readme` is the file that it names."""
    world.build = True
    world.project(says=f'version = "1.0"\nreadme = "{readme}"', more=HATCHLING)
    world.environment["HATCH_PUBLISHER"] = "publish-all"
    (world.root / "kindling_demo.py").write_text('"""Nothing."""\n')


def to_check(world: World, command: str) -> None:
    """A project that is built, and whose `before-publish` is this command."""
    world.build = True
    world.project(top=f'before-publish = ["{command}"]', more=HATCHLING)
    (world.root / "kindling_demo.py").write_text('"""Nothing."""\n')


def by_poetry_core(world: World, table: str) -> None:
    """A project that poetry-core builds, with this table of dependencies."""
    world.build = True
    world.project(
        more=f'{POETRY}[tool.poetry.requires-plugins]\npoetry-publish-all = "*"\n[tool.poetry.{table}]\n'
    )
    (world.root / "kindling_demo.py").write_text('"""Nothing."""\n')


def two_variants(world: World, to: str) -> None:
    world.project(more=f"[tool.publish-all.variants.one]\npublish-to = {to}\n")
    world.variants("one")


CASES = (
    Case(
        code="PA101",
        break_it=lambda w: w.project(top="privat = true"),
        next_step=lambda w: w.project(top="private = false"),
        lookalike=lambda w: w.project(more="[tool.other]\nprivat = true"),
        exits=2,
        says="privat",
    ),
    Case(
        code="PA102",
        break_it=lambda w: two_variants(w, '["local"]'),
        next_step=lambda w: two_variants(w, '["local", "pypi"]'),
        lookalike=lambda w: two_variants(w, '["main"]'),
        exits=2,
        says="no build variant is published to pypi",
    ),
    Case(
        code="PA150",
        break_it=lambda w: w.workflow("on: [push\njobs: {}\n"),
        next_step=lambda w: w.workflow(WORKFLOW),
        lookalike=lambda w: (w.root / "publish.yml").write_text("on: [push\n"),
    ),
    Case(
        code="PA151",
        break_it=lambda w: w.workflow(WORKFLOW.replace("    environment: pypi\n", "")),
        next_step=lambda w: w.workflow(WORKFLOW),
        lookalike=lambda w: w.workflow(
            WORKFLOW.replace("    environment: pypi\n", "    env: {PUBLISH_ALL_PYPI_TOKEN: x}\n")
        ),
    ),
    Case(
        code="PA160",
        break_it=lambda w: w.project(more=HATCHLING),
        next_step=lambda w: w.environment.update(HATCH_PUBLISHER="publish-all"),
        lookalike=lambda w: w.project(more="[tool.pdm]\n"),
    ),
    Case(
        code="PA161",
        break_it=lambda w: w.project(more=POETRY),
        next_step=lambda w: w.project(
            more=POETRY + '[tool.poetry.requires-plugins]\npoetry-publish-all = "*"\n'
        ),
        lookalike=lambda w: w.project(more='[dependency-groups]\ndev = ["poetry"]\n'),
    ),
    Case(
        code="PA250",
        break_it=lambda w: w.project(licence=""),
        next_step=lambda w: w.project(licence='license = "Apache-2.0"'),
        lookalike=lambda w: w.project(licence='license-files = ["LICENCE"]'),
    ),
    Case(
        code="PA701",
        break_it=lambda w: to_build(w, "README.md"),
        next_step=lambda w: (w.root / "README.md").write_text("# Demo\n"),
        lookalike=lambda w: (
            to_build(w, "docs/index.md"),
            (w.root / "docs").mkdir(),
            (w.root / "docs" / "index.md").write_text("# Demo\n"),
        ),
        exits=1,
        says="README.md",
    ),
    Case(
        code="PA702",
        break_it=lambda w: to_check(w, "exit 3"),
        next_step=lambda w: to_check(w, "exit 0"),
        lookalike=lambda w: to_check(w, "echo failed with exit code 3"),
        exits=4,
        says="exit code 3",
    ),
    Case(
        code="PA703",
        break_it=lambda w: by_poetry_core(w, "dev-dependencies"),
        next_step=lambda w: by_poetry_core(w, "group.dev.dependencies"),
        lookalike=lambda w: by_poetry_core(w, "group.dev-dependencies.dependencies"),
        says="dev-dependencies",
    ),
)
