"""The workflow of GitHub Actions that releases a project, as text with comments. Pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from publish_all.commands.scaffold.choices import MARK, Kept, Login, Trigger
from publish_all.commands.scaffold.pipeline import (
    EVERYTHING,
    MANIFEST,
    NEW_PROJECTS,
    OWN_TOKEN,
    TITLES,
    Noted,
    Pipeline,
    PublishJob,
    token_variable,
    yaml_lines,
)
from publish_all.config.workflows import Workflow


class Action(NamedTuple):
    """An action by OWNER/REPOSITORY, a release of it, and the commit of its tag when it was looked up.

    A tag can be moved to other code, a commit can't. To update, change tag and commit together.
    """

    name: str
    tag: str
    commit: str

    def step(self, **inputs: Any) -> dict[str, Any]:
        stated = {key.replace("_", "-"): value for key, value in inputs.items()}
        uses = {"uses": Noted(f"{self.name}@{self.commit}", self.tag)}
        return {**uses, "with": stated} if stated else uses


CHECKOUT = Action("actions/checkout", "v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1")
UPLOAD_ARTIFACT = Action("actions/upload-artifact", "v7.0.1", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a")
DOWNLOAD_ARTIFACT = Action("actions/download-artifact", "v8.0.1", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c")
SETUP_UV = Action("astral-sh/setup-uv", "v8.1.0", "08807647e7069bb48b6ef5acd8ec9567f424441b")
UPLOAD_PAGES = Action("actions/upload-pages-artifact", "v5.0.0", "fc324d3547104276b827a68afc52ff2a11cc49c9")
DEPLOY_PAGES = Action("actions/deploy-pages", "v5.0.0", "cd2ce8fcbc39b97be8ca5fce6e763baed58fa128")
ACTIONS = (CHECKOUT, UPLOAD_ARTIFACT, DOWNLOAD_ARTIFACT, SETUP_UV, UPLOAD_PAGES, DEPLOY_PAGES)

_HEAD = f"""\
{MARK}: run it again to change this file, or edit it.
#
# Actions are pinned to commits, because tags can be moved to other code. Each job has only the
# permissions that it needs, and checkouts do not keep credentials.
name: publish
"""
_READ = {"contents": Noted("read", "for actions/checkout")}
_SECRET = re.compile(r"\$\{\{\s*secrets\.(\w+)\s*\}\}")
_DESTINATION = re.compile(r"\bpublish-all\b.* publish -r '?([\w.-]+)")


def github_workflow(pipeline: Pipeline) -> str:
    """The whole file. `pipeline` has one destination at least."""
    parts: list[dict[str, Any]] = [
        {"on": _triggers(pipeline)},
        {"permissions": Noted({}, "each job has its own")},
        {
            "concurrency": {
                "group": "publish-${{ github.ref }}",
                "cancel-in-progress": Noted(value=False, comment="a running release is not cancelled"),
            }
        },
        {"env": {"PUBLISH_ALL": pipeline.requirement, **pipeline.find_links("${{ github.workspace }}")}},
        {"jobs": {}},
    ]
    head = "\n\n".join("\n".join(yaml_lines(each)) for each in parts).removesuffix(" {}")
    jobs = ("\n".join(f"  {line}" for line in yaml_lines({key: job})) for key, job in _jobs(pipeline))
    return f"{_HEAD}{head}\n" + "\n\n".join(jobs) + "\n"


def _triggers(pipeline: Pipeline) -> dict[str, Any]:
    triggers: dict[str, Any] = {}
    if Trigger.RELEASE in pipeline.triggers:
        triggers["release"] = {"types": ("published",)}
    if Trigger.TAG in pipeline.triggers:
        triggers["push"] = {"tags": tuple(f"{each}[0-9]*" for each in pipeline.tag_prefixes)}
    inputs = {"repository": _choice("Where to publish", pipeline.choices)}
    if pipeline.trusted:
        text = "How to authenticate to PyPI: trusted publishing, or the token of the environment"
        inputs["auth"] = _choice(text, ("oidc", "token"))
    return {**triggers, "workflow_dispatch": {"inputs": inputs}}


def _choice(description: str, options: tuple[str, ...]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "choice",
        "required": True,
        "options": options,
        "default": options[0],
    }


def _jobs(pipeline: Pipeline) -> Iterator[tuple[str, dict[str, Any]]]:
    first: tuple[str, ...] = ()
    if pipeline.tests:
        commands = "\n".join(line.strip() for each in pipeline.tests for line in each.splitlines())
        folder = {"working-directory": pipeline.subfolder} if pipeline.subfolder else {}
        test = {"name": "Run the tests", **folder, "run": commands}
        yield "test", _job("Test", _READ, [*_start(), test])
        first = ("test",)
    if pipeline.split:
        build = {"name": "Build and check", "run": "\n".join(pipeline.build_commands)}
        paths = f"{pipeline.folder}/\n{MANIFEST}"
        keep = UPLOAD_ARTIFACT.step(name="dist", path=paths, if_no_files_found="error")
        steps = [*_start(), build, {"name": "Keep the files for the publish jobs", **keep}]
        yield "build", _job("Build", _READ, steps, needs=first)
        first = ("build",)
    else:
        check = {"name": "Check, and build each sdist", "run": "\n".join(pipeline.check_commands)}
        yield "check", _job("Check", _READ, [*_start(), check], needs=first)
        first = ("check",)
    before: tuple[str, ...] = first
    for repository in pipeline.destinations:
        needs = before
        for job in pipeline.jobs(repository):
            yield job.key, _publish_job(job, first, before if pipeline.whole else needs)
            before = (*before, job.key)  # all jobs: skipped ones do not count as failed
    if pipeline.pages and pipeline.site_of is not None:
        yield "pages", _pages_job(pipeline, pipeline.site_of)


def _start() -> list[dict[str, Any]]:
    no_cache = Noted(value=False, comment="a release must not use files from other jobs")
    return [
        CHECKOUT.step(
            fetch_depth=Noted(0, "all commits and tags, to find the version"), persist_credentials=False
        ),
        SETUP_UV.step(enable_cache=no_cache),
    ]


def _job(
    name: str, permissions: dict[str, Any], steps: list[Any], *, needs: tuple[str, ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        **({"needs": needs} if needs else {}),
        **more,
        "runs-on": "ubuntu-latest",
        "permissions": permissions,
        "steps": steps,
    }


def _publish_job(job: PublishJob, first: tuple[str, ...], needs: tuple[str, ...]) -> dict[str, Any]:
    repository, pipeline = job.repository, job.pipeline
    more: dict[str, Any] = {"if": _condition(job, first, needs)}
    if job.product is not None:
        more[NEW_PROJECTS] = None
    permissions = {**_READ}
    if repository == "github":
        permissions["packages"] = Noted("write", "to push to ghcr.io")
    elif repository == "releases":
        permissions["contents"] = Noted("write", "to add the files to the release")
    else:
        more["environment"] = job.environment
    if repository in pipeline.trusted:
        permissions["id-token"] = Noted("write", "for trusted publishing and attestations")
    rehearsal = repository == "testpypi" and "testpypi" not in pipeline.publish_to
    title = f"{'Rehearse on' if rehearsal else 'Publish to'} {TITLES.get(repository, repository)}"
    fetch = {
        "name": "Get the built files and their manifest",
        **DOWNLOAD_ARTIFACT.step(name="dist", path="."),
    }
    publish = {"name": "Publish", "run": "\n".join(job.commands), "env": _environment(job)}
    steps = [*_start(), *([fetch] if pipeline.split else []), publish]
    return _job(title, permissions, steps, needs=needs, **more)


def _pages_job(pipeline: Pipeline, repository: str) -> dict[str, Any]:
    """After the jobs that publish there: a release that is made with a job's token starts no other workflow."""
    needs = tuple(each.key for each in pipeline.jobs(repository))
    clauses = ["!cancelled()", *(f"needs.{each}.result == 'success'" for each in needs)]
    token = {"env": {"GITHUB_TOKEN": "${{ github.token }}"}} if repository == "releases" else {}
    write = {"name": "Write the site", "run": pipeline.ours(f"site -r {repository} -o _site"), **token}
    keep = {"name": "Keep the site for the next step", **UPLOAD_PAGES.step(path="_site")}
    return _job(
        "Package index on GitHub Pages",
        {
            **_READ,
            "pages": Noted("write", "to deploy the site"),
            "id-token": Noted("write", "to prove that the site comes from this workflow"),
        },
        [*_start(), write, keep, {"name": "Deploy the site", "id": "deploy", **DEPLOY_PAGES.step()}],
        needs=needs,
        **{
            "if": "${{ " + "\n  && ".join(clauses) + " }}",
            "environment": {"name": "github-pages", "url": "${{ steps.deploy.outputs.page_url }}"},
            "concurrency": {"group": "pages"},
        },
    )


