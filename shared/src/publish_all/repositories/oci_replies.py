"""Turns replies of a registry into problems and hints, with the wording of GitHub known. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from publish_all import diagnoses as known
from publish_all._http import BasicAuth, Reply
from publish_all._http_errors import Failure, HttpError
from publish_all._json import loads
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._urls import shown_url
from publish_all.config.addresses import hostname_of
from publish_all.credentials.chain import GIVE_GITHUB_CREDENTIAL
from publish_all.credentials.credential_source import with_names
from publish_all.diagnoses import Diagnosis
from publish_all.errors import CredentialError
from publish_all.findings import Finding
from publish_all.repositories.replies import retry_after

FINE_GRAINED = "github_pat_"
APP_OR_WORKFLOW = "ghs_"
OAUTH = "gho_"
"""How GitHub's tokens begin, by what made them."""

# A manifest can be refused for a blob that has only just been sent, or is being sent by another job: the file
# in which docker-registry notes the blob is empty for a moment, which it calls an invalid digest.
_MAY_PASS = frozenset(
    {"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "TOOMANYREQUESTS", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID"}
)


class Login(NamedTuple):
    """Who asks. `origin` says where the secret was found, in words a user can act on."""

    username: str
    secret: Secret
    origin: str = ""

    @property
    def auth(self) -> BasicAuth:
        return BasicAuth(username=self.username, secret=self.secret)


WhoAsks: TypeAlias = Login | Callable[[], Login | None] | None
"""A login, a function that finds it when it is needed, or None for anonymous requests."""


@dataclass
class Asked:
    """A request to a registry: by whom, of which OCI repository (None: of the registry as such), and whether to write or delete.

    `name` is the name that the configuration has for the place.
    """

    registry: str
    repository: str | None = None
    who: WhoAsks = None
    write: bool = False
    delete: bool = False
    name: str = ""

    def identify(self) -> Login | None:
        """Who asks. Raises `CredentialError`."""
        who = self.who  # read once: another thread may have found it meanwhile
        if callable(who):
            who = self.who = who()
        return who

    @property
    def login(self) -> Login | None:
        """Who asks, if that was needed."""
        return None if callable(self.who) else self.who

    @property
    def is_github(self) -> bool:
        host = hostname_of(self.registry)
        return host == "ghcr.io" or host.startswith("containers.")

    @property
    def where(self) -> str:
        return f"{shown_url(self.registry)}/{self.repository or ''}"

    @property
    def right(self) -> str:
        return "write" if self.write else "read"

    @property
    def origin(self) -> str:
        return (self.login.origin if self.login is not None else "") or "the request"

    def token_is(self, beginning: str) -> bool:
        return self.login is not None and self.login.secret.reveal().startswith(beginning)


