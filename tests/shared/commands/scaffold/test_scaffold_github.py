from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `pipelines`, which is no test

from pipelines import FABRIC, ITSELF, SPARK, SYNAPSE, loaded, pipelines, validator

from publish_all.checks.publish_jobs import publish_jobs
from publish_all.commands.scaffold.choices import Trigger
from publish_all.commands.scaffold.github_workflow import ACTIONS, github_workflow, kept_in
from publish_all.commands.scaffold.pipeline import EVERYTHING, Pipeline
from publish_all.config.workflows import parse_workflow

PIPELINE = Pipeline(
    publish_to=("pypi", "github", "corp"),
    products=(SYNAPSE, SPARK, FABRIC),
    tests=("uvx nox",),
    separate=True,
    rehearse=True,
)

ONE_JOB = PIPELINE._replace(separate=False)


def parsed(pipeline: Pipeline):
    return parse_workflow(github_workflow(pipeline), Path("publish.yml"))


def jobs_of(pipeline: Pipeline):
    return {each.key: each for each in parsed(pipeline).jobs}


def needs_of(pipeline: Pipeline):
    jobs = loaded(github_workflow(pipeline))["jobs"]
    return {key: tuple(job.get("needs", ())) for key, job in jobs.items()}


def commands_of(job) -> list[str]:
    return [each.run for each in job.steps if each.run]


def test_every_combination_passes_the_schema_of_github_and_needs_only_jobs_that_are_there():
    schema = validator("github-workflows")
    for name, pipeline in pipelines():
        values = loaded(github_workflow(pipeline))
        errors = [each.message for each in schema.iter_errors(values)]
        assert (name, pipeline, errors) == (name, pipeline, [])
        assert all(set(job.get("needs", ())) <= set(values["jobs"]) for job in values["jobs"].values())


def test_uses_the_pinned_actions_of_the_table_alone():
    pinned = {f"{each.name}@{each.commit} # {each.tag}" for each in ACTIONS}
    for _, pipeline in pipelines():
        text = github_workflow(pipeline)
        assert set(re.findall(r"uses: (.+)", text)) <= pinned


@pytest.mark.parametrize("action", ACTIONS, ids=lambda each: each.name)
def test_an_action_is_a_tag_and_a_commit(action):
    assert re.fullmatch(r"[\w-]+/[\w-]+", action.name)
    assert re.fullmatch(r"v\d+\.\d+\.\d+", action.tag)
    assert re.fullmatch(r"[0-9a-f]{40}", action.commit)


def test_no_permission_but_those_that_a_job_needs():
    workflow = parsed(PIPELINE)
    assert workflow.permissions == {}
    assert {each.key: each.permissions for each in workflow.jobs} == {
        "test": {"contents": "read"},
        "build": {"contents": "read"},
        "testpypi-kindling-synapse": {"contents": "read", "id-token": "write"},
        "testpypi-kindling-spark": {"contents": "read", "id-token": "write"},
        "pypi-kindling-synapse": {"contents": "read", "id-token": "write"},
        "pypi-kindling-spark": {"contents": "read", "id-token": "write"},
        "github": {"contents": "read", "packages": "write"},
        "to-corp": {"contents": "read"},
    }


def test_starts_as_it_was_asked_to():
    triggers = parsed(PIPELINE._replace(triggers=tuple(Trigger), tag_prefix="core-v")).triggers
    assert triggers["release"] == {"types": ["published"]}
    assert triggers["push"] == {"tags": ["core-v[0-9]*"]}
    optional = parsed(PIPELINE._replace(triggers=(Trigger.TAG,))).triggers
    assert optional["push"] == {"tags": ["v[0-9]*", "[0-9]*"]}
    inputs = triggers["workflow_dispatch"]["inputs"]
    assert inputs["repository"]["options"] == ["testpypi", "pypi", "github", "corp", EVERYTHING]
    assert inputs["repository"]["default"] == "testpypi"
    assert inputs["auth"]["options"] == ["oidc", "token"]
    assert "push" not in parsed(PIPELINE).triggers


def test_a_private_index_alone_has_no_choice_of_identity():
    inputs = parsed(PIPELINE._replace(publish_to=("corp",))).triggers["workflow_dispatch"]["inputs"]
    assert list(inputs) == ["repository"]
    assert inputs["repository"]["options"] == ["corp"]


def test_each_new_project_has_a_job_in_an_environment_of_its_own():
    jobs = jobs_of(PIPELINE)
    for project, variant in (("kindling-synapse", "synapse"), ("kindling-spark", "spark")):
        job = jobs[f"pypi-{project}"]
        assert job.environment == f"pypi-{project}"
        assert f"--variant {variant} " in commands_of(job)[0]
    assert kept_in(parsed(PIPELINE)).separate


def test_projects_that_exist_share_a_job():
    jobs = jobs_of(ONE_JOB)
    assert not kept_in(parsed(ONE_JOB)).separate
    assert jobs["pypi"].environment == "pypi"
    assert "--variant" not in commands_of(jobs["pypi"])[0]


def test_the_project_itself_beside_variants_is_published_by_its_files():
    pipeline = PIPELINE._replace(products=(ITSELF, SYNAPSE), subfolder="python")
    jobs = jobs_of(pipeline)
    assert jobs["pypi-kindling"].environment == "pypi-kindling"
    assert commands_of(jobs["pypi-kindling"]) == [
        'uvx --from "$PUBLISH_ALL" publish-all -C python publish -r pypi --auth "$AUTH" python/dist/kindling-[0-9]*'
    ]
    assert needs_of(pipeline)["github"][-2:] == ("pypi-kindling", "pypi-kindling-synapse")


