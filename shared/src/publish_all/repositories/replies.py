"""From a server's reply to an upload, or from its absence, to an outcome with its findings. Pure.

`tests/shared/repositories/test_replies.py` holds replies of real servers, with their sources.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeAlias

from publish_all import diagnoses as known
from publish_all._http import BasicAuth, Reply
from publish_all._http_errors import Failure, HttpError
from publish_all._json import loads, seconds
from publish_all._secret import Secret
from publish_all._server_text import plain
from publish_all._urls import joined, shown_url
from publish_all.config.addresses import host_of, hostname_of
from publish_all.credentials.chain import GIVE_GITHUB_CREDENTIAL
from publish_all.credentials.credential_source import Credential, with_names
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CredentialError
from publish_all.findings import Finding
from publish_all.repositories.repository import UploadOutcome
from publish_all.results import FileState

_EPOCH_SIZED = 1_000_000_000
"""From here on a number of seconds is a date, not a wait: some servers give `reset` as Unix time."""
_LATEST = 1e11
_LONGEST = 1e8
_DATE_LENGTH = 64
_PAGE_LENGTH = 120
_WORTH_WAITING = 120.0

# What servers say: the first pattern found in "<status> <message>" counts. The catalogue has the next steps.
# Patterns are compiled only when a reply needs explaining.
_KNOWN = (
    # PyPI and TestPyPI: who may upload.
    (r"Username/Password authentication is no longer supported", known.PASSWORD_UNSUPPORTED),
    (r"token is not valid for project", known.TOKEN_SCOPE),
    (r"Invalid API Token|Invalid or non-existent authentication information", known.CREDENTIAL_REFUSED),
    (r"isn't allowed to upload to project|not allowed to (edit|upload to)", known.NOT_ALLOWED),
    (r"verified primary email|two-factor authentication", Diagnosis("PA406")),
    (r"Read-only mode|temporarily disabled", Diagnosis("PA407")),
    # PyPI and TestPyPI: projects, releases and names of files.
    (r"The name .* isn't allowed|conflict with Python Standard Library", known.NAME_NOT_ALLOWED),
    (r"too similar to an existing project", known.NAME_TOO_SIMILAR),
    (r"Non-user identities cannot create new projects", Diagnosis("PA422")),
    (r"Too many new projects created", known.TOO_MANY_PROJECTS),
    (r"previously used by a file that has since been deleted", known.NAME_USED_BEFORE),
    (r"filename has already been used", known.NAME_USED_BEFORE),
    (r"releases older than", known.RELEASE_CLOSED),
    (r"Only one sdist may be uploaded", Diagnosis("PA415")),
    (
        r"Version in filename should be|Filename .* should contain|Filename .* is invalid",
        known.FILENAME_WRONG,
    ),
    (r"does not contain version|does not match project name", known.FILENAME_WRONG),
    (r"Bad filename|not a valid archive name", known.FILENAME_WRONG),
    # PyPI and others: problems in the file and its metadata.
    (r"(File|Project size) too large|Request Entity Too Large", known.TOO_LARGE),
    (r"digest supplied does not match|hash mismatch", known.DIGEST_MISMATCH),
    (r"not a valid classifier|is no longer valid", Diagnosis("PA433")),
    (r"description failed to render", Diagnosis("PA434")),
    (r"use of local versions", Diagnosis("PA435")),
    (r"Can't have direct dependency", Diagnosis("PA436")),
    (r"unsupported platform tag", Diagnosis("PA438")),
    (r"Invalid distribution file", known.ARCHIVE_REFUSED),
    (r"attestation", Diagnosis("PA446")),
    (r"invalid name or version", Diagnosis("PA432")),
    # devpi, Artifactory, Nexus, Azure Artifacts, Google Artifact Registry: rights and kinds of repositories.
    (r"cannot submit to mirror index", known.READ_ONLY_REPOSITORY),
    (r"repository is read[- ]only|default deployment repository", known.READ_ONLY_REPOSITORY),
    (r"no permission to submit|not authorized to perform|AddPackage", known.NOT_ALLOWED),
    (r"^409 .*upstream sources", known.REFUSED),
    (r"Unauthenticated request|TF400813", known.CREDENTIAL_REFUSED),
    (r"Permission .*(uploadArtifacts|PublishPackageVersion)", known.NOT_ALLOWED),
    # All servers, each in its own words: a file of this name is there.
    (r"already exist|already been taken|already contains|Could not locate artifact", known.MAYBE_OTHER_BYTES),
    (r"updating assets|cannot be updated|permissions to (delete/)?overwrite", known.MAYBE_OTHER_BYTES),
    (r"^409 .*(namespace|reserved prefix)", known.NAME_NOT_ALLOWED),
)

# What a status means by itself, for servers and texts that we don't know.
_BY_STATUS = (
    (r"401", known.CREDENTIAL_REFUSED),
    (r"403", known.NOT_ALLOWED),
    (r"404|405|410|501", known.NO_UPLOAD_API),
    (r"408|425|429", known.SERVER_BUSY),
    (r"409", known.MAYBE_OTHER_BYTES),
    (r"413", known.TOO_LARGE),
    (r"", known.REFUSED),
)

_OUTCOMES = {
    known.CREDENTIAL_MISSING: FileState.UNAUTHORIZED,
    known.CREDENTIAL_REFUSED: FileState.UNAUTHORIZED,
    known.NOT_ALLOWED: FileState.UNAUTHORIZED,
    known.PASSWORD_UNSUPPORTED: FileState.UNAUTHORIZED,
    known.TOKEN_SCOPE: FileState.UNAUTHORIZED,
    known.OTHER_BYTES: FileState.CONFLICT,
    # It is a question yet: the server has a file of this name, and only its index shows whether it is ours.
    known.MAYBE_OTHER_BYTES: FileState.CONFLICT,
    known.SERVER_BUSY: FileState.FAILED,
}
"""The state of the file for a diagnosis, unless it is refused for good."""


class Attempt(NamedTuple):
    """An attempt: `credential` is the one sent, `distribution` is None for the empty upload of preflight."""

    repository: str
    url: str
    credential: Credential | None = None
    distribution: Distribution | None = None

    def outcome(
        self, status: FileState, diagnosis: Diagnosis, message: str, hint: str = "", wait: float | None = None
    ) -> UploadOutcome:
        project = self.distribution.project if self.distribution is not None else None
        hint = with_names(hint or diagnosis.entry.next_step, self.repository, project)
        finding = diagnosis.found(message, where=shown_url(self.url), hint=hint)
        return UploadOutcome(status=status, findings=(finding,), retry_after=wait)

    @property
    def subject(self) -> str:
        return self.distribution.filename if self.distribution else "an upload"


def ensure_host(credential: Credential, url: str) -> None:
    """Raise `CredentialError` rather than show a credential to a host that it was not found for."""
    if credential.host != host_of(url):
        message = f"The credential from {credential.origin} is for {credential.host}, not for {host_of(url)}."
        finding = known.CREDENTIAL_OF_OTHER_HOST.found(message, where=shown_url(url))
        raise CredentialError(finding.message, hint=finding.hint, findings=(finding,))


def classify(reply: Reply, attempt: Attempt, *, now: float) -> UploadOutcome:
    """What a whole reply means. `now` is Unix time in seconds."""
    status, name = reply.status, attempt.repository
    if 200 <= status < 300 and not reply.is_page:
        return UploadOutcome(status=FileState.UPLOADED)
    if 200 <= status < 300:
        said = plain(reply.message, limit=_PAGE_LENGTH)
        message = f"{name} answers {status} to {attempt.subject} with a web page: {said}"
        return attempt.outcome(FileState.REFUSED, known.PAGE_INSTEAD, message)
    if 300 <= status < 400:
        return _redirected(reply, attempt)
    secrets = (attempt.credential.secret,) if attempt.credential else ()
    said = plain(reply.message, secrets=secrets) or plain(reply.reason, secrets=secrets)
    numbered = said if str(status) in said else f"{status} {said}".strip()
    wait = retry_after(reply.headers, now)
    if status < 200 or status >= 600:
        message = f"{name} answers with the status {status}."
        return attempt.outcome(FileState.UNCLEAR, known.ANSWER_LOST, message)
    if status >= 500:
        return _server_error(reply, numbered, attempt, wait)
    diagnosis = diagnosis_of(f"{status} {said}") or _meaning(f"{status}", _BY_STATUS)
    if diagnosis is known.MAYBE_OTHER_BYTES and (decided := _by_digest(said, attempt)):
        return decided
    if diagnosis is known.TOO_MANY_PROJECTS:
        return _limited(said, attempt, wait, now)
    return _refused(diagnosis, numbered, attempt, wait=wait)


def diagnosis_of(said: str) -> Diagnosis | None:
    """What a server means with a message, best with its status in front; None for one that is not known."""
    found = (diagnosis for pattern, diagnosis in _KNOWN if re.search(pattern, said, re.IGNORECASE))
    return next(found, None)


def lost(error: HttpError, attempt: Attempt, *, body_sent: bool) -> UploadOutcome:
    """The outcome without a complete reply. `body_sent`: whether the server may have the file."""
    hint = error.hint or ""
    if error.failure in {Failure.TIMEOUT, Failure.DROPPED} and body_sent:
        return attempt.outcome(FileState.UNCLEAR, known.ANSWER_LOST, error.message, hint)
    status = FileState.FAILED if error.retryable else FileState.REFUSED
    return attempt.outcome(status, Diagnosis(error.failure.value), error.message, hint, error.retry_after)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """For how many seconds the server asks to wait, None if it does not.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), else the rest of a `RateLimit` window that
    is used up: now `"name";r=0;t=30` for each window, in older drafts `remaining=0, reset=30`, or a header for each.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        windows = re.findall(r"\b(?:r|remaining)=(\d+)[;, ]+(?:t|reset)=(\d+)", headers.get("RateLimit", ""))
        for name in ("RateLimit", "X-RateLimit"):
            left, end = headers.get(f"{name}-Remaining", "0"), headers.get(f"{name}-Reset", "")
            windows.append((left.strip(), end))
        ends = (seconds(end, most=_LATEST) for left, end in windows if left == "0")
        return max((_wait(each, now) for each in ends if each is not None), default=None)
    stated = seconds(text, most=_LATEST)
    if stated is not None:
        return _wait(stated, now)
    try:
        moment = parsedate_to_datetime(text[:_DATE_LENGTH])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _wait(seconds: float, now: float) -> float:
    return max(0.0, seconds - now) if seconds >= _EPOCH_SIZED else seconds