class RefusedError(HttpError):
    """An unexpected answer of a registry, with its meaning.

    `status` is that of the answer, `code` the registry's own word (`DENIED`), empty if there is none.
    """

    def __init__(
        self,
        finding: Finding,
        *,
        status: int,
        code: str = "",
        retryable: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(
            finding.message,
            failure=Failure.STATUS,
            url=finding.where,
            hint=finding.hint or None,
            retryable=retryable,
            retry_after=wait,
        )
        self.findings = (finding,)
        self.status = status
        self.code = code


class UnauthorizedError(CredentialError):
    """A registry's answer that is about who asks."""

    retryable = False

    def __init__(self, finding: Finding, *, status: int = 401) -> None:
        super().__init__(finding.message, hint=finding.hint, findings=(finding,))
        self.status = status


def broken(finding: Finding, *, failure: Failure = Failure.INVALID) -> HttpError:
    """The error for an answer that makes no sense."""
    error = HttpError(finding.message, failure=failure, url=finding.where, hint=finding.hint or None)
    error.findings = (finding,)
    return error


def refusal(reply: Reply, asked: Asked, *, now: float) -> RefusedError | UnauthorizedError:
    """The error for an answer. `now` is Unix time in seconds."""
    secrets = (asked.login.secret,) if asked.login is not None else ()
    text = plain(reply.message, secrets=secrets) or plain(reply.reason, secrets=secrets)
    code = _code(reply.body)
    finding = _explain(reply.status, code, text, asked)
    if reply.status in {401, 403}:
        return UnauthorizedError(finding, status=reply.status)
    return RefusedError(
        finding,
        status=reply.status,
        code=code,
        retryable=reply.retryable or code in _MAY_PASS,
        wait=retry_after(reply.headers, now),
    )


def refused_beforehand(asked: Asked) -> Finding | None:
    """Problems of a credential that are known without a request: GitHub's registry never accepts fine-grained tokens."""
    return _fine_grained(asked) if asked.is_github and asked.token_is(FINE_GRAINED) else None


def part_gone(error: RefusedError, asked: Asked, digest: str) -> RefusedError:
    """The error where the registry has not got a blob that it lists. An unknown repository stays what it is."""
    if error.status != 404 or error.code == "NAME_UNKNOWN":
        return error
    message = f"{asked.where} lists a file, but its part {digest} no longer exists."
    finding = known.PART_MISSING.found(message, where=asked.where)
    return RefusedError(finding, status=error.status, code=error.code)


def _code(body: bytes) -> str:
    try:
        code = loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else ""


def _explain(status: int, code: str, text: str, asked: Asked) -> Finding:
    said = f"{status} {text}".strip()
    message, hint = f"{asked.where} answers {said}", ""
    if code == "NAME_INVALID" or (status == 400 and re.search(r"(?i)invalid.*name|must be lowercase", text)):
        diagnosis = known.OCI_NAME_NOT_ALLOWED
        message = f"{asked.registry} does not allow the name {asked.repository}: {said}"
    elif status in {401, 403}:
        return _forbidden(status, text, said, asked)
    elif code == "NAME_UNKNOWN":
        # Amazon's registry, and others whose repositories have settings, do not create one with the first upload.
        diagnosis = known.REPOSITORY_MISSING
        message = f"{asked.registry} has no repository {asked.repository}: {said}"
        if ".dkr.ecr" in hostname_of(asked.registry):
            hint = f"Create it first: `aws ecr create-repository --repository-name {asked.repository}`. Then run again."
    elif code == "DIGEST_INVALID":
        diagnosis = known.REGISTRY_DIGEST_MISMATCH
        message = f"{asked.where} received other bytes than the ones that were checked: {said}"
    elif status == 429:
        diagnosis = known.SERVER_BUSY
    elif status >= 500:
        diagnosis = known.SERVER_FAILED
    elif status == 413:
        diagnosis = known.TOO_LARGE
        hint = (
            "GitHub allows 10 GB a file. Other registries, and proxies in front of them, have other limits."
        )
    else:
        unsupported = status == 405 or code == "UNSUPPORTED"
        diagnosis = known.READ_ONLY if unsupported and not asked.delete else known.REGISTRY_REFUSED
        hint = _DELETES_OFF if asked.delete else ""
    return diagnosis.found(message, where=asked.where, hint=hint)


def _forbidden(status: int, text: str, said: str, asked: Asked) -> Finding:
    if asked.login is None:
        return _nobody(said, asked)
    by_github = asked.is_github or re.search(r"permission_denied|installation not allowed", text)
    if by_github and asked.token_is(FINE_GRAINED):
        return _fine_grained(asked)
    if by_github:
        diagnosis, hint = _by_github(text, asked)
    else:
        diagnosis = known.WRITE_NOT_ALLOWED if asked.write else known.READ_NOT_ALLOWED
        diagnosis = diagnosis if status == 403 else known.REGISTRY_CREDENTIAL_REFUSED
        hint = "Check the user name, the password (or token) and the permissions of that user."
    refuses = f"{asked.where} refuses the user {asked.login.username} with the credential from {asked.origin}"
    return diagnosis.found(f"{refuses}: {said}", where=asked.where, hint=hint)


def _nobody(said: str, asked: Asked) -> Finding:
    if not asked.write:
        return known.READ_NOT_ALLOWED.found(
            f"{asked.where} cannot be read without a credential: it is private, or does not exist ({said}).",
            where=asked.where,
            hint=_READ_HINT if asked.is_github else "Set a credential for this repository.",
        )
    usual = f"Set PUBLISH_ALL_<REPOSITORY>_TOKEN, or run `publish-all login {asked.name}`."
    return known.CREDENTIAL_MISSING.found(
        f"{asked.where} does not accept anonymous uploads, and no credential was found for it ({said}).",
        where=asked.where,
        hint=GIVE_GITHUB_CREDENTIAL if asked.is_github else with_names(usual, asked.name),
    )


# GitHub's own words, which are the same for several causes: the form of the token separates some of them.
_GITHUB_WORDS = (
    (r"write_package", known.PACKAGE_NOT_CONNECTED),
    (r"does not match expected scopes|insufficient[ _]scope", known.PACKAGES_PERMISSION),
    (r"(?i)create_package|create organi[sz]ation package|not allowed to create", known.CREATION_NOT_ALLOWED),
    (r"(?i)installation not allowed|read_package|Resource not accessible", known.PACKAGES_PERMISSION),
    (
        r"(?i)cannot be authenticated|unauthenticated|authentication required|bad credentials",
        known.REGISTRY_CREDENTIAL_REFUSED,
    ),
)


def _by_github(text: str, asked: Asked) -> tuple[Diagnosis, str]:
    found = next((diagnosis for pattern, diagnosis in _GITHUB_WORDS if re.search(pattern, text)), None)
    if found is known.REGISTRY_CREDENTIAL_REFUSED:
        if asked.token_is(APP_OR_WORKFLOW):
            return known.APP_TOKEN, ""
        return found, f"The token has expired, was revoked, or is misspelt. {GIVE_GITHUB_CREDENTIAL}"
    if found is known.PACKAGES_PERMISSION:
        return found, _permission_hint(asked)
    if found is not None:
        return found, ""
    if not asked.write:
        return known.READ_NOT_ALLOWED, _READ_HINT
    hint = f"Check the owner ({asked.where}), and whether that user can write packages there. "
    return known.OWNER_UNKNOWN, hint + _permission_hint(asked)


def _fine_grained(asked: Asked) -> Finding:
    scope = f"{asked.right}:packages"
    return known.GITHUB_FINE_GRAINED_TOKEN.found(
        f"GitHub Packages does not accept fine-grained personal access tokens, and the credential from {asked.origin} is one.",
        where=asked.where,
        hint=f"Create a classic token with the scope {scope} (https://github.com/settings/tokens/new?scopes={scope}), "
        "or publish from a workflow with its GITHUB_TOKEN.",
    )


def _permission_hint(asked: Asked) -> str:
    permission = f"`permissions: packages: {asked.right}`"
    if asked.token_is(APP_OR_WORKFLOW):
        return f"Add {permission} to the job (`permissions` removes all permissions that it does not name)."
    if asked.token_is(OAUTH):
        return f"Add the scope to gh's token: `gh auth refresh --scopes {asked.right}:packages`."
    return (
        f"A classic personal access token needs the scope {asked.right}:packages (and, in an organisation with "
        f"single sign-on, authorisation for it). A workflow needs {permission}."
    )


_DELETES_OFF = (
    "The registry does not allow deletes, or not in this way. Enable deletes (docker-registry: "
    "REGISTRY_STORAGE_DELETE_ENABLED=true), use the web page of the registry, or yank the release."
)
_READ_HINT = (
    "New packages are private; their settings page makes them public. To read a private package, use a classic personal "
    "access token with read:packages. In a workflow, add `permissions: packages: read` and, for a package of another "
    "repository, give this repository access in the settings of the package."
)
