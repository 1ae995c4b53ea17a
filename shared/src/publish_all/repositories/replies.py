"""From a server's reply to an upload, or from its absence, to an outcome with its findings. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from publish_all import diagnoses as known
from publish_all._http import Reply
from publish_all._http_errors import Failure, HttpError
from publish_all._json import seconds
from publish_all._server_text import plain
from publish_all._urls import shown_url
from publish_all._values import dataclass
from publish_all.credentials.binding import with_names
from publish_all.credentials.source import Credential
from publish_all.diagnoses import CREDENTIAL_MISSING, Diagnosis
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Finding
from publish_all.repositories.reply_patterns import PATTERNS
from publish_all.repositories.repository import UploadOutcome
from publish_all.results import FileState

_EPOCH_SIZED = 1_000_000_000
"""From here on a number of seconds is a date, not a wait: some servers give `reset` as Unix time."""

_PAGE_LENGTH = 120
_LOGIN = re.compile(r"(?i)log[-_]?[io]n|sign[-_]?in|\bsso\b|oauth|saml|authorize")

_LATEST = 1e11
_DATE_LENGTH = 64

_NO_API = (
    "See whether the URL is the one to upload to, whether the repository exists, and whether the credential "
    "may see it: some servers answer so to those who may not."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What was tried: `credential` is what was sent, `distribution` None for an empty upload of preflight."""

    repository: str
    url: str
    credential: Credential | None = None
    distribution: Distribution | None = None

    def finding(self, diagnosis: Diagnosis, message: str, hint: str = "") -> Finding:
        project = self.distribution.project if self.distribution is not None else None
        hint = with_names(hint, self.repository, project)
        return diagnosis.found(message, where=shown_url(self.url), hint=hint)

    @property
    def subject(self) -> str:
        return self.distribution.filename if self.distribution else "an upload"


def classify(reply: Reply, attempt: Attempt, *, now: float) -> UploadOutcome:
    """What a whole reply means. `now` is Unix time in seconds."""
    if 200 <= reply.status < 300:
        return _page(reply, attempt) if reply.is_page else UploadOutcome(status=FileState.UPLOADED)
    said = _said(reply, attempt)
    waits = retry_after(reply.headers, now)
    for each in PATTERNS:
        if each.matches(reply.status, said):
            if each.diagnosis is known.MAYBE_OTHER_BYTES and (decided := _by_digest(said, attempt)):
                return decided
            return _outcome(each.outcome, each.diagnosis, said, attempt, hint=each.hint, retry_after=waits)
    return _by_status(reply, said, attempt, waits)


def lost(error: HttpError, attempt: Attempt, *, body_sent: bool) -> UploadOutcome:
    """What it means that no whole reply came. `body_sent` tells whether the server may have the file."""
    if error.failure in {Failure.TIMEOUT, Failure.DROPPED} and body_sent:
        finding = attempt.finding(known.ANSWER_LOST, error.message, error.hint or "")
        return UploadOutcome(status=FileState.UNCLEAR, findings=(finding,))
    status = FileState.FAILED if error.retryable else FileState.REFUSED
    return UploadOutcome(
        status=status,
        findings=(attempt.finding(network_diagnosis(error), error.message, error.hint or ""),),
        retry_after=error.retry_after,
    )


def network_diagnosis(error: HttpError) -> Diagnosis:
    return {
        Failure.REFUSED: known.SERVER_REFUSED_CONNECTION,
        Failure.TIMEOUT: known.TIMED_OUT,
        Failure.TLS: known.TLS_FAILED,
        Failure.DNS: known.HOST_UNKNOWN,
        Failure.DROPPED: known.CONNECTION_LOST,
        Failure.STATUS: known.SERVER_FAILED,
        Failure.INVALID: known.ADDRESS_UNUSABLE,
    }[error.failure]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """For how many seconds the server asks to wait, None if it does not.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), else the rest of a `RateLimit` window that
    is used up (draft-ietf-httpapi-ratelimit-headers, in its old and new forms).
    """
    stated = headers.get("Retry-After", "").strip()
    if stated:
        return _seconds_or_date(stated, now)
    ends = [seconds(until, most=_LATEST) for left, until in _windows(headers) if left == "0"]
    return max((_wait(each, now) for each in ends if each is not None), default=None)


