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
        failure: Failure = Failure.STATUS,
    ) -> None:
        super().__init__(
            finding.message,
            failure=failure,
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

    def __init__(self, finding: Finding, *, status: int = 401) -> None:
        super().__init__(finding.message, hint=finding.hint, findings=(finding,))
        self.status = status


def broken(finding: Finding) -> RefusedError:
    """The error for an answer that makes no sense."""
    return RefusedError(finding, status=200, failure=Failure.INVALID)


def refusal(reply: Reply, asked: Asked, *, now: float) -> RefusedError | UnauthorizedError:
    """The error for an answer. `now` is Unix time in seconds."""
    secrets = (asked.login.secret,) if asked.login is not None else ()
    text = plain(reply.message, secrets=secrets) or plain(reply.reason, secrets=secrets)
    code = _code(reply.body)
    if reply.status in {401, 403}:
        return UnauthorizedError(_forbidden(reply.status, text, asked), status=reply.status)
    diagnosis = _meaning(f"{reply.status} {code} {text}", _ANSWERS)
    if asked.delete and diagnosis is known.READ_ONLY:
        diagnosis = known.REGISTRY_REFUSED
    message = f"{asked.where} answers {f'{reply.status} {text}'.strip()}"
    return RefusedError(
        diagnosis.found(message, where=asked.where, hint=_DELETES_OFF if asked.delete else ""),
        status=reply.status,
        code=code,
        retryable=reply.retryable or code in _MAY_PASS,
        wait=retry_after(reply.headers, now),
    )


def fine_grained(asked: Asked) -> Finding | None:
    """The problem of a fine-grained token, which GitHub's registry never accepts; known without a request."""
    if not asked.is_github or not asked.token_is("github_pat_"):
        return None
    message = "GitHub Packages does not accept fine-grained personal access tokens, and the credential is one"
    return known.GITHUB_FINE_GRAINED_TOKEN.found(f"{message}: {_origin(asked)}.", where=asked.where)


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


# The first pattern found in "<status> <code> <message>" counts.
_ANSWERS = (
    (r"NAME_INVALID|^400 .*(invalid.*name|must be lowercase)", known.OCI_NAME_NOT_ALLOWED),
    # Amazon's registry, and others whose repositories have settings, do not create one with the first upload.
    (r"NAME_UNKNOWN", known.REPOSITORY_MISSING),
    (r"DIGEST_INVALID", known.REGISTRY_DIGEST_MISMATCH),
    (r"^405|UNSUPPORTED", known.READ_ONLY),
    (r"^413", known.TOO_LARGE),
    (r"^429", known.SERVER_BUSY),
    (r"^5", known.SERVER_FAILED),
    (r"", known.REGISTRY_REFUSED),
)
# GitHub's own words, which are the same for several causes: the form of the token separates some of them.
_ANSWERS_OF_GITHUB = (
    (r"write_package", known.PACKAGE_NOT_CONNECTED),
    (r"does not match expected scopes|insufficient[ _]scope", known.PACKAGES_PERMISSION),
    (r"create_package|create organi[sz]ation package|not allowed to create", known.CREATION_NOT_ALLOWED),
    (r"installation not allowed|read_package|Resource not accessible", known.PACKAGES_PERMISSION),
    (r"cannot be authenticated|unauthenticated", known.REGISTRY_CREDENTIAL_REFUSED),
    (r"authentication required|bad credentials", known.REGISTRY_CREDENTIAL_REFUSED),
    (r"", known.OWNER_UNKNOWN),
)


def _meaning(said: str, answers: tuple[tuple[str, Diagnosis], ...]) -> Diagnosis:
    return next(diagnosis for pattern, diagnosis in answers if re.search(pattern, said, re.IGNORECASE))


def _forbidden(status: int, text: str, asked: Asked) -> Finding:
    """The finding for an answer about who asks."""
    said = f"{status} {text}".strip()
    hint = ""
    if asked.login is None and not asked.write:
        message = (
            f"{asked.where} cannot be read without a credential: it is private, or does not exist ({said})."
        )
        return known.READ_NOT_ALLOWED.found(message, where=asked.where)
    if asked.login is None:
        message = (
            f"{asked.where} does not accept anonymous uploads, and no credential was found for it ({said})."
        )
        hint = f"Set PUBLISH_ALL_<REPOSITORY>_TOKEN, or run `publish-all login {asked.name}`."
        hint = GIVE_GITHUB_CREDENTIAL if asked.is_github else with_names(hint, asked.name)
        return known.CREDENTIAL_MISSING.found(message, where=asked.where, hint=hint)
    if (finding := fine_grained(asked)) is not None:
        return finding
    diagnosis = known.WRITE_NOT_ALLOWED if asked.write else known.READ_NOT_ALLOWED
    diagnosis = diagnosis if status == 403 else known.REGISTRY_CREDENTIAL_REFUSED
    if asked.is_github or re.search(r"permission_denied|installation not allowed", text):
        diagnosis = _meaning(text, _ANSWERS_OF_GITHUB)
        if diagnosis is known.OWNER_UNKNOWN and not asked.write:
            diagnosis = known.READ_NOT_ALLOWED
        elif diagnosis is known.REGISTRY_CREDENTIAL_REFUSED and asked.token_is("ghs_"):
            diagnosis = known.APP_TOKEN
        elif diagnosis in {known.REGISTRY_CREDENTIAL_REFUSED, known.PACKAGES_PERMISSION} and asked.write:
            hint = GIVE_GITHUB_CREDENTIAL
    message = f"{asked.where} refuses the user {asked.login.username} with the credential from {_origin(asked)}: {said}"
    return diagnosis.found(message, where=asked.where, hint=hint)


def _origin(asked: Asked) -> str:
    return (asked.login.origin if asked.login is not None else "") or "the request"


_DELETES_OFF = (
    "The registry does not allow deletes, or not in this way. Enable deletes (docker-registry: "
    "REGISTRY_STORAGE_DELETE_ENABLED=true), use the web page of the registry, or yank the release."
)
