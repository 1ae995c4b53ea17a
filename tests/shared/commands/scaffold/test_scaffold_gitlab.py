from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `pipelines`, which is no test

from pipelines import FABRIC, ITSELF, SPARK, SYNAPSE, loaded, pipelines, validator

from publish_all.commands.scaffold.gitlab_pipeline import gitlab_pipeline
from publish_all.commands.scaffold.pipeline import Pipeline

PIPELINE = Pipeline(
    publish_to=("pypi", "corp"),
    products=(SYNAPSE, SPARK, FABRIC),
    tests=("uvx nox",),
    separate=True,
    rehearse=True,
)


def read(pipeline: Pipeline):
    return loaded(gitlab_pipeline(pipeline))


def test_every_combination_passes_the_schema_of_gitlab():
    schema = validator("gitlab-ci")
    for name, pipeline in pipelines():
        values = read(pipeline)
        errors = [each.message for each in schema.iter_errors(values)]
        assert (name, pipeline, errors) == (name, pipeline, [])


def test_identities_are_for_the_audience_of_each_index():
    values = read(PIPELINE._replace(separate=False))
    assert values["testpypi"]["id_tokens"]["TESTPYPI_ID_TOKEN"] == {"aud": "testpypi"}
    assert values["pypi"]["id_tokens"] == {
        "PYPI_ID_TOKEN": {"aud": "pypi"},
        "SIGSTORE_ID_TOKEN": {"aud": "sigstore"},
    }
    assert "id_tokens" not in values["to-corp"]


def test_a_tag_starts_everything_and_a_person_what_was_asked_for():
    rules = read(PIPELINE._replace(tag_prefix="core/v", separate=False))["pypi"]["rules"]
    assert rules == [
        {"if": r"$CI_COMMIT_TAG =~ /^(core\/v)[0-9]/"},
        {"if": '$CI_PIPELINE_SOURCE == "web" && ($REPOSITORY == "pypi" || $REPOSITORY == "all of them")'},
    ]


def test_a_later_destination_waits_for_the_earlier_ones():
    values = read(PIPELINE._replace(separate=False))
    optional = [{"job": each, "optional": True} for each in ("testpypi", "pypi")]
    assert (values["test"]["needs"], values["build"]["needs"]) == ([], ["test"])
    assert values["testpypi"]["needs"] == ["build"]
    assert values["pypi"]["needs"] == ["build", *optional[:1]]
    assert values["to-corp"]["needs"] == ["build", *optional]


def test_each_new_project_has_an_environment_of_its_own():
    job = read(PIPELINE)["pypi-kindling-spark"]
    assert job["environment"] == "pypi-kindling-spark"
    assert "--variant spark" in job["script"][0]


def test_the_project_itself_is_published_by_its_files():
    values = read(PIPELINE._replace(products=(ITSELF, SYNAPSE), split=False, subfolder="python"))
    assert values["pypi-kindling"]["script"] == [
        'uvx --from "$PUBLISH_ALL" publish-all -C python build',
        'uvx --from "$PUBLISH_ALL" publish-all -C python publish -r pypi --auth "$AUTH" python/dist/kindling-[0-9]*',
    ]
    assert values["test"]["before_script"] == ["cd python"]
    assert values["test"]["script"] == ["uvx nox"]
