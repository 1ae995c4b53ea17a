"""Trusted publishing: a short-lived upload token of the index, in exchange for the identity of a CI job.

The exchange is PyPI's: https://docs.pypi.org/trusted-publishers/internals/. Any host that answers
`/_/oidc/audience` is used in the same way. The rules for publishers are those of PyPI, too:
https://docs.pypi.org/trusted-publishers/troubleshooting/.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publish_all import diagnoses
from publish_all._http_errors import Failure, HttpError
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._toml import table, tables
from publish_all.config.addresses import (
    PYPI_HOSTS,
    TESTPYPI_HOSTS,
    host_of,
    hostname_of,
    is_confidential,
    is_pypi,
    split,
)
from publish_all.config.model import When
from publish_all.credentials.chain import RENEW_BEFORE
from publish_all.credentials.credential_source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    CredentialSource,
    Purpose,
    Tell,
    tell_nobody,
)
from publish_all.credentials.value import TOKEN_USER, read_pypi_token, refused
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding, Severity

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from publish_all._http import Reply, Session

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

LIFETIME = 900.0
"""Seconds for which a minted token is valid, if the index gives no plausible value."""

ATTEMPTS = 3
_AUDIENCE_ATTEMPTS = 2  # asked in preflight, which must report an unreachable server soon
_RETRYABLE = frozenset({429, 500, 502, 503, 504})
_OWN_AUDIENCES = {"pypi": PYPI_HOSTS, "testpypi": TESTPYPI_HOSTS}
_HINTS = {
    "invalid-payload": "Check whether a proxy changes requests. If there is none, please report this.",
    "not-enabled": "The index has disabled trusted publishing, or this CI service, for now.",
    "invalid-token": "PyPI accepts GitHub Actions, gitlab.com, Google Cloud and ActiveState. On others, use `--auth token`.",
    "expired": "The identity token of this job has expired. Publish in a separate job, soon after it starts.",
    "invalid-reuse-token": "The identity token was used before. If the job has only one, publish in separate jobs.",
}
"""What to do about some codes of refusals. `expired` is an `invalid-token` that says so."""


# --- the identity of the job


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


# --- the exchange


class TrustedPublishingSource(CredentialSource):
    """Mints upload tokens. Each JWT mints once, so each attempt gets a new one.

    `when` returns whether a request requires trusted publishing; then its absence is an error. `mask`
    gets each secret, so that the CI service removes it from its log. `clock` is Unix time, `sleep` waits for seconds.
    """

    name = "trusted publishing"
    mints = True

    def __init__(
        self,
        *,
        http: Session,
        identity: AmbientIdentity,
        mask: Callable[[str], None],
        when: Callable[[CredentialRequest], When] = lambda _: When.AUTO,
        listener: Listener = ignore,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._identity = identity
        self._when = when
        self._mask = mask
        self._listener = listener
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._offers: dict[str, tuple[str | None, str]] = {}
        self._minted: dict[Secret, Credential] = {}
        self._projects: dict[str, list[str]] = {}

    def find(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        with self._lock:
            asked = self._ask_identity(request, tell)
            return self._exchange(request, *asked) if asked is not None else None

    def promise(self, request: CredentialRequest, tell: Tell = tell_nobody) -> Credential | None:
        """Request the identity and read its claims; nothing is minted."""
        with self._lock:
            asked = self._ask_identity(request, tell)
            if asked is None:
                return None
            if (suspicious := near_miss(asked[0])) is not None:
                self._listener(Found(finding=suspicious))
            return self._credential(request, Secret(""), expires=None)

    def unused(self, request: CredentialRequest, credential: Credential) -> Finding | None:
        """A note if a job with an identity publishes with a stored token to an index that supports trusted publishing.

        It needs no request: the indexes are PyPI, TestPyPI, and an index whose audience is configured. Sources after
        this one are used only if it has failed, which was reported.
        """
        audience = "testpypi" if hostname_of(request.url) in TESTPYPI_HOSTS else "pypi"
        if (
            not credential.origin.startswith(("environment variable", "the command line"))
            or not self._serves(request)
            or not (is_pypi(request.url) or request.config.audience)
            or self._identity.provider is None
            or self._identity.missing_permission(request.config.audience or audience) is not None
        ):
            return None
        page = publishing_page(request.url, "PROJECT")
        register = f"Register this job as a trusted publisher{f' at {page}' if page else ''}"
        return diagnoses.TRUSTED_PUBLISHING_UNUSED.found(
            f"The token in {credential.origin} is used for {request.repository}, although this job could use trusted "
            "publishing. The files get no attestations.",
            where=credential.origin,
            hint=f"{register} (`publish-all doctor` in this job shows the fields). Then publish with `--auth oidc`, and "
            "revoke the token. To keep it without this note, use `--auth token`.",
        )

    def _serves(self, request: CredentialRequest) -> bool:
        return (
            request.purpose is Purpose.UPLOAD
            and request.config.kind.trusted_publishing
            and is_confidential(request.url)
        )

    def _ask_identity(self, request: CredentialRequest, tell: Tell) -> tuple[IdentityToken, str] | None:
        """The job's identity and the audience that the index asks for. Raises `CredentialError` for a broken identity."""
        if not self._serves(request):
            tell(self.name, "not for this repository")
            return None
        if self._identity.provider is None:
            message = f"Trusted publishing to {request.repository} needs a CI job with an identity, and this is not one."
            finding = diagnoses.IDENTITY_UNAVAILABLE.found(message)
            self._not_here(request, finding, tell, "no CI service with an identity")
            return None
        # To list the required publishers.
        projects = self._projects.setdefault(request.repository, [])
        if request.project is not None and request.project not in projects:
            projects.append(request.project)
        base = base_of(request.url)
        if base not in self._offers:
            needed = self._when(request) is When.ALWAYS
            self._offers[base] = ask_for_audience(self._http, base, needed=needed, sleep=self._sleep)
        audience, why = self._offers[base]
        if audience is None:
            message = f"{request.repository} does not offer trusted publishing: {why}."
            finding = Diagnosis("PA322").found(message, where=f"{base}/_/oidc/audience")
            self._not_here(request, finding, tell, f"not offered: {why}")
            return None
        ensure_own(audience, request, base)
        missing = self._identity.missing_permission(audience)
        token = self._identity.token(audience) if missing is None else None
        if token is None:
            no_identity = f"{self._identity.provider} gave no identity."
            raise refused(missing or diagnoses.IDENTITY_UNAVAILABLE.found(no_identity))
        self._mask(token.secret.reveal())
        return token, audience

    def _not_here(self, request: CredentialRequest, finding: Finding, tell: Tell, outcome: str) -> None:
        """Report that trusted publishing is not available: an error only if it is required."""
        if self._when(request) is When.ALWAYS:
            raise refused(finding)
        tell(self.name, outcome)

    def _exchange(self, request: CredentialRequest, token: IdentityToken, audience: str) -> Credential:
        """Mint, each time with a new JWT. Raises `CredentialError` with the explanation, `HttpError` for an index that is down."""
        problem: CredentialError | HttpError
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(2.0**attempt)
                token = self._identity.token(audience) or token
                self._mask(token.secret.reveal())
            earlier = self._minted.get(token.secret)
            if earlier is not None and (earlier.expires or 0) - self._clock() > RENEW_BEFORE:
                # A service that gives one JWT for each job; the minted token is for all projects of the publisher.
                return earlier
            try:
                answer = self._http.request(
                    "POST",
                    _mint_url(request),
                    headers={"Accept": "application/json", "Content-Type": "application/json"},
                    body=json.dumps({"token": token.secret.reveal()}).encode(),
                )
            except HttpError as error:
                problem, again = error, error.retryable
            else:
                if answer.status == 200:
                    return self._taken(request, token, answer)
                problem, again = explain(request, token, answer, self._projects.get(request.repository, ()))
            if not again:
                break
        raise problem

    def _taken(self, request: CredentialRequest, token: IdentityToken, answer: Reply) -> Credential:
        content = _object_in(answer)
        minted, expires = content.get("token"), content.get("expires")
        usable = isinstance(minted, str) and minted.strip() and minted.isprintable()
        if content.get("success") is False or not usable:
            message = f"{request.repository} answered a token request with success, but the answer has no usable token."
            raise refused(diagnoses.MINT_REFUSED.found(message, where=_mint_url(request)))
        self._mask(str(minted))
        now = self._clock()
        # The time from the index, unless the two clocks differ too much.
        stated = (
            expires if isinstance(expires, int | float) and now < expires <= now + 86400 else now + LIFETIME
        )
        self._minted[token.secret] = self._credential(request, Secret(str(minted)), expires=float(stated))
        return self._minted[token.secret]

    def _credential(self, request: CredentialRequest, secret: Secret, *, expires: float | None) -> Credential:
        return Credential(
            username=TOKEN_USER,
            secret=secret,
            host=host_of(request.url),
            kind=CredentialKind.TRUSTED_PUBLISHING,
            origin=f"trusted publishing ({self._identity.provider})",
            expires=expires,
        )