def _condition(job: PublishJob, first: tuple[str, ...], needs: tuple[str, ...]) -> str:
    """The condition of the job: it is selected, and its needs have not failed. Other jobs are skipped."""
    clauses = ["!cancelled()"] if needs else []
    clauses += [f"needs.{each}.result == 'success'" for each in first]
    if set(needs) - set(first):
        clauses += ["!contains(needs.*.result, 'failure')", "!contains(needs.*.result, 'cancelled')"]
    chosen = f"inputs.repository == '{job.repository}'"
    if len(job.pipeline.destinations) > 1:
        chosen = f"""contains(fromJSON('["{job.repository}", "{EVERYTHING}"]'), inputs.repository)"""
    clauses.append(f"(github.event_name != 'workflow_dispatch' || {chosen})")
    return "${{ " + "\n  && ".join(clauses) + " }}"


def _environment(job: PublishJob) -> dict[str, str]:
    """The variables of the command that publishes, with its token."""
    name, login = token_variable(job.repository), job.pipeline.login(job.repository)
    if job.repository in OWN_TOKEN:
        return {"GITHUB_TOKEN": "${{ github.token }}"}
    secret = f"secrets.{login.secret}"
    if login.username:
        return {
            f"PUBLISH_ALL_{name}_USERNAME": login.username,
            f"PUBLISH_ALL_{name}_PASSWORD": f"${{{{ {secret} }}}}",
        }
    if job.repository not in job.pipeline.trusted:
        return {f"PUBLISH_ALL_{name}_TOKEN": f"${{{{ {secret} }}}}"}
    token = f"${{{{ inputs.auth == 'token' && {secret} || '' }}}}"
    return {"AUTH": "${{ inputs.auth || 'oidc' }}", f"PUBLISH_ALL_{name}_TOKEN": token}