def _limited(said: str, attempt: Attempt, wait: float | None, now: float) -> UploadOutcome:
    """The limit of new projects is for an hour: there is an end to wait for, or to come back after."""
    message = f"{attempt.repository} cannot accept {attempt.subject}: {said}"
    if wait is None:
        return attempt.outcome(FileState.REFUSED, known.TOO_MANY_PROJECTS, message)
    if wait <= _WORTH_WAITING:
        return attempt.outcome(FileState.FAILED, known.TOO_MANY_PROJECTS, message, wait=wait)
    end = datetime.fromtimestamp(now + min(wait, _LONGEST), tz=timezone.utc)
    message = f"{message.rstrip('.')}. The limit ends in {math.ceil(wait / 60)} minutes, at {end:%H:%M} UTC."
    return attempt.outcome(FileState.REFUSED, known.TOO_MANY_PROJECTS, message)


def _by_digest(said: str, attempt: Attempt) -> UploadOutcome | None:
    """PyPI says which file it has, and its BLAKE2 hash: `File already exists ('<file>', with blake2_256 hash '<hex>')`."""
    found = re.search(r"\('(?P<file>[^']+)', with blake2_256 hash '(?P<hash>[0-9a-f]{64})'\)", said)
    ours = attempt.distribution
    if found is None or ours is None:
        return None
    if found["hash"] != ours.digests.blake2_256:
        return _refused(known.OTHER_BYTES, said, attempt, "Release a new version.")
    if found["file"] != ours.filename:
        hint = f"The repository has the same content as {found['file']}. Remove this file."
        return _refused(Diagnosis("PA413"), said, attempt, hint)
    return UploadOutcome(status=FileState.PRESENT)