def base_of(url: str) -> str:
    """Scheme and host that answer `/_/oidc/…` for an upload URL; PyPI's are not on its upload host."""
    if hostname_of(url) in PYPI_HOSTS:
        return "https://pypi.org"
    return f"{split(url).scheme.lower()}://{host_of(url)}"


def publishing_page(url: str, project: str | None) -> str | None:
    """The page of PyPI or TestPyPI with a project's publishers; without a project, with pending publishers.

    None for other indexes, whose pages are unknown.
    """
    path = f"project/{project}/settings" if project is not None else "account"
    return f"{base_of(url)}/manage/{path}/publishing/" if is_pypi(url) else None


def pending_publishers(projects: Iterable[str], url: str) -> str:
    """How to register pending publishers for several new projects.

    An index takes one for each environment of a workflow, and the first of the projects uses it up.
    """
    page = publishing_page(url, None) or "the index's page for pending publishers"
    rows = "\n".join(f"  {name}: environment pypi-{name}" for name in projects)
    return (
        f"Register one pending publisher for each new project at {page}, with its own environment, and publish each "
        f"variant in a job with that environment (--variant):\n{rows}"
    )


def needs_pending(
    new: Sequence[str], message: str, *, url: str, where: str, severity: Severity | None = None
) -> Finding:
    """The finding for several new projects that are published from one environment of a workflow."""
    hint = f"{pending_publishers(new, url)}\nOr make the first release with a token: `--auth token`."
    return Diagnosis("PA329").found(message, where=where, hint=hint, severity=severity)


