"""The identity of a CI job: whether it has one, the claims of its tokens, and the publisher that an index needs.

The rules for publishers are those of PyPI: https://docs.pypi.org/trusted-publishers/troubleshooting/.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publish_all import diagnoses
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._toml import table
from publish_all.credentials.value import refused
from publish_all.findings import Finding

_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")
_GITHUB = "https://token.actions.githubusercontent.com"
_GOOGLE = "https://accounts.google.com"


_SERVICES = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "GOOGLE_SERVICE_ACCOUNT_NAME": "Google Cloud",
    "BUILDKITE": "Buildkite",
    "GITLAB_CI": "GitLab CI/CD",
    "CIRCLECI": "CircleCI",
}
"""Services whose job identity the `id` package can request, by the variable that identifies them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityToken:
    """One JWT for one audience; it can be used once to mint. `claims` are read without verification, for explanations only."""

    secret: Secret
    claims: Mapping[str, Any]

    def claim(self, name: str) -> str:
        """A claim as text, empty where it is missing or no text."""
        value = self.claims.get(name)
        return value if isinstance(value, str) else ""


def detect_ambient(audience: str) -> str | None:
    """The `id` package's way: GitHub, Google, Buildkite, GitLab, CircleCI, from the environment of this process."""
    from id import detect_credential

    return detect_credential(audience)


def _product_name() -> str:
    try:
        return _PRODUCT_NAME.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AmbientIdentity:
    """The service, read from `environment`, and its tokens, requested with the `id` package.

    `detect` reads the process's own environment; it returns a JWT for an audience, or None
    without a service, and raises if the identity is not available.
    """

    environment: Mapping[str, str]
    detect: Callable[[str], str | None] = detect_ambient
    product_name: Callable[[], str] = _product_name

    @property
    def provider(self) -> str | None:
        """The service that runs this process; None on a machine without an identity."""
        at_google = "Google Cloud" if self.product_name() in {"Google", "Google Compute Engine"} else None
        return next((name for mark, name in _SERVICES.items() if self.environment.get(mark)), at_google)

    def missing_permission(self, audience: str) -> Finding | None:
        """The missing lines in the job's configuration for an identity; None if they are unknown."""
        variable = f"{_variable_of(audience)}_ID_TOKEN"
        if self.provider == "GitHub Actions" and not self.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
            message = "This GitHub Actions job cannot request an identity token, so trusted publishing is not possible."
            where = file_of_workflow(self.environment.get("GITHUB_WORKFLOW_REF", "")) or "the workflow"
            hint = _GITHUB_LINES
        elif self.provider == "GitLab CI/CD" and not self.environment.get(variable):
            message = f"This GitLab job has no {variable}, so trusted publishing is not possible."
            where = self.environment.get("CI_CONFIG_PATH", ".gitlab-ci.yml")
            hint = f"Add to the job:\n  id_tokens:\n    {variable}:\n      aud: {audience}"
        else:
            return None
        return diagnoses.NO_PERMISSION_FOR_IDENTITY.found(message, where=where, hint=hint)

    def token(self, audience: str) -> IdentityToken | None:
        """A new token for an audience; None without an identity. Raises `CredentialError` if the service fails."""
        try:
            value = self.detect(audience)
        except Exception as error:
            # `id` raises its own errors, and some of urllib3 and of missing programs.
            why = plain(str(error)) or type(error).__name__
            message = f"The identity of this job is not available: {why}"
            raise refused(diagnoses.IDENTITY_UNAVAILABLE.found(message)) from error
        return None if value is None else IdentityToken(secret=Secret(value), claims=read_claims(value))


_GITHUB_LINES = (
    "Add to the job (not to the steps):\n"
    "  permissions:\n"
    "    id-token: write   # for trusted publishing\n"
    "    contents: read    # for actions/checkout"
)


