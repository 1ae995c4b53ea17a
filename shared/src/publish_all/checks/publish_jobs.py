"""What a workflow of GitHub Actions lacks for what it is to publish. Read, not run: all of it is a warning.

The permissions are those of https://docs.github.com/actions/reference/authentication-in-a-workflow, the rules of
trusted publishing those of https://docs.pypi.org/trusted-publishers/troubleshooting/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from publish_all import diagnoses as known
from publish_all.config.builtin import canonical
from publish_all.config.workflows import Job, Step, Workflow
from publish_all.diagnoses import Diagnosis
from publish_all.findings import Finding, Severity

# Options can be before the name of a command, too, with a value or without: `publish-all -C python publish`.
_OPTIONS = r"(?:\s+--?[A-Za-z][\w-]*(?:=\S+|\s+[^\s-]\S*)?){0,8}\s+"
_PUBLISHES = re.compile(
    rf"\b(?:(?:publish-all|hatch|uv|pdm){_OPTIONS}publish|poetry{_OPTIONS}publish(?:-all)?|twine{_OPTIONS}upload)"
    r"(?![\w-])(?!\s+(?:build|check|config|doctor|explain|init|list|login|repositories|serve|variants|version)\b)"
)
_BUILDS = re.compile(
    rf"\b(?:(?:publish-all|hatch|uv|pdm){_OPTIONS}build|poetry{_OPTIONS}build(?:-all)?)\b|\s-m\s+build\b"
)
_OWN = re.compile(rf"publish-all{_OPTIONS}publish|poetry{_OPTIONS}publish-all")
_EXPRESSION = re.compile(r"\$\{\{.{0,500}?\}\}", re.DOTALL)
_BETWEEN = re.compile(r"\n|&&|;")
_NAMED = re.compile(r"(?:\s-r|--repository)[=\s]+['\"]?([A-Za-z0-9_.-]+)")
_ACTION = "pypa/gh-action-pypi-publish"
_TOKENS = re.compile(r"_(?:TOKEN|PASSWORD|AUTH)(?:_FOR_\w+)?$")
_NOT_FOR_UPLOADS = re.compile(r"^(?:GITHUB_TOKEN|GH_TOKEN|PUBLISH_ALL_GITHUB_TOKEN|ACTIONS_)")
# A token that is there only on request: without it the job is to use trusted publishing.
_PERHAPS_EMPTY = re.compile(r"\|\|\s*''")
_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishJob:
    """A job that publishes: to which repositories, as far as its commands name them, and with what.

    `repositories` is None where the commands name none, so that the project decides.
    """

    workflow: Workflow
    job: Job
    repositories: tuple[str, ...] | None
    has_token: bool

    @property
    def where(self) -> str:
        """`.github/workflows/publish.yml:12`."""
        return _where(self.workflow, self.job.line)

    @property
    def environments(self) -> tuple[str | None, ...]:
        """The environments that the job runs in, one for each combination of its matrix that makes a difference."""
        stated = self.job.environment
        if stated is None or self.job.matrix is None:
            return (stated,)
        made = (
            _MATRIX.sub(lambda found, values=values: values.get(found[1], found[0]), stated)  # type: ignore[misc]  # mypy cannot infer a lambda's default
            for values in self.job.matrix
        )
        return tuple(dict.fromkeys(made))

    def goes_to(self, repository: str, default: tuple[str, ...]) -> bool:
        return repository in (default if self.repositories is None else self.repositories)


def _where(workflow: Workflow, line: int) -> str:
    return f"{'/'.join(workflow.path.parts[-3:])}:{line}"


def publish_jobs(workflow: Workflow) -> Iterator[PublishJob]:
    """The jobs of a workflow that publish something, in their order."""
    for job in workflow.jobs:
        steps = [each for each in job.steps if each.action == _ACTION or _PUBLISHES.search(_commands(each))]
        if steps:
            named = [name for each in steps for name in _named(each)]
            yield PublishJob(
                workflow=workflow,
                job=job,
                repositories=tuple(dict.fromkeys(named)) or None,
                has_token=any(_has_token(each, job, workflow) for each in steps),
            )


def gitlab_line(text: str, repository: str, default: tuple[str, ...]) -> int | None:
    """The first line of a .gitlab-ci.yml that publishes to a repository, None if there is none.

    Only the commands of a line are read, because GitLab has many ways to give a job an identity.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        publishes = not line.lstrip().startswith("#") and _PUBLISHES.search(line)
        if publishes and repository in (tuple(map(canonical, _NAMED.findall(line))) or default):
            return number
    return None


def _builds(step: Step) -> bool:
    """publish-all and `poetry publish-all` build what they publish, unless they are told not to."""
    text = _commands(step)
    told = "--no-build" in text or "--manifest" in text
    return (_OWN.search(text) is not None and not told) or _BUILDS.search(text) is not None