def ensure_covers(
    credential: Credential, request: CredentialRequest, projects: Mapping[NormalizedName, bool]
) -> None:
    """Raise `CredentialError` for a minted token that covers fewer projects than are uploaded with it.

    `projects` has for each project whether it is new. If the token does not show its projects, the index decides.
    """
    token = read_pypi_token(credential.secret.reveal())
    if token is None or token.project_ids is None or len(token.project_ids) >= len(projects):
        return
    pages = [
        f"  {name}: {publishing_page(request.url, None if new else name) or 'its settings'}"
        for name, new in projects.items()
    ]
    number = f"{len(token.project_ids)} of the {len(projects)} projects to upload ({', '.join(projects)})"
    message = f"{request.repository} knows this job as the trusted publisher of {number}."
    hint = "\n".join(["Register this job for each of these projects that lack it:", *pages])
    raise refused(Diagnosis("PA334").found(message, where=_mint_url(request), hint=hint))


def ask_for_audience(
    http: Session, base: str, *, needed: bool = False, sleep: Callable[[float], None] = time.sleep
) -> tuple[str | None, str]:
    """Ask a host for its audience; None and the reason, if it has none. Temporary errors are retried.

    Raises `HttpError` if an error persists and the audience is `needed`.
    """
    url = f"{base}/_/oidc/audience"
    why = ""
    down: HttpError | None = None
    for attempt in range(_AUDIENCE_ATTEMPTS):
        if attempt:
            sleep(1.0)
        try:
            answer = http.request("GET", url, headers={"Accept": "application/json"})
        except HttpError as error:
            why, again, down = error.message, error.retryable, error
        else:
            if answer.status == 200:
                audience = _object_in(answer).get("audience")
                stated = isinstance(audience, str) and audience.strip()
                return (str(audience), "") if stated else (None, "it answers without an audience")
            why = "it has disabled it" if answer.status == 403 else f"{url} answers {answer.status}"
            again, down = answer.status in _RETRYABLE, _down(url, answer)
        if not again:
            break
    if needed and down is not None and down.retryable:
        raise down
    return None, why


