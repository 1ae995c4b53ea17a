"""The identity of a CI job: whether it has one, the claims of its tokens, and the publisher that an index needs.

The rules for publishers are those of PyPI: https://docs.pypi.org/trusted-publishers/troubleshooting/.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
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


@dataclass(frozen=True, kw_only=True, slots=True)
class AmbientIdentity:
    """The service, read from `environment`, and its tokens, requested with the `id` package.

    `detect` reads the process's own environment; it returns a JWT for an audience, or None
    without a service, and raises if the identity is not available.
    """

    environment: Mapping[str, str]
    detect: Callable[[str], str | None] = detect_ambient

    @property
    def provider(self) -> str | None:
        """The service that runs this process; None on a machine without an identity."""
        for mark, name in _SERVICES.items():
            if self.environment.get(mark):
                return name
        try:
            machine = _PRODUCT_NAME.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return "Google Cloud" if machine in {"Google", "Google Compute Engine"} else None

    def missing_permission(self, audience: str) -> Finding | None:
        """The missing lines in the job's configuration for an identity; None if they are unknown."""
        # As the `id` package writes an audience in the name of GitLab's variable.
        variable = re.sub(r"[^A-Z0-9_]|^[0-9]", "_", audience.upper()) + "_ID_TOKEN"
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


def form_fields(token: IdentityToken, project: str | None) -> dict[str, str]:
    """The fields of PyPI's form for a publisher, filled in with the claims of the token."""
    fields = {} if project is None else {"PyPI Project Name": project}
    claim, environment = token.claim, token.claim("environment") or "(none: leave it empty)"
    if claim("iss").startswith(_GITHUB):
        owner, _, repository = claim("repository").partition("/")
        fields |= {"Owner": owner, "Repository name": repository}
        fields |= {"Workflow name": _called(token).rpartition("/")[2], "Environment name": environment}
    elif claim("project_path"):
        namespace, _, name = claim("project_path").rpartition("/")
        file = claim("ci_config_ref_uri").partition("//")[2].partition("@")[0]
        fields |= {"GitLab instance": claim("iss"), "Namespace": namespace, "Project name": name}
        fields |= {"Top-level pipeline file path": file, "Environment name": environment}
    else:
        issuer = "Email" if claim("iss") == _GOOGLE else "Issuer"
        fields |= {issuer: claim("email" if issuer == "Email" else "iss"), "Subject": claim("sub")}
    return {name: _shown(value) for name, value in fields.items()}


def _called(token: IdentityToken) -> str:
    """The path of the workflow that the job is in, which may be a reusable one."""
    return file_of_workflow(token.claim("job_workflow_ref") or token.claim("workflow_ref"))


def near_miss(token: IdentityToken) -> Finding | None:
    """A known problem in the claims, found without a request."""
    if not token.claim("iss").startswith(_GITHUB):
        return None
    called, calling = _called(token), file_of_workflow(token.claim("workflow_ref")) or _called(token)
    owner = token.claim("job_workflow_ref").partition("/.github/")[0]
    hint = ""
    if token.claim("event_name") == "pull_request_target":
        message = "The job runs on pull_request_target, which PyPI refuses, because it runs for pull requests of other people."
    elif owner and owner.lower() != token.claim("repository").lower():
        message = f"The job is in a reusable workflow of another repository ({_shown(owner)}); a trusted publisher cannot match it."
    elif called != calling:
        message = f"The job is in the reusable workflow {_shown(called)}, called by {_shown(calling)}."
        hint = f"Register {_shown(called.rpartition('/')[2])} as the workflow name."
    else:
        return None
    return diagnoses.IDENTITY_SUSPICIOUS.found(message, where=calling, hint=hint)


def why_unknown(token: IdentityToken, project: str | None) -> Iterator[str]:
    """Things to check if an index has no publisher for a token, most likely first; one line each."""
    if (suspicious := near_miss(token)) is not None:
        yield f"{suspicious.message} {suspicious.hint}"
    environment, repository = token.claim("environment"), _shown(token.claim("repository"))
    if token.claim("iss").startswith(_GITHUB):
        yield (
            f"If the publisher names an environment, it must be {_shown(environment)}."
            if environment
            else "If the publisher names an environment, add `environment: NAME` to the job."
        )
        yield (
            f"The publisher must name {repository}: upper and lower case matter, and in a fork or after a rename "
            "the original does not match."
        )
        if owner_id := token.claim("repository_owner_id"):
            yield (
                f"If all fields match, the owner is another account with the same name: the owner of this job, "
                f"{_shown(token.claim('repository_owner'))}, has the id {_shown(owner_id)} (repository_owner_id). "
                "Remove the publisher and add it again, which stores the current id."
            )
    if project is not None:
        yield f"The publisher must be registered for {project}; each variant is a separate project."


def _shown(value: str) -> str:
    return plain(value, limit=200)
