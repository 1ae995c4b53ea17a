from __future__ import annotations

from pathlib import Path

import pytest

from publish_all._git import repository_root
from publish_all.config.workflows import parse_workflow, read_workflow, read_workflows
from publish_all.errors import ConfigurationError

PATH = Path(".github/workflows/ci.yml")


def parse(text: str):
    return parse_workflow(text, PATH)


def test_reads_what_publishing_is_concerned_with():
    workflow = parse("""\
name: CI
on:
  push:
    tags: ["v*"]
  workflow_dispatch:
permissions: {}
concurrency:
  group: publish
jobs:
  build:
    runs-on: ubuntu-latest
    needs: test
    environment: {name: pypi}
    permissions: {id-token: write}
    defaults: {run: {working-directory: python}}
    steps:
      - uses: Actions/Checkout@v5
        with: {fetch-depth: 0, persist-credentials: false}
      - name: Build
        run: |
          poetry build
        env: {KEY: 1}
""")
    (job,) = workflow.jobs
    checkout, build = job.steps
    assert list(workflow.triggers) == ["push", "workflow_dispatch"]
    assert (job.environment, job.working_directory, job.line) == ("pypi", "python", 10)
    assert checkout.action == "actions/checkout"
    assert checkout.inputs == {"fetch-depth": "0", "persist-credentials": "false"}
    assert (build.title, build.run, build.env, build.line) == ("Build", "poetry build\n", {"KEY": "1"}, 19)
    assert build.run_line == 21


@pytest.mark.parametrize(
    ("stated", "expected"), [("on: push", ["push"]), ("on: [push, release]", ["push", "release"])]
)
def test_reads_triggers_in_their_short_forms(stated, expected):
    assert list(parse(f"{stated}\njobs: {{}}\n").triggers) == expected


def test_permissions_of_a_job_take_the_place_of_the_workflow_s():
    workflow = parse("""\
permissions: {contents: read, packages: write}
jobs:
  a: {steps: []}
  b: {permissions: {id-token: write}}
  c: {permissions: write-all}
""")
    a, b, c = workflow.jobs
    assert workflow.permission(a, "packages") == "write"
    assert workflow.permission(a, "id-token") == "none"
    assert workflow.permission(b, "contents") == "none"
    assert workflow.permission(c, "id-token") == "write"


def test_permissions_that_nobody_states_are_the_repository_s():
    workflow = parse("jobs:\n  a: {steps: []}\n")
    assert workflow.permission(workflow.jobs[0], "contents") is None


def test_a_matrix_is_its_combinations():
    workflow = parse("""\
jobs:
  a:
    strategy:
      matrix:
        platform: [synapse, fabric]
        python: ["3.10", "3.11"]
        exclude: [{platform: fabric, python: 3.11}]
        include: [{platform: synapse, config: build-configs/synapse.toml}, {platform: databricks}]
""")
    assert workflow.jobs[0].matrix == (
        {"platform": "synapse", "python": "3.10", "config": "build-configs/synapse.toml"},
        {"platform": "synapse", "python": "3.11", "config": "build-configs/synapse.toml"},
        {"platform": "fabric", "python": "3.10"},
        {"platform": "databricks"},
    )


def test_a_matrix_made_by_an_expression_is_unknown():
    workflow = parse("jobs:\n  a: {strategy: {matrix: '${{ fromJSON(needs.x.outputs.m) }}'}}\n  b: {}\n")
    assert [each.matrix for each in workflow.jobs] == [None, ({},)]


def test_a_matrix_of_more_combinations_than_github_runs_is_unknown():
    axes = "".join(f", {name}: *ten" for name in "bcdefghijk")
    workflow = parse(f"jobs:\n  a: {{strategy: {{matrix: {{a: &ten [0,1,2,3,4,5,6,7,8,9]{axes}}}}}}}\n")
    assert workflow.jobs[0].matrix is None


def test_lists_and_tables_are_no_texts_however_large_their_aliases_make_them():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    workflow = parse(
        "\n".join([*lines, "jobs:", "  a: {name: *a59, env: {X: *a59}, needs: *a1, steps: [{run: *a59}]}"])
    )
    (job,) = workflow.jobs
    assert (job.env, job.steps[0].title) == ({"X": ""}, "")


def test_a_large_value_of_a_key_that_stands_twice_is_not_shown():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert parse("\n".join([*lines, "a1: *a59", "jobs: {}"])).jobs == ()


def test_a_job_that_is_merged_from_elsewhere_is_read():
    workflow = parse("x: &x\n  a: {steps: [{run: twine upload dist/*}]}\njobs:\n  <<: *x\n  b: {name: B}\n")
    assert {each.key: each.line for each in workflow.jobs} == {"a": 4, "b": 5}


def test_says_what_keeps_a_file_from_being_read(tmp_path):
    with pytest.raises(ConfigurationError, match=r"ci\.yml: cannot be read: No such file") as caught:
        read_workflow(tmp_path / "ci.yml")
    assert "a GitHub Actions workflow" in caught.value.hint
    (tmp_path / "ci.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is not valid UTF-8"):
        read_workflow(tmp_path / "ci.yml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("jobs: [\n", "ci.yml:2: is not valid YAML"),
        ("jobs: !!timestamp x\n", "ci.yml:1: is not valid YAML"),
        (":\n" * 30_000, "ci.yml: has too many values"),
        ("[!a " * 5000, "ci.yml: is nested too deep"),
        ("[" * 5000, "ci.yml: is nested too deep"),
        ("- a\n", "it has no jobs"),
        ("name: x\n", "it has no jobs"),
        ("", "it has no jobs"),
    ],
)
def test_says_where_a_file_is_no_workflow(text, problem):
    with pytest.raises(ConfigurationError, match=problem):
        parse(text)


def test_reads_all_workflows_of_the_repository_around_a_project(tmp_path):
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    project = tmp_path / "python"
    project.mkdir()
    (folder / "b.yaml").write_text("jobs: {}\n")
    (folder / "a.yml").write_text("on: push\njobs:\n  x: {runs-on: ubuntu-latest}\n")
    (folder / "broken.yml").write_text("a: [\n")
    (folder / "README.md").write_text("no workflow")
    workflows = read_workflows(project)
    assert [each.path.name for each in workflows.found] == ["a.yml", "b.yaml"]
    assert len(workflows.notes) == 1
    assert "broken.yml" in workflows.notes[0]
    assert repository_root(project) == tmp_path


def test_a_folder_outside_of_any_repository_has_no_workflows(tmp_path):
    assert read_workflows(tmp_path).found == ()