def ensure_own(audience: str, request: CredentialRequest, base: str) -> None:
    """Raise unless a JWT for this audience is only valid at the host that requests it.

    This is true for the audiences of PyPI and TestPyPI on these hosts, for a host's own name, and for the
    configured audience. Any other name may belong to another service that accepts the job.
    """
    host = hostname_of(request.url)
    own = {host, host_of(request.url), base, f"{base}/"}
    if (
        host in _OWN_AUDIENCES.get(audience, ())
        or audience.lower() in own
        or audience == request.config.audience
    ):
        return
    message = f"{base} asked for an identity token for {plain(audience)}. With it, {base} could act there in your name, so it got none."
    raise refused(Diagnosis("PA323").found(message, where=f"{base}/_/oidc/audience"))


def explain(
    request: CredentialRequest, token: IdentityToken, answer: Reply, projects: Sequence[str]
) -> tuple[CredentialError | HttpError, bool]:
    """Why no token was minted, and whether a new JWT may help. `projects` are all projects that this run publishes there."""
    base, where = base_of(request.url), _mint_url(request)
    if (down := _down(where, answer)) is not None:
        return down, True
    code, description = _error_in(answer)
    said = plain(description, secrets=(token.secret,)).rstrip(".")
    diagnosis, hint, again = diagnoses.MINT_REFUSED, "", code == "invalid-reuse-token"
    if code == "invalid-publisher":
        diagnosis = Diagnosis("PA324")
        fields = "\n".join(
            f"  {name}: {value}" for name, value in form_fields(token, request.project).items()
        )
        message = f"{request.repository} has no trusted publisher for this job. Register it with exactly these fields:\n{fields}"
        lines = [f"- {line}" for line in why_unknown(token, request.project)]
        if page := publishing_page(request.url, None):
            own_page = publishing_page(request.url, request.project or "PROJECT")
            lines.insert(
                0, f"Register it for an existing project at {own_page}, for a new project at {page}."
            )
        if len(projects) > 1:
            lines.append(pending_publishers(projects, request.url))
        hint = "\n".join(lines)
    elif code == "invalid-pending-publisher":
        diagnosis = Diagnosis("PA325")
        message = (
            f"A pending publisher matches this job, but its project already exists at {request.repository}."
        )
    else:
        if code == "invalid-token" and "expired" in said.lower():
            code, again = "expired", True
        issuer = plain(token.claim("iss")) or "unknown issuer"
        reason = f"{said or 'no reason given'} ({code or f'HTTP status {answer.status}'})"
        message = f"{base} gave no token for the identity of this job ({issuer}): {reason}."
        hint = _HINTS.get(code, "")
    return refused(diagnosis.found(message, where=where, hint=hint)), again


def _down(url: str, answer: Reply) -> HttpError | None:
    """The error of an index that is down or busy, which is not a problem of the job's identity."""
    if answer.status not in _RETRYABLE or _error_in(answer)[0]:
        return None
    message = f"Trusted publishing is not available at the moment: {url} answers {answer.status}."
    hint = "The index is down or busy, and the credential is not the cause. Run again later."
    return HttpError(message, failure=Failure.STATUS, url=url, hint=hint, retryable=True)


def _mint_url(request: CredentialRequest) -> str:
    return f"{base_of(request.url)}/_/oidc/mint-token"


def _error_in(answer: Reply) -> tuple[str, str]:
    """The first error's code and description, empty where there is none."""
    content = _object_in(answer)
    for first in tables(content.get("errors")):
        return str(first.get("code", "")), str(first.get("description", ""))
    message = content.get("message")
    return "", message if isinstance(message, str) else ""


def _object_in(answer: Reply) -> Mapping[str, Any]:
    try:
        return table(answer.json())
    except ValueError:
        return {}


# --- the publisher that an index needs


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
        yield f"The publisher must name {repository}, with this case, also in a fork or after a rename."
        if owner_id := token.claim("repository_owner_id"):
            owner = _shown(token.claim("repository_owner"))
            yield (
                f"If all fields match, the publisher is for another account: the owner of this job, {owner}, has the id "
                f"{_shown(owner_id)} (repository_owner_id). Remove the publisher and add it again."
            )
    if project is not None:
        yield f"The publisher must be registered for {project}; each variant is a separate project."


def _shown(value: str) -> str:
    return plain(value, limit=200)