def _commands(step: Step) -> str:
    """What a step runs, without comments, and with `${{}}` for each expression, in which && is an operator."""
    lines = (line for line in (step.run or "").splitlines() if not line.lstrip().startswith("#"))
    return _EXPRESSION.sub("${{}}", re.sub(r"\\\n\s*", " ", "\n".join(lines)))


def _uploads(step: Step) -> str:
    """Of these, the commands that publish: `-r` and `-p` are other things to pip and mkdir."""
    return "\n".join(each for each in _BETWEEN.split(_commands(step)) if _PUBLISHES.search(each))


def _named(step: Step) -> Iterator[str]:
    if step.action == _ACTION:
        url = step.inputs.get("repository-url") or step.inputs.get("repository_url") or ""
        if not url or "pypi.org" in url:
            yield "testpypi" if "test.pypi.org" in url else "pypi"
        return
    yield from (canonical(name) for name in _NAMED.findall(_uploads(step)))


def _has_token(step: Step, job: Job, workflow: Workflow) -> bool:
    if step.inputs.get("password") or re.search(r"--(?:password|token)\b|\s-p\s", _uploads(step)):
        return True
    variables: Mapping[str, str] = {**workflow.env, **job.env, **step.env}
    return any(
        value
        and not _PERHAPS_EMPTY.search(value)
        and _TOKENS.search(name)
        and not _NOT_FOR_UPLOADS.match(name)
        for name, value in variables.items()
    )


def workflow_findings(
    workflow: Workflow,
    *,
    default: tuple[str, ...],
    trusted: tuple[str, ...],
    writes: Mapping[str, str],
    from_git: bool,
) -> Iterator[Finding]:
    """What the jobs of a workflow lack.

    `default` is where the project publishes to; `trusted` are the repositories that take trusted
    publishing, `writes` those on GitHub, each with the permission that a job's token needs; `from_git`: the version is counted from tags.
    """
    for each in publish_jobs(workflow):
        if not each.has_token and any(each.goes_to(name, default) for name in trusted):
            yield from _identity(each)
        for permission in dict.fromkeys(kind for name, kind in writes.items() if each.goes_to(name, default)):
            yield from _permission(each, permission)
        builds = from_git and any(map(_builds, each.job.steps))
        for step in each.job.steps if builds else ():
            if step.action == "actions/checkout" and step.inputs.get("fetch-depth", "1") != "0":
                yield known.SHALLOW_CLONE.found(
                    f"The job {each.job.key} builds from a clone of one commit, and the version is counted from tags.",
                    where=_where(workflow, step.line),
                    severity=Severity.WARNING,
                )
    for job in workflow.jobs:
        foreign = re.match(r"(?!\./).*(?:publish|release|pypi)", job.uses or "", re.IGNORECASE)
        if trusted and foreign and workflow.permission(job, "id-token") == "write":
            yield known.IDENTITY_SUSPICIOUS.found(
                f"The job {job.key} calls {job.uses}, a workflow of another repository, which no trusted publisher matches.",
                where=_where(workflow, job.line),
                hint="Let that workflow only build, and publish in a job of this repository.",
            )


def _permission(each: PublishJob, permission: str) -> Iterator[Finding]:
    has = each.workflow.permission(each.job, permission)
    if has == "write":
        return
    diagnosis = known.PACKAGES_PERMISSION if permission == "packages" else known.NOT_ALLOWED
    states = "states no permissions, and the default may be to read only" if has is None else f"has {has}"
    yield diagnosis.found(
        f"The job {each.job.key} publishes to GitHub and {states}; it needs {permission}: write.",
        where=each.where,
        hint=f"Add `permissions: {permission}: write` to the job.",
        severity=Severity.WARNING,
    )


def _identity(each: PublishJob) -> Iterator[Finding]:
    workflow, key, name = each.workflow, each.job.key, each.workflow.path.name
    if workflow.permission(each.job, "id-token") != "write":
        yield known.NO_PERMISSION_FOR_IDENTITY.found(
            f"The job {key} publishes without a token and may not ask for an identity either.",
            where=each.where,
            hint="Add to the job (not to its steps):\n  permissions:\n    id-token: write\n    contents: read",
        )
    if "pull_request_target" in workflow.triggers:
        message = "The workflow runs on pull_request_target, which PyPI refuses, since it runs for anybody's pull request."
        hint = "Publish on push of a tag, on release, or on workflow_dispatch."
        yield known.IDENTITY_SUSPICIOUS.found(message, where=each.where, hint=hint)
    if "workflow_call" in workflow.triggers:
        message = f"The job {key} is in a reusable workflow, which workflows of other repositories cannot use to publish."
        hint = f"Register {name} as the workflow name, not the workflow that calls it."
        yield known.IDENTITY_SUSPICIOUS.found(message, where=each.where, hint=hint)
    if each.job.environment is None:
        message = f"The job {key} publishes with trusted publishing and names no environment."
        yield Diagnosis("PA151").found(message, where=each.where)