def read_claims(jwt: str) -> Mapping[str, Any]:
    """The claims of a JWT, unverified; empty for other values."""
    try:
        payload = jwt.split(".")[1]
        return table(loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    except (ValueError, IndexError):
        return {}


def file_of_workflow(reference: str) -> str:
    """`.github/workflows/release.yml` of `owner/repo/.github/workflows/release.yml@refs/heads/main`."""
    path = reference.partition("@")[0].split("/", 2)
    return path[2] if len(path) == 3 else ""


def repository_of_workflow(reference: str) -> str:
    """`owner/repo` of `owner/repo/.github/workflows/release.yml@refs/heads/main`."""
    return "/".join(reference.partition("@")[0].split("/", 2)[:2])


def _variable_of(audience: str) -> str:
    """An audience as the `id` package writes it in the name of GitLab's variable."""
    return re.sub(r"[^A-Z0-9_]|^[0-9]", "_", audience.upper())


def form_fields(token: IdentityToken, project: str | None) -> tuple[tuple[str, str], ...]:
    """The fields of PyPI's form for a publisher, filled in with the claims of the token."""
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


def near_misses(token: IdentityToken) -> Iterator[Finding]:
    """Known problems in the claims, found without a request."""
    if not token.claim("iss").startswith(_GITHUB):
        return
    called, calling = token.claim("job_workflow_ref"), token.claim("workflow_ref")
    message = hint = ""
    if token.claim("event_name") == "pull_request_target":
        message = "The job runs on pull_request_target, which PyPI refuses, because it runs for pull requests of other people."
    elif called and repository_of_workflow(called).lower() != token.claim("repository").lower():
        message = (
            f"The job is in a reusable workflow of another repository ({_shown(repository_of_workflow(called))}); "
            "a trusted publisher cannot match it."
        )
    elif called and calling and file_of_workflow(called) != file_of_workflow(calling):
        message = (
            f"The job is in the reusable workflow {_shown(_file(called))}, called by {_shown(_file(calling))}: "
            "the publisher must name the called workflow."
        )
        hint = f"Register {_shown(_file(called))} as the workflow name."
    if message:
        where = file_of_workflow(calling or called)
        yield diagnoses.IDENTITY_SUSPICIOUS.found(message, where=where, hint=hint)


def why_unknown(token: IdentityToken, project: str | None) -> Iterator[str]:
    """Things to check if an index has no publisher for a token, most likely first; one line each."""
    yield from (f"{finding.message} {finding.hint}" for finding in near_misses(token))
    repository, environment = token.claim("repository"), token.claim("environment")
    if token.claim("iss").startswith(_GITHUB):
        if environment:
            yield f"If the publisher names an environment, it must be {_shown(environment)}; upper and lower case do not matter."
        else:
            yield "If the publisher names an environment, add `environment: NAME` to the job."
        if repository != repository.lower():
            yield f"Upper and lower case matter: the repository is {_shown(repository)}."
        if token.claim("repository_owner_id"):
            yield (
                f"If all fields match, the owner is another account with the same name: the owner of this job, "
                f"{_shown(token.claim('repository_owner'))}, has the id {_shown(token.claim('repository_owner_id'))} "
                "(repository_owner_id). Remove the publisher and add it again, which stores the current id."
            )
        yield f"In a fork or after a rename the publisher must name {_shown(repository)}, not the original."
    if project is not None:
        yield f"The publisher must be registered for {project}; each variant is a separate project."


def publishers_to_register(
    token: IdentityToken, projects: Iterable[str], *, page: str | None
) -> Iterator[str]:
    """The list of pending publishers for several new projects, with an environment for each.

    A pending publisher is unique per owner, repository, workflow and environment, and one is used up
    by each mint; so several new projects of one workflow must differ in the environment.
    """
    names = tuple(dict.fromkeys(projects))
    if len(names) < 2:
        return
    fields = (f"{name} {value}" for name, value in form_fields(token, None) if name != "Environment name")
    at = f" at {page}" if page is not None else ""
    yield (
        "This job publishes several projects. An index allows one pending publisher for each environment, and "
        f"uses one up for each new project. If they are new, register one for each{at} ({', '.join(fields)}), and "
        "publish each in a job with its environment:"
    )
    yield from (f"  PyPI Project Name {name}, Environment name pypi-{name}" for name in names)


def _file(reference: str) -> str:
    return file_of_workflow(reference).rpartition("/")[2]


def _shown(value: str) -> str:
    return plain(value, limit=200)
