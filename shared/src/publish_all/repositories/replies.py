"""From a server's reply to an upload, or from its absence, to an outcome with its findings. Pure.

`tests/shared/repositories/test_replies.py` holds replies of real servers, with their sources.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from publish_all import diagnoses as known
from publish_all._http import Reply
from publish_all._http_errors import Failure, HttpError
from publish_all._json import seconds
from publish_all._server_text import plain
from publish_all._urls import shown_url
from publish_all.config.addresses import host_of
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
_LOGIN = re.compile(r"(?i)log[-_]?[io]n|sign[-_]?in|\bsso\b|oauth|saml|authorize")


class _Known(NamedTuple):
    """If the status is one of `statuses` and the text holds `pattern`, the diagnosis is this one.

    With MAYBE_OTHER_BYTES it is a question yet: the server has a file of this name, and only its index tells
    whether it is ours. Without a hint, the diagnosis' own next step is one.
    """

    statuses: tuple[int, ...]
    pattern: str
    diagnosis: Diagnosis
    hint: str = ""


# The first that matches counts. Patterns are compiled only when a reply needs explaining.
_KNOWN = (
    # PyPI and TestPyPI: who may upload.
    _Known((403,), r"Username/Password authentication is no longer supported", known.PASSWORD_UNSUPPORTED),
    _Known((403,), r"token is not valid for project", known.TOKEN_SCOPE),
    _Known(
        (403,),
        r"Invalid API Token|Invalid or non-existent authentication information",
        known.CREDENTIAL_REFUSED,
    ),
    _Known((403,), r"isn't allowed to upload to project|not allowed to (edit|upload to)", known.NOT_ALLOWED),
    _Known((403,), r"verified primary email|two-factor authentication", known.ACCOUNT_NOT_READY),
    _Known((403,), r"Read-only mode|temporarily disabled", known.UPLOADS_DISABLED),
    # PyPI and TestPyPI: projects, releases and names of files.
    _Known(
        (400,), r"The name .* isn't allowed|conflict with Python Standard Library", known.NAME_NOT_ALLOWED
    ),
    _Known((400,), r"too similar to an existing project", known.NAME_TOO_SIMILAR),
    _Known((400,), r"Non-user identities cannot create new projects", known.NEW_PROJECT_NEEDS_USER),
    _Known((429,), r"Too many new projects created", known.TOO_MANY_PROJECTS),
    _Known(
        (409,),
        r"^(?!.*(already exist|upstream sources)).*(namespace|reserved prefix)",
        known.NAME_NOT_ALLOWED,
        "An organisation has reserved names with this beginning. Choose another name, or ask the organisation to "
        "let you create the project.",
    ),
    _Known(
        (400,),
        r"previously used by a file that has since been deleted|filename has already been used",
        known.NAME_USED_BEFORE,
    ),
    _Known((400,), r"releases older than", known.RELEASE_CLOSED),
    _Known((400,), r"Only one sdist may be uploaded", known.SECOND_SDIST),
    _Known(
        (400,),
        r"Version in filename should be|Filename .* should contain|Filename .* is invalid"
        r"|does not contain version|does not match project name|Bad filename|not a valid archive name",
        known.FILENAME_WRONG,
    ),
    # PyPI and others: problems in the file and its metadata.
    _Known((400, 413), r"(File|Project size) too large|Request Entity Too Large", known.TOO_LARGE),
    _Known((400,), r"digest supplied does not match|hash mismatch", known.DIGEST_MISMATCH),
    _Known((400,), r"not a valid classifier|is no longer valid", known.CLASSIFIER_UNKNOWN),
    _Known((400,), r"description failed to render", known.DESCRIPTION_BROKEN),
    _Known((400,), r"use of local versions", known.LOCAL_VERSION_NOT_ALLOWED),
    _Known((400,), r"Can't have direct dependency", known.DIRECT_DEPENDENCY_REFUSED),
    _Known((400,), r"unsupported platform tag", known.TAG_UNSUPPORTED),
    _Known((400,), r"Invalid distribution file", known.ARCHIVE_REFUSED),
    _Known((400, 403), r"attestation", known.ATTESTATIONS_REFUSED),
    _Known((400,), r"invalid name or version", known.METADATA_REFUSED),
    # devpi, Artifactory, Nexus, Azure Artifacts, Google Artifact Registry: rights and kinds of repositories.
    _Known(
        (404,),
        r"cannot submit to mirror index",
        known.READ_ONLY_REPOSITORY,
        "Upload to an index of type `stage`, such as your own.",
    ),
    _Known(
        (400, 403, 405, 409),
        r"repository is read[- ]only|default deployment repository",
        known.READ_ONLY_REPOSITORY,
    ),
    _Known(
        (409,),
        r"in non-volatile index",
        known.OTHER_BYTES,
        "Release a new version, or make the index volatile (`devpi index … volatile=True`).",
    ),
    _Known(
        (403,),
        r"no permission to submit",
        known.NOT_ALLOWED,
        "Ask the owner of the index to add you (`devpi index … acl_upload+=USER`).",
    ),
    _Known(
        (409,),
        r"upstream sources",
        known.REFUSED,
        "The feed has this version from an upstream source. Release another version, or change the upstream "
        "settings of the feed.",
    ),
    _Known(
        (401, 403),
        r"Unauthenticated request|TF400813",
        known.CREDENTIAL_REFUSED,
        "Get a new token. Tokens of cloud providers expire after some hours.",
    ),
    _Known(
        (403,),
        r"Permission .*(uploadArtifacts|PublishPackageVersion)|not authorized to perform|AddPackage",
        known.NOT_ALLOWED,
        "Give this user write access to the repository.",
    ),
    # All servers, each in its own words: a file of this name is there.
    _Known(
        (400, 401, 403, 404, 409, 422),
        r"already exist|already been taken|already contains|updating assets|cannot be updated"
        r"|permissions to (delete/)?overwrite|Could not locate artifact",
        known.MAYBE_OTHER_BYTES,
    ),
    _Known((409,), r"", known.MAYBE_OTHER_BYTES),
)

_OUTCOMES = {
    known.CREDENTIAL_MISSING: FileState.UNAUTHORIZED,
    known.CREDENTIAL_REFUSED: FileState.UNAUTHORIZED,
    known.NOT_ALLOWED: FileState.UNAUTHORIZED,
    known.PASSWORD_UNSUPPORTED: FileState.UNAUTHORIZED,
    known.TOKEN_SCOPE: FileState.UNAUTHORIZED,
    known.OTHER_BYTES: FileState.CONFLICT,
    known.MAYBE_OTHER_BYTES: FileState.CONFLICT,
}
"""The state of the file for a diagnosis, unless it is refused for good."""


_ATTESTATION_HINTS = {
    r"only supported (when|with|via|for)": "Publish with trusted publishing (`--auth oidc`), or set "
    '`attestations = "never"` for this repository.',
    r"(verif|does not match|identity|certificate|signature)": "The trusted publisher must sign the files: remove "
    "attestations of other jobs next to the files. A job in a reusable workflow signs as the workflow that calls "
    "it, so publish in a job of the workflow itself.",
    r"(maximum|multiple|more than|predicate|duplicate)": "Keep at most one attestation of each kind next to each file: one of "
    "publishing, one of SLSA provenance.",
    r"": "Remove the attestations next to the files, if there are any, and run again.",
}


class Attempt(NamedTuple):
    """An attempt: `credential` is the one sent, `distribution` is None for the empty upload of preflight."""

    repository: str
    url: str
    credential: Credential | None = None
    distribution: Distribution | None = None

    def finding(self, diagnosis: Diagnosis, message: str, hint: str = "") -> Finding:
        project = self.distribution.project if self.distribution is not None else None
        hint = with_names(hint or diagnosis.entry.next_step, self.repository, project)
        return diagnosis.found(message, where=shown_url(self.url), hint=hint)

    def outcome(
        self, status: FileState, diagnosis: Diagnosis, message: str, hint: str = "", wait: float | None = None
    ) -> UploadOutcome:
        finding = self.finding(diagnosis, message, hint)
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
    if 200 <= reply.status < 300:
        return _page(reply, attempt) if reply.is_page else UploadOutcome(status=FileState.UPLOADED)
    secrets = (attempt.credential.secret,) if attempt.credential else ()
    said = plain(reply.message, secrets=secrets) or plain(reply.reason, secrets=secrets)
    wait = retry_after(reply.headers, now)
    for statuses, pattern, diagnosis, hint in _KNOWN:
        if reply.status in statuses and re.search(pattern, said, re.IGNORECASE):
            if diagnosis is known.MAYBE_OTHER_BYTES and (decided := _by_digest(said, attempt)):
                return decided
            if diagnosis is known.TOO_MANY_PROJECTS:
                return _limited(said, attempt, wait, now)
            return _refused(diagnosis, said, attempt, hint or _attestation_hint(said), wait)
    return _by_status(reply, said, attempt, wait)


def diagnosis_of(said: str) -> Diagnosis | None:
    """What a server means with a message, whatever its status; None for one that is not known."""
    found = (
        each.diagnosis for each in _KNOWN if each.pattern and re.search(each.pattern, said, re.IGNORECASE)
    )
    return next(found, None)


def lost(error: HttpError, attempt: Attempt, *, body_sent: bool) -> UploadOutcome:
    """The outcome without a complete reply. `body_sent`: whether the server may have the file."""
    hint = error.hint or ""
    if error.failure in {Failure.TIMEOUT, Failure.DROPPED} and body_sent:
        return attempt.outcome(FileState.UNCLEAR, known.ANSWER_LOST, error.message, hint)
    status = FileState.FAILED if error.retryable else FileState.REFUSED
    return attempt.outcome(status, Diagnosis(error.failure.value), error.message, hint, error.retry_after)


def findings_of(error: HttpError | CredentialError) -> tuple[Finding, ...]:
    """The findings of an error; where it has none, the error itself as one."""
    if error.findings:
        return error.findings
    if isinstance(error, HttpError):
        return (Diagnosis(error.failure.value).found(error.message, where=error.url, hint=error.hint or ""),)
    return (known.CREDENTIAL_REFUSED.found(error.message, hint=error.hint or ""),)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """For how many seconds the server asks to wait, None if it does not.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), else the rest of a `RateLimit` window that
    is used up (draft-ietf-httpapi-ratelimit-headers, in its old and new forms).
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        ends = (seconds(until, most=_LATEST) for left, until in _windows(headers) if left == "0")
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


