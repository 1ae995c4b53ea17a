"""The pipeline of GitLab CI that releases a project, as text with comments. Pure.

https://docs.gitlab.com/ci/yaml/; identities: https://docs.gitlab.com/ci/secrets/id_token_authentication/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from publish_all._toml import table
from publish_all.commands.scaffold.choices import MARK
from publish_all.commands.scaffold.pipeline import (
    EVERYTHING,
    MANIFEST,
    NEW_PROJECTS,
    Noted,
    Pipeline,
    PublishJob,
    token_variable,
    yaml_lines,
)
from publish_all.config.workflows import Job, Step, Workflow, load_yaml

GITLAB_FILE = ".gitlab-ci.yml"
IMAGE = "ghcr.io/astral-sh/uv:python3.13-bookworm"
_HEAD = f"""\
{MARK}: run it again to change this file, or edit it.
#
# A pushed tag starts a release. To start one by hand, use Build > Pipelines > New pipeline, and set
# these variables.
"""


def gitlab_pipeline(pipeline: Pipeline) -> str:
    """The whole file. A release is a tag here: GitLab makes one for each release, and runs a pipeline for it."""
    variables: dict[str, Any] = {
        "PUBLISH_ALL": pipeline.requirement,
        **pipeline.find_links("$CI_PROJECT_DIR"),
        "REPOSITORY": _choice("Where to publish", pipeline.choices),
    }
    if pipeline.trusted:
        text = "How to authenticate to PyPI: trusted publishing, or a token in PUBLISH_ALL_PYPI_TOKEN"
        variables["AUTH"] = _choice(text, ("oidc", "token"))
    common = {
        "image": IMAGE,
        "variables": {"GIT_DEPTH": Noted("0", "all commits and tags, to find the version")},
        "rules": _rules(pipeline),
    }
    parts: list[dict[str, Any]] = [
        {"variables": variables},
        {".release": common},
        *({key: {"extends": ".release", **job}} for key, job in _jobs(pipeline)),
    ]
    return _HEAD + "\n\n".join("\n".join(yaml_lines(each)) for each in parts) + "\n"


def _choice(description: str, options: tuple[str, ...]) -> dict[str, Any]:
    return {"description": description, "value": options[0], "options": options}


def _jobs(pipeline: Pipeline) -> Iterator[tuple[str, dict[str, Any]]]:
    """The jobs without stages: each waits for those that it needs."""
    needs: list[Any] = []
    if pipeline.tests:
        folder = {"before_script": [f"cd {shlex.quote(pipeline.subfolder)}"]} if pipeline.subfolder else {}
        yield "test", {"needs": [], **folder, "script": [*pipeline.tests]}
        needs = ["test"]
    if pipeline.split:
        artifacts = {"paths": (f"{pipeline.folder}/", MANIFEST)}
        yield "build", {"needs": needs, "script": pipeline.build_commands, "artifacts": artifacts}
        needs = ["build"]
    else:
        yield "check", {"needs": needs, "script": pipeline.check_commands}
        needs = ["check"]
    optional = Noted(value=True, comment="not in the pipeline if another repository is selected")
    for repository in pipeline.destinations:
        before = list(needs)
        for job in pipeline.jobs(repository):
            yield job.key, _publish_job(job, needs if pipeline.whole else before)
            needs = [*needs, {"job": job.key, "optional": optional}]


def _publish_job(job: PublishJob, needs: list[Any]) -> dict[str, Any]:
    repository, name = job.repository, token_variable(job.repository)
    made: dict[str, Any] = {
        "rules": _rules(job.pipeline, repository),
        "needs": needs,
        **({NEW_PROJECTS: None} if job.product is not None else {}),
        "resource_group": Noted("publish", "one release at a time"),
        "environment": job.environment,
    }
    if repository in job.pipeline.trusted:  # named as the `id` package looks for them
        made["id_tokens"] = {
            f"{name}_ID_TOKEN": Noted({"aud": repository}, "for trusted publishing"),
            "SIGSTORE_ID_TOKEN": Noted({"aud": "sigstore"}, "for attestations"),
        }
    else:
        made[f"# The variable PUBLISH_ALL_{name}_TOKEN of the project holds its token."] = None
    return {**made, "script": job.commands}


def _rules(pipeline: Pipeline, repository: str | None = None) -> list[dict[str, str]]:
    prefix = "|".join(re.escape(each) for each in pipeline.tag_prefixes).replace("/", "\\/")
    by_hand = '$CI_PIPELINE_SOURCE == "web"'
    if repository is not None and len(pipeline.destinations) > 1:
        by_hand += f' && ($REPOSITORY == "{repository}" || $REPOSITORY == "{EVERYTHING}")'
    return [{"if": f"$CI_COMMIT_TAG =~ /^({prefix})[0-9]/"}, {"if": by_hand}]


def pipeline_in(text: str, path: Path) -> Workflow:
    """A file of `gitlab_pipeline`, perhaps edited, as a workflow with its tags, and its jobs with their commands.

    Raises `ConfigurationError` if it is not valid YAML any more.
    """
    values, jobs = table(load_yaml(text, path)), []
    for key in values:
        job = table(values, key)
        environment = table(job, "environment").get("name", job.get("environment"))
        script = job.get("script", [])
        commands = script if isinstance(script, list) else [script]
        step = Step(line=0, run="\n".join(map(str, commands)))
        jobs.append(Job(str(key), line=0, environment=environment, steps=(step,)))
    prefix = re.search(r"CI_COMMIT_TAG =~ /\^\(([^|)]*)", text)
    tags = [prefix[1].replace("\\", "") + "[0-9]*"] if prefix else []
    return Workflow(path=path, triggers={"push": {"tags": tags}}, jobs=tuple(jobs))
