"""What an index has to know about a job so that it is a trusted publisher, and why it may not.

The rules are those of PyPI: https://docs.pypi.org/trusted-publishers/troubleshooting/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from publish_all import diagnoses
from publish_all._server_text import plain
from publish_all.credentials.identity import IdentityToken, file_of_workflow, repository_of_workflow
from publish_all.findings import Finding

_GITHUB = "https://token.actions.githubusercontent.com"
_GOOGLE = "https://accounts.google.com"


def form_fields(token: IdentityToken, project: str | None) -> tuple[tuple[str, str], ...]:
    """The fields of PyPI's form for a publisher, filled in with what the token claims."""
    fields = [("PyPI Project Name", project)] if project is not None else []
    return (*fields, *((name, _shown(value)) for name, value in _identity_fields(token)))


def _identity_fields(token: IdentityToken) -> Iterator[tuple[str, str]]:
    issuer = token.claim("iss")
    if issuer.startswith(_GITHUB):
        owner, _, repository = token.claim("repository").partition("/")
        workflow = token.claim("job_workflow_ref") or token.claim("workflow_ref")
        yield from (("Owner", owner), ("Repository name", repository))
        yield "Workflow name", file_of_workflow(workflow).rpartition("/")[2]
        yield "Environment name", token.claim("environment") or "(none: leave it empty)"
    elif token.claim("project_path"):
        namespace, _, project = token.claim("project_path").rpartition("/")
        yield from (("GitLab instance", issuer), ("Namespace", namespace), ("Project name", project))
        yield (
            "Top-level pipeline file path",
            token.claim("ci_config_ref_uri").partition("//")[2].partition("@")[0],
        )
        yield "Environment name", token.claim("environment") or "(none: leave it empty)"
    elif issuer == _GOOGLE:
        yield from (("Email", token.claim("email")), ("Subject", token.claim("sub")))
    else:
        yield from (("Issuer", issuer), ("Subject", token.claim("sub")))


def near_misses(token: IdentityToken) -> tuple[Finding, ...]:
    """What in the claims an index is known to stumble over, before anything is asked of it."""
    if not token.claim("iss").startswith(_GITHUB):
        return ()
    return tuple(_github_near_misses(token))


def _github_near_misses(token: IdentityToken) -> Iterator[Finding]:
    called, calling = token.claim("job_workflow_ref"), token.claim("workflow_ref")
    repository = token.claim("repository")
    where = file_of_workflow(calling or called)
    if token.claim("event_name") == "pull_request_target":
        yield diagnoses.IDENTITY_SUSPICIOUS.found(
            "The job runs on pull_request_target, which PyPI refuses, since it runs for anybody's pull request.",
            where=where,
            hint="Publish on push of a tag, on release, or on workflow_dispatch.",
        )
    if called and repository_of_workflow(called).lower() != repository.lower():
        yield diagnoses.IDENTITY_SUSPICIOUS.found(
            f"The job is in a reusable workflow of another repository ({_shown(repository_of_workflow(called))}); "
            "no trusted publisher can match that.",
            where=where,
            hint="Let the reusable workflow build only, and publish in a job of your own repository's workflow.",
        )
    elif called and calling and file_of_workflow(called) != file_of_workflow(calling):
        yield diagnoses.IDENTITY_SUSPICIOUS.found(
            f"The job is in the reusable workflow {_shown(_file(called))}, called by {_shown(_file(calling))}: "
            "the publisher must name the called one.",
            where=where,
            hint=f"Register {_shown(_file(called))} as the workflow name.",
        )


def why_unknown(token: IdentityToken, project: str | None) -> tuple[str, ...]:
    """What to look at when an index knows no publisher for a token, most likely first; one line each."""
    lines = [f"{finding.message} {finding.hint}" for finding in near_misses(token)]
    if token.claim("iss").startswith(_GITHUB):
        lines.extend(_github_reasons(token))
    if project is not None:
        lines.append(f"The publisher must be registered for {project}; each variant is a project of its own.")
    return tuple(lines)


def _github_reasons(token: IdentityToken) -> Iterator[str]:
    repository = token.claim("repository")
    if not token.claim("environment"):
        yield "If the publisher names an environment, the job needs `environment: NAME` too."
    else:
        environment = _shown(token.claim("environment"))
        yield f"If the publisher names an environment, it must be {environment}, in any case of letters."
    if repository != repository.lower():
        yield f"Upper and lower case count: the repository is {_shown(repository)}."
    yield f"In a fork or after a rename the publisher must name {_shown(repository)}, not the original."


def publishers_to_register(
    token: IdentityToken, projects: Iterable[str], *, page: str | None
) -> tuple[str, ...]:
    """The list of pending publishers for several new projects, with an environment for each.

    A pending publisher is unique per owner, repository, workflow and environment, and one is used up
    by each mint; so several new projects of one workflow must differ in the environment.
    """
    names = tuple(dict.fromkeys(projects))
    if len(names) < 2:
        return ()
    fields = dict(_identity_fields(token))
    fields.pop("Environment name", None)
    same = ", ".join(f"{name} {_shown(value)}" for name, value in fields.items())
    at = f" at {page}" if page is not None else ""
    rule = (
        "Several projects are published here. An index allows one pending publisher for each environment, and "
        f"uses one up for each new project. If they are new, register one for each{at} ({same}), and publish "
        "each in a job with its environment:"
    )
    return (
        rule,
        *(f"  PyPI Project Name {name}, Environment name pypi-{name}" for name in names),
    )


def _file(reference: str) -> str:
    return file_of_workflow(reference).rpartition("/")[2]


def _shown(value: str) -> str:
    return plain(value, limit=200)