def _server_error(reply: Reply, numbered: str, attempt: Attempt, wait: float | None) -> UploadOutcome:
    """A gateway answers so, too, for a server that was merely slow, and has stored the file."""
    if not reply.retryable:
        return _refused(_meaning(f"{reply.status}", _BY_STATUS), numbered, attempt)
    unclear = reply.status != 503
    verb = "refuses" if unclear else "cannot accept"
    message = f"{attempt.repository} {verb} {attempt.subject}: {numbered}"
    status = FileState.UNCLEAR if unclear else FileState.FAILED
    outcome = attempt.outcome(status, known.SERVER_FAILED, message, wait=wait)
    return replace(outcome, crash=numbered) if reply.status == 500 else outcome


def _refused(
    diagnosis: Diagnosis, said: str, attempt: Attempt, hint: str = "", wait: float | None = None
) -> UploadOutcome:
    status = _OUTCOMES.get(diagnosis, FileState.REFUSED)
    name, credential = attempt.repository, attempt.credential
    verb = "cannot accept" if status is FileState.FAILED else "refuses"
    message = f"{name} {verb} {attempt.subject}: {said}"
    if status is FileState.UNAUTHORIZED and credential is not None:
        message = f"{name} refuses the user {credential.username} with the credential from {credential.origin}: {said}"
    elif status is FileState.UNAUTHORIZED:
        diagnosis = known.CREDENTIAL_MISSING
        message = f"{name} does not accept anonymous uploads, and no credential was found ({said})."
        hint = f"Run `publish-all login {name}`, or set PUBLISH_ALL_<REPOSITORY>_TOKEN."
    return attempt.outcome(status, diagnosis, message, hint, wait)