def _windows(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The remaining requests in each window of a rate limit ("0" if not given), and when the window ends."""
    stated = headers.get("RateLimit", "")
    if stated:
        # Now `"name";r=0;t=30` for each window; before, `limit=20, remaining=0, reset=30` for the only one.
        texts = [(each, "r", "t") for each in stated.split(",")] + [(stated, "remaining", "reset")]
        for text, *names in texts:
            left, end = (re.search(rf"\b{name}=(\d+)", text) for name in names)
            yield left[1] if left else "0", end[1] if end else ""
    else:
        name = "RateLimit" if "RateLimit-Reset" in headers else "X-RateLimit"
        yield headers.get(f"{name}-Remaining", "0").strip(), headers.get(f"{name}-Reset", "").strip()


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
    return attempt.outcome(
        FileState.REFUSED,
        known.TOO_MANY_PROJECTS,
        f"{message.rstrip('.')}. The limit ends in {math.ceil(wait / 60)} minutes, at {end:%H:%M} UTC.",
        f"Run again after {end:%H:%M} UTC. Files that are already uploaded are not uploaded again.",
    )


def _attestation_hint(said: str) -> str:
    """The next step for `Invalid attestations supplied during upload: …` of PyPI, empty for other words."""
    what = said.partition("Invalid attestations supplied")[2]
    steps = (step for words, step in _ATTESTATION_HINTS.items() if re.search(words, what, re.IGNORECASE))
    return next(steps) if what else ""


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
        return _refused(known.SAME_BYTES_ELSEWHERE, said, attempt, hint)
    return UploadOutcome(status=FileState.PRESENT)


def _by_status(reply: Reply, said: str, attempt: Attempt, wait: float | None) -> UploadOutcome:
    """What a status means by itself, for servers and texts that we don't know."""
    status, name = reply.status, attempt.repository
    numbered = said if str(status) in said else f"{status} {said}".strip()
    if 300 <= status < 400:
        return _redirected(reply, attempt)
    if status in {401, 403} and attempt.credential is None:
        return attempt.outcome(
            FileState.UNAUTHORIZED,
            known.CREDENTIAL_MISSING,
            f"{name} does not accept anonymous uploads, and no credential was found ({numbered}).",
            f"Run `publish-all login {name}`, or set PUBLISH_ALL_<REPOSITORY>_TOKEN.",
        )
    if status in {401, 403}:
        hint = "Check the user name and the password (or token), and whether that user can upload here."
        diagnosis = known.CREDENTIAL_REFUSED if status == 401 else known.NOT_ALLOWED
        return _refused(diagnosis, numbered, attempt, hint)
    if status in {404, 405, 410, 501}:
        hint = (
            "Check whether the URL is the upload URL, whether the repository exists, and whether the user has access "
            "to it: some servers give the same answer to users without access."
        )
        message = f"{name} does not accept uploads at {shown_url(attempt.url)}: {numbered}"
        return attempt.outcome(FileState.REFUSED, known.NO_UPLOAD_API, message, hint)
    if reply.retryable:
        diagnosis = known.SERVER_FAILED if status >= 500 else known.SERVER_BUSY
        # A gateway says so, too, of a server that was merely slow, and has stored the file.
        unclear = status in {500, 502, 504}
        message = f"{name} {'refuses' if unclear else 'cannot accept'} {attempt.subject}: {numbered}"
        outcome = attempt.outcome(
            FileState.UNCLEAR if unclear else FileState.FAILED, diagnosis, message, wait=wait
        )
        return replace(outcome, crash=numbered) if status == 500 else outcome
    if status == 413:
        return _refused(known.TOO_LARGE, said, attempt)
    if 400 <= status < 600:
        return _refused(known.REFUSED, numbered, attempt)
    message = f"{name} answers with the status {status}."
    return attempt.outcome(FileState.UNCLEAR, known.ANSWER_LOST, message)


def _refused(
    diagnosis: Diagnosis, said: str, attempt: Attempt, hint: str = "", wait: float | None = None
) -> UploadOutcome:
    status = _OUTCOMES.get(diagnosis, FileState.REFUSED)
    name, credential = attempt.repository, attempt.credential
    if status is FileState.UNAUTHORIZED and credential is not None:
        message = f"{name} refuses the user {credential.username} with the credential from {credential.origin}: {said}"
    else:
        message = (
            f"{name} {'cannot accept' if status is FileState.FAILED else 'refuses'} {attempt.subject}: {said}"
        )
    return attempt.outcome(status, diagnosis, message, hint, wait)


def _page(reply: Reply, attempt: Attempt) -> UploadOutcome:
    """A page for people, as single sign-on and web sites send it for every address."""
    said = plain(reply.message, limit=_PAGE_LENGTH)
    return attempt.outcome(
        FileState.REFUSED,
        known.PAGE_INSTEAD,
        f"{attempt.repository} answers {reply.status} to {attempt.subject} with a web page: {said}",
        "Check that the URL is the upload URL, and that there is no login page in front of it.",
    )


def _redirected(reply: Reply, attempt: Attempt) -> UploadOutcome:
    location = plain(reply.headers.get("Location", ""))
    try:
        target = shown_url(urljoin(attempt.url, location))
    except ValueError:
        target = repr(location)
    message = f"{attempt.repository} redirects an upload to another URL ({reply.status}): {target}."
    if target == shown_url(attempt.url) + "/":
        hint = f"The slash at the end is missing. Set the URL {target}"
    elif _is_moved(reply.status, attempt.url, target):
        hint = f"If you trust that URL, set it as `url`: {target}"
    else:
        message = f"{attempt.repository} redirects an upload to a web page ({reply.status}), perhaps a login page: {target}."
        hint = "Check that the URL is the upload URL, and that the credential is right."
    return attempt.outcome(FileState.REFUSED, known.REDIRECTED, message, hint)


def _is_moved(status: int, url: str, target: str) -> bool:
    """Whether a redirect is about the API itself.

    301, 302 and 303 make a GET of an upload (RFC 9110, 15.4), so that they lead to pages, but where only
    scheme or host change.
    """
    if _LOGIN.search(target):
        return False
    same = urlsplit(url).path.rstrip("/") == urlsplit(target).path.rstrip("/")
    return same or status in {307, 308}