def kept_in(workflow: Workflow) -> Kept:
    """The choices in a file of `github_workflow` or `pipeline_in`, including changes by the user."""
    commands: dict[str, list[str]] = {}
    logins: dict[str, Login] = {}
    environments: dict[str, str] = {}
    separate = False
    for job in workflow.jobs:
        text = "\n".join(step.run or "" for step in job.steps)
        commands[job.key] = text.splitlines()
        if (match := _DESTINATION.search(text)) is None:
            continue
        name = match[1]
        stated = {each.rpartition("_")[2]: value for each, value in job.steps[-1].env.items()}
        if secret := _SECRET.fullmatch(stated.get("TOKEN") or stated.get("PASSWORD") or ""):
            logins[name] = Login(secret[1], stated.get("USERNAME", ""))
        elif "--auth token" in text:
            logins[name] = Login(f"{token_variable(name)}_TOKEN")
        separate |= job.key.startswith(f"{name}-")
        environments[name] = (job.environment or "").removesuffix(job.key.removeprefix(name))
    tags = workflow.tags
    events = {Trigger.RELEASE: "release" in workflow.triggers, Trigger.TAG: bool(tags)}
    copies = (command for each in commands.values() for command in each if command.startswith("cp "))
    return Kept(
        triggers=tuple(each for each, stated in events.items() if stated),
        tag_prefix=tags[0].removesuffix("[0-9]*") if tags else None,
        tests=tuple(commands.get("test", ())),
        rehearse="testpypi" in environments,
        split="build" in commands,
        separate=separate,
        logins=logins,
        environments={name: each for name, each in environments.items() if each},
        copies=tuple(dict.fromkeys(copies)),
        pages="pages" in commands,
    )