def _redirected(reply: Reply, attempt: Attempt) -> UploadOutcome:
    location = plain(reply.headers.get("Location", ""))
    leads = joined(attempt.url, location)
    target = shown_url(leads) if leads is not None else repr(location)
    message = f"{attempt.repository} redirects an upload to another URL ({reply.status}): {target}."
    hint = "Check that the URL is the upload URL, and that the credential is right: the other URL may be a login page."
    if target == shown_url(attempt.url) + "/":
        hint = f"The slash at the end is missing. Set the URL {target}"
    return attempt.outcome(FileState.REFUSED, known.REDIRECTED, message, hint)


# --- registries, with the wording of GitHub known

# A manifest can be refused for a blob that has only just been sent, or is being sent by another job: the file
# in which docker-registry notes the blob is empty for a moment, which it calls an invalid digest.
_MAY_PASS = frozenset(
    {"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "TOOMANYREQUESTS", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID"}
)


class Login(NamedTuple):
    """Who asks. `origin` says where the secret was found, in words a user can act on."""

    username: str
    secret: Secret
    origin: str = "the request"

    @property
    def auth(self) -> BasicAuth:
        return BasicAuth(username=self.username, secret=self.secret)


WhoAsks: TypeAlias = Login | Callable[[], Login | None] | None
"""A login, a function that finds it when it is needed, or None for anonymous requests."""


@dataclass(eq=False, repr=False)
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
        super().__init__(finding.message, failure=failure, url=finding.where, hint=finding.hint or None)
        self.findings = (finding,)
        self.retryable, self.retry_after = retryable, wait
        self.status, self.code = status, code


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
    login = asked.login
    if login is None or not asked.is_github or not login.secret.reveal().startswith("github_pat_"):
        return None
    message = "GitHub Packages does not accept fine-grained personal access tokens, and the credential is one"
    return Diagnosis("PA601").found(f"{message}: {login.origin}.", where=asked.where)


def _code(body: bytes) -> str:
    try:
        code = loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else ""


# The first pattern found in "<status> <code> <message>" counts.
_ANSWERS = (
    (r"NAME_INVALID|^400 .*(invalid.*name|must be lowercase)", Diagnosis("PA608")),
    # Amazon's registry, and others whose repositories have settings, do not create one with the first upload.
    (r"NAME_UNKNOWN", Diagnosis("PA614")),
    (r"DIGEST_INVALID", known.REGISTRY_DIGEST_MISMATCH),
    (r"^405|UNSUPPORTED", known.READ_ONLY),
    (r"^413", known.TOO_LARGE),
    (r"^429", known.SERVER_BUSY),
    (r"^5", known.SERVER_FAILED),
    (r"", known.REGISTRY_REFUSED),
)
# GitHub's own words, which are the same for several causes: the form of the token separates some of them.
_ANSWERS_OF_GITHUB = (
    (r"write_package", Diagnosis("PA604")),
    (r"does not match expected scopes|insufficient[ _]scope", known.PACKAGES_PERMISSION),
    (r"create_package|create organi[sz]ation package|not allowed to create", Diagnosis("PA605")),
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
    login, where, hint = asked.login, asked.where, ""
    if login is None and not asked.write:
        message = f"{where} cannot be read without a credential: it is private, or does not exist ({said})."
        return known.READ_NOT_ALLOWED.found(message, where=where)
    if login is None:
        message = f"{where} does not accept anonymous uploads, and no credential was found for it ({said})."
        hint = f"Set PUBLISH_ALL_<REPOSITORY>_TOKEN, or run `publish-all login {asked.name}`."
        hint = GIVE_GITHUB_CREDENTIAL if asked.is_github else with_names(hint, asked.name)
        return known.CREDENTIAL_MISSING.found(message, where=where, hint=hint)
    if (finding := fine_grained(asked)) is not None:
        return finding
    diagnosis = Diagnosis("PA613") if asked.write else known.READ_NOT_ALLOWED
    diagnosis = diagnosis if status == 403 else known.REGISTRY_CREDENTIAL_REFUSED
    if asked.is_github or re.search(r"permission_denied|installation not allowed", text):
        diagnosis = _meaning(text, _ANSWERS_OF_GITHUB)
        if diagnosis is known.OWNER_UNKNOWN and not asked.write:
            diagnosis = known.READ_NOT_ALLOWED
        elif diagnosis is known.REGISTRY_CREDENTIAL_REFUSED and login.secret.reveal().startswith("ghs_"):
            diagnosis = Diagnosis("PA602")
        elif diagnosis in {known.REGISTRY_CREDENTIAL_REFUSED, known.PACKAGES_PERMISSION} and asked.write:
            hint = GIVE_GITHUB_CREDENTIAL
    message = f"{where} refuses the user {login.username} with the credential from {login.origin}: {said}"
    return diagnosis.found(message, where=where, hint=hint)


_DELETES_OFF = (
    "The registry does not allow deletes, or not in this way. Enable deletes (docker-registry: "
    "REGISTRY_STORAGE_DELETE_ENABLED=true), use the web page of the registry, or yank the release."
)
