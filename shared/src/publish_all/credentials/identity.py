"""The ambient identity of a CI job: whether there is one, its tokens, and what they claim."""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all import diagnoses
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._values import dataclass
from publish_all.credentials.value import refused
from publish_all.findings import Finding

_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


class Provider(enum.Enum):
    """Services that give their jobs an identity, as far as the `id` package can ask them."""

    GITHUB = "GitHub Actions"
    GITLAB = "GitLab CI/CD"
    BUILDKITE = "Buildkite"
    CIRCLECI = "CircleCI"
    GOOGLE = "Google Cloud"


_MARKS: Mapping[str, Provider] = MappingProxyType(
    {
        "GITHUB_ACTIONS": Provider.GITHUB,
        "GOOGLE_SERVICE_ACCOUNT_NAME": Provider.GOOGLE,
        "BUILDKITE": Provider.BUILDKITE,
        "GITLAB_CI": Provider.GITLAB,
        "CIRCLECI": Provider.CIRCLECI,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityToken:
    """One JWT, made out to one audience; it mints once. `claims` are read without verification, for explanations only."""

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
    """What `environment` says of the service, and the `id` package's way of asking it for tokens.

    `detect` reads the process's own environment; it returns a JWT for an audience, None where there
    is no identity, and raises where there is one that cannot be had.
    """

    environment: Mapping[str, str]
    detect: Callable[[str], str | None] = detect_ambient
    product_name: Callable[[], str] = field(default=_product_name)

    @property
    def provider(self) -> Provider | None:
        """The service we run in; None on a machine without an identity of its own."""
        for variable, provider in _MARKS.items():
            if self.environment.get(variable):
                return provider
        return Provider.GOOGLE if self.product_name() in {"Google", "Google Compute Engine"} else None

    def missing_permission(self, audience: str) -> Finding | None:
        """What the job's configuration lacks for an identity, with the lines to add; None when nothing can be told."""
        if self.provider is Provider.GITHUB and not self.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL"):
            return diagnoses.NO_PERMISSION_FOR_IDENTITY.found(
                "This GitHub Actions job may not ask for an identity token, so trusted publishing is not possible.",
                where=self._workflow(),
                hint=_GITHUB_LINES,
            )
        variable = f"{_variable_of(audience)}_ID_TOKEN"
        if self.provider is Provider.GITLAB and not self.environment.get(variable):
            return diagnoses.NO_PERMISSION_FOR_IDENTITY.found(
                f"This GitLab job has no {variable}, so trusted publishing is not possible.",
                where=self.environment.get("CI_CONFIG_PATH", ".gitlab-ci.yml"),
                hint=f"Add to the job:\n  id_tokens:\n    {variable}:\n      aud: {audience}",
            )
        return None

    def token(self, audience: str) -> IdentityToken | None:
        """A new token for an audience; None where there is no identity. Raises `CredentialError` where it cannot be had."""
        try:
            value = self.detect(audience)
        except Exception as error:
            # `id` raises its own errors, and lets some of urllib3 and of missing programs through.
            raise refused(
                diagnoses.IDENTITY_UNAVAILABLE.found(
                    f"The identity of this job could not be had: {plain(str(error)) or type(error).__name__}",
                    hint="Run the job again; if it stays, publish with a token and `--auth token`.",
                )
            ) from error
        return None if value is None else IdentityToken(secret=Secret(value), claims=read_claims(value))

    def _workflow(self) -> str:
        """`.github/workflows/release.yml` of GITHUB_WORKFLOW_REF, where it is known."""
        return file_of_workflow(self.environment.get("GITHUB_WORKFLOW_REF", "")) or "the workflow"


_GITHUB_LINES = (
    "Add to the job (not to the steps):\n"
    "  permissions:\n"
    "    id-token: write   # for trusted publishing\n"
    "    contents: read    # for actions/checkout"
)


def read_claims(jwt: str) -> Mapping[str, Any]:
    """The claims of a JWT, unverified; empty for anything that is not one."""
    try:
        payload = jwt.split(".")[1]
        claims = loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}


def file_of_workflow(reference: str) -> str:
    """`.github/workflows/release.yml` of `owner/repo/.github/workflows/release.yml@refs/heads/main`."""
    path = reference.partition("@")[0].split("/", 2)
    return path[2] if len(path) == 3 else ""


def repository_of_workflow(reference: str) -> str:
    """`owner/repo` of `owner/repo/.github/workflows/release.yml@refs/heads/main`."""
    return "/".join(reference.partition("@")[0].split("/", 2)[:2])


def _variable_of(audience: str) -> str:
    """An audience as the `id` package writes it in the name of GitLab's variable."""
    name = "".join(
        character if character.isascii() and (character.isalnum() or character == "_") else "_"
        for character in audience.upper()
    )
    return f"_{name[1:]}" if name[:1].isdigit() else name