def _windows(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is left in each window of a rate limit, "0" where it is not told, and when the window ends."""
    stated = headers.get("RateLimit", "")
    if stated:
        # Now `"name";r=0;t=30` for each window; before, `limit=20, remaining=0, reset=30` for the only one.
        return [
            *(_window(each, "r", "t") for each in stated.split(",")),
            _window(stated, "remaining", "reset"),
        ]
    name = "RateLimit" if "RateLimit-Reset" in headers else "X-RateLimit"
    return [(headers.get(f"{name}-Remaining", "0").strip(), headers.get(f"{name}-Reset", "").strip())]


def _window(text: str, left: str, until: str) -> tuple[str, str]:
    values = (re.search(rf"\b{name}=(\d+)", text) for name in (left, until))
    rest, end = (each[1] if each else "" for each in values)
    return rest or "0", end


def _seconds_or_date(text: str, now: float) -> float | None:
    stated = seconds(text, most=_LATEST)
    if stated is not None:
        return _wait(stated, now)
    try:
        return _until(text[:_DATE_LENGTH], now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _until(date: str, now: float) -> float:
    moment = parsedate_to_datetime(date)
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - now)


def _wait(seconds: float, now: float) -> float:
    return max(0.0, seconds - now) if seconds >= _EPOCH_SIZED else seconds


def _said(reply: Reply, attempt: Attempt) -> str:
    """The server's words, fit to be shown: from the body, else the reason phrase."""
    secrets = (attempt.credential.secret,) if attempt.credential else ()
    from_body = plain(reply.message, secrets=secrets)
    return from_body or plain(reply.reason, secrets=secrets)


def _by_digest(said: str, attempt: Attempt) -> UploadOutcome | None:
    """PyPI says which file it has, and its BLAKE2 hash: `File already exists ('<file>', with blake2_256 hash '<hex>')`."""
    found = re.search(r"\('(?P<file>[^']+)', with blake2_256 hash '(?P<hash>[0-9a-f]{64})'\)", said)
    ours = attempt.distribution
    if found is None or ours is None:
        return None
    if found["hash"] != ours.digests.blake2_256:
        return _outcome(FileState.CONFLICT, known.OTHER_BYTES, said, attempt, hint="Release a new version.")
    if found["file"] != ours.filename:
        hint = f"The same content is there as {found['file']}; leave this file out."
        return _outcome(FileState.REFUSED, known.SAME_BYTES_ELSEWHERE, said, attempt, hint=hint)
    return UploadOutcome(status=FileState.PRESENT)


def _by_status(reply: Reply, said: str, attempt: Attempt, waits: float | None) -> UploadOutcome:
    """What a status means by itself, for servers and texts that we don't know."""
    status = reply.status
    numbered = said if str(status) in said else f"{status} {said}".strip()
    if 300 <= status < 400:
        return _redirected(reply, attempt)
    if status in {401, 403}:
        return _unauthorized(status, numbered, attempt)
    if status in {404, 405, 410, 501}:
        return _outcome(FileState.REFUSED, known.NO_UPLOAD_API, numbered, attempt, hint=_NO_API)
    if reply.retryable:
        diagnosis = known.SERVER_FAILED if status >= 500 else known.SERVER_BUSY
        # A gateway says so, too, of a server that was merely slow, and has stored the file.
        kind = FileState.UNCLEAR if status in {500, 502, 504} else FileState.FAILED
        return _outcome(kind, diagnosis, numbered, attempt, retry_after=waits)
    if status == 413:
        hint = "Make it smaller, or raise the limit of the server or of the proxy before it."
        return _outcome(FileState.REFUSED, known.TOO_LARGE, said, attempt, hint=hint)
    if 400 <= status < 600:
        return _outcome(FileState.REFUSED, known.REFUSED, numbered, attempt)
    finding = attempt.finding(known.ANSWER_LOST, f"{attempt.repository} answers with the status {status}.")
    return UploadOutcome(status=FileState.UNCLEAR, findings=(finding,))


def _unauthorized(status: int, said: str, attempt: Attempt) -> UploadOutcome:
    if attempt.credential is None:
        diagnosis = CREDENTIAL_MISSING
    else:
        diagnosis = known.CREDENTIAL_REFUSED if status == 401 else known.NOT_ALLOWED
    hint = (
        "See whether user name and password (or token) are right, and whether that user may upload here."
        if attempt.credential
        else f"Give a credential: run `publish-all login {attempt.repository}`, or set PUBLISH_ALL_<REPOSITORY>_TOKEN."
    )
    return _outcome(FileState.UNAUTHORIZED, diagnosis, said, attempt, hint=hint)


def _page(reply: Reply, attempt: Attempt) -> UploadOutcome:
    """A page for people, as single sign-on and web sites send it for every address."""
    said = plain(reply.message, limit=_PAGE_LENGTH)
    finding = attempt.finding(
        known.PAGE_INSTEAD,
        f"{attempt.repository} answers {reply.status} to {attempt.subject} with a web page: {said}",
        "Check that the URL is the one to upload to, and that no login page stands before it.",
    )
    return UploadOutcome(status=FileState.REFUSED, findings=(finding,))


def _redirected(reply: Reply, attempt: Attempt) -> UploadOutcome:
    target = _target(attempt.url, plain(reply.headers.get("Location", "")))
    message = f"{attempt.repository} answers an upload with {reply.status} and another address, {target}."
    if target == shown_url(attempt.url) + "/":
        hint = f"The slash at the end is missing. Configure the URL {target}"
    elif _is_moved(reply.status, attempt.url, target):
        hint = f"If you trust that address, configure it as the URL: {target}"
    else:
        message = f"{attempt.repository} sends an upload to a web page, perhaps to log in: {reply.status} to {target}."
        hint = "Check that the URL is the one to upload to, and that the credential is right."
    finding = attempt.finding(known.REDIRECTED, message, hint)
    return UploadOutcome(status=FileState.REFUSED, findings=(finding,))


def _is_moved(status: int, url: str, target: str) -> bool:
    """Whether a redirect is about the API itself.

    301, 302 and 303 make a GET of an upload (RFC 9110, 15.4), so that they lead to pages, but where only
    scheme or host change.
    """
    if _LOGIN.search(target):
        return False
    same = urlsplit(url).path.rstrip("/") == urlsplit(target).path.rstrip("/")
    return same or status in {307, 308}


def _target(url: str, location: str) -> str:
    """Where a redirect leads, as it may be shown, even if it is not a URL."""
    try:
        return shown_url(urljoin(url, location))
    except ValueError:
        return repr(location)


def _outcome(
    status: FileState,
    diagnosis: Diagnosis,
    said: str,
    attempt: Attempt,
    *,
    hint: str = "",
    retry_after: float | None = None,
) -> UploadOutcome:
    message = _message(status, diagnosis, said, attempt)
    finding = attempt.finding(diagnosis, message, hint)
    return UploadOutcome(status=status, findings=(finding,), retry_after=retry_after)


def _message(status: FileState, diagnosis: Diagnosis, said: str, attempt: Attempt) -> str:
    name, credential = attempt.repository, attempt.credential
    if diagnosis is CREDENTIAL_MISSING:
        return f"{name} lets nobody upload without a credential, and there is none ({said})."
    if diagnosis is known.NO_UPLOAD_API:
        return f"{name} takes no uploads at {shown_url(attempt.url)}: {said}"
    if status is FileState.UNAUTHORIZED and credential is not None:
        return f"{name} refuses the user {credential.username} with the credential from {credential.origin}: {said}"
    verb = "can't take" if status is FileState.FAILED else "refuses"
    return f"{name} {verb} {attempt.subject}: {said}"