def test_the_site_follows_the_jobs_that_publish_what_it_lists():
    pipeline = PIPELINE._replace(pages=True, subfolder="python")
    job = jobs_of(pipeline)["pages"]
    assert needs_of(pipeline)["pages"] == ("github",)
    assert "needs.github.result == 'success'" in loaded(github_workflow(pipeline))["jobs"]["pages"]["if"]
    assert job.permissions == {"contents": "read", "pages": "write", "id-token": "write"}
    assert job.environment == "github-pages"
    assert commands_of(job) == ['uvx --from "$PUBLISH_ALL" publish-all -C python site -r github -o _site']
    assert "pages" not in jobs_of(PIPELINE)
    assert "pages" not in jobs_of(PIPELINE._replace(publish_to=("pypi",), pages=True))
    assert kept_in(parsed(pipeline)).pages


def test_a_later_destination_waits_for_the_earlier_ones():
    needs = needs_of(ONE_JOB)
    assert [needs[each] for each in ("build", "testpypi", "pypi", "github", "to-corp")] == [
        ("test",),
        ("build",),
        ("build", "testpypi"),
        ("build", "testpypi", "pypi"),
        ("build", "testpypi", "pypi", "github"),
    ]


def test_builds_once_or_in_each_job():
    split, unsplit = jobs_of(ONE_JOB), jobs_of(ONE_JOB._replace(split=False))
    assert "build --manifest publish-all-manifest.json" in commands_of(split["build"])[0]
    assert commands_of(split["pypi"])[0].endswith(" --manifest publish-all-manifest.json")
    assert "build" not in unsplit
    assert "--manifest" not in commands_of(unsplit["pypi"])[0]
    assert needs_of(ONE_JOB._replace(split=False))["testpypi"] == ("check",)
    assert commands_of(split["build"])[0].endswith("check --no-build --rebuild\n")
    assert commands_of(unsplit["check"])[0].endswith("check --rebuild")


def test_a_project_in_a_subfolder_is_named_everywhere():
    jobs = jobs_of(PIPELINE._replace(subfolder="my code"))
    ours = "uvx --from \"$PUBLISH_ALL\" publish-all -C 'my code'"
    assert commands_of(jobs["build"]) == [
        f"{ours} build --manifest publish-all-manifest.json\n{ours} check --no-build --rebuild\n"
    ]
    assert jobs["test"].steps[-1].working_directory == "my code"
    kept = jobs["build"].steps[-1].inputs["path"].splitlines()
    # The artifact is rooted in the folder that both have in common, which is that of the repository.
    assert kept == ["my code/dist/", "publish-all-manifest.json"]
    assert jobs["to-corp"].steps[2].inputs["path"] == "."


def test_tokens_come_from_the_secrets_of_the_environment():
    jobs = jobs_of(ONE_JOB)
    assert jobs["to-corp"].environment == "corp"
    assert jobs["to-corp"].steps[-1].env == {"PUBLISH_ALL_CORP_TOKEN": "${{ secrets.CORP_TOKEN }}"}
    assert jobs["github"].steps[-1].env == {"GITHUB_TOKEN": "${{ github.token }}"}
    assert jobs["pypi"].steps[-1].env["PUBLISH_ALL_PYPI_TOKEN"] == (
        "${{ inputs.auth == 'token' && secrets.PYPI_TOKEN || '' }}"
    )


@pytest.mark.parametrize(
    "command", ["echo 'a: b'  # c", "- x", "{}", "|", "*", "true", "make test", "a\nb", 'echo "ü"', "& x"]
)
def test_any_command_stays_what_it_is(command):
    (job,) = (each for each in parsed(PIPELINE._replace(tests=(command,))).jobs if each.key == "test")
    assert job.steps[-1].run.strip() == command


@pytest.mark.parametrize("name", ["on", "1st", "corp.eu", "Corp_EU"])
def test_any_name_of_a_repository_will_do(name):
    workflow = PIPELINE._replace(publish_to=(name,), rehearse=False)
    assert not list(validator("github-workflows").iter_errors(loaded(github_workflow(workflow))))
    assert f"publish -r {name} " in commands_of(parsed(workflow).jobs[-1])[0]


@pytest.mark.parametrize("pipeline", [each for _, each in pipelines()][::7])
def test_doctor_finds_a_job_for_each_destination(pipeline):
    found = [job for job in publish_jobs(parsed(pipeline)) if not job.has_token]
    trusted = {*pipeline.trusted}
    assert trusted <= {name for job in found for name in job.repositories or ()}


@pytest.mark.parametrize("split", [True, False])
def test_copies_into_the_project_come_before_each_build_and_are_kept(split):
    copies = ("cp -R README.md lib/README.md", "cp -R LICENSE lib/LICENSE")
    pipeline = PIPELINE._replace(copies=copies, split=split, subfolder="lib")
    for job in parsed(pipeline).jobs:
        for commands in commands_of(job):
            builds = re.search(
                r"publish-all -C lib (build|check|publish)(?!.*--manifest)", commands.splitlines()[-1]
            )
            expected = bool(builds) and (not split or job.key == "build")
            assert (commands.splitlines()[:2] == [*copies]) is expected, (job.key, commands)
    assert kept_in(parsed(pipeline)).copies == copies
