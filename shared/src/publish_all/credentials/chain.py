"""The chain of sources: the first answer, what it says of itself, and where it was looked."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Protocol, runtime_checkable

from publish_all import diagnoses
from publish_all._values import dataclass
from publish_all.credentials.address import is_confidential, without_user
from publish_all.credentials.binding import variable_part
from publish_all.credentials.source import Credential, CredentialRequest, CredentialSource, TraceEntry
from publish_all.credentials.token import inspect
from publish_all.credentials.value import TOKEN_USER, refused
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding, Severity

RENEW_BEFORE = 120.0
"""Seconds before its expiry from which a credential is not handed out any more: an upload takes time."""

_JUST_RENEWED = 10.0


@runtime_checkable
class Explaining(Protocol):
    """A source that can tell where it looked in vain."""

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]: ...


@runtime_checkable
class Renewable(Protocol):
    """A source that can make or ask for another credential in place of a refused one."""

    def renew(self, request: CredentialRequest) -> Credential | None: ...


@runtime_checkable
class Regretting(Protocol):
    """A source that lets others go first after it failed, and has the error should nobody answer."""

    def failure(self, request: CredentialRequest) -> CredentialError | None: ...


@runtime_checkable
class Minting(Protocol):
    """A source whose answers have effects elsewhere, and which can say without them what it would answer."""

    def plausible(self, request: CredentialRequest) -> Credential | None: ...


Applies = Callable[[CredentialSource, CredentialRequest], bool]
"""Whether a source is asked for a request at all."""

Username = Callable[[CredentialRequest], str | None]
"""The user name that was stated somewhere without a secret."""

Remark = Callable[[CredentialRequest, Credential], Finding | None]
"""What there is to say about a credential that was found, besides what it says itself."""


@dataclass(frozen=True, slots=True)
class _Key:
    repository: str
    url: str
    purpose: str
    project: str | None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.repository, self.url, self.purpose


def _key(request: CredentialRequest) -> _Key:
    return _Key(request.repository, request.url, request.purpose.value, request.project)


@dataclasses.dataclass(slots=True)
class _Entry:
    """What is known for one key; guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    credential: Credential | None = None
    source: CredentialSource | None = None
    looked: bool = False
    promised: Credential | None = None
    renewed: float | None = None
    trace: tuple[TraceEntry, ...] = ()


class CredentialChain:
    """Implements `Credentials` over sources in their order; answers are kept per repository and project.

    One lookup at a time for each key. `clock` is Unix time in seconds.
    """

    def __init__(
        self,
        sources: Sequence[CredentialSource],
        *,
        applies: Applies | None = None,
        username: Username | None = None,
        remark: Remark | None = None,
        listener: Listener = ignore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = tuple(sources)
        self._applies = applies
        self._username = username
        self._remark = remark
        self._listener = listener
        self._clock = clock
        self._entries: dict[_Key, _Entry] = {}
        self._lock = threading.Lock()

    def get(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            if entry.credential is not None and self._is_fresh(entry.credential):
                return entry.credential
            if entry.credential is not None:
                return self._replaced(entry, request)
            if not entry.looked:
                self._look(entry, self._with_username(request), _ask)
                entry.looked = True
            return entry.credential

    def renew(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            if entry.credential is None:
                return None
            if entry.renewed is not None and self._clock() - entry.renewed < _JUST_RENEWED:
                # Parallel uploads notice an expired token together; one new one is enough for all.
                return entry.credential
            return self._replaced(entry, request)

    def plausible(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            known = entry.credential or entry.promised
            if known is not None or entry.looked:
                return known
            self._look(entry, self._with_username(request), _ask_without_minting)
            found, source = entry.credential, entry.source
            if found is not None and isinstance(source, Minting):
                entry.promised, entry.credential, entry.source = found, None, None
            else:
                entry.looked = True
            return found

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        """Where it was looked for this request; without a project, for any that was asked for at its URL."""
        own = self._entry(request).trace
        if own or request.project is not None:
            return own
        with self._lock:
            same = [entry for key, entry in self._entries.items() if key.place == _key(request).place]
        return next((entry.trace for entry in same if entry.trace), ())

    def _entry(self, request: CredentialRequest) -> _Entry:
        with self._lock:
            return self._entries.setdefault(_key(request), _Entry())

    def _with_username(self, request: CredentialRequest) -> CredentialRequest:
        stated = self._username(request) if self._username is not None else None
        return replace(request, username=stated or request.username)

    def _is_fresh(self, credential: Credential) -> bool:
        return credential.expires is None or credential.expires - self._clock() > RENEW_BEFORE

    def _look(
        self,
        entry: _Entry,
        request: CredentialRequest,
        ask: Callable[[CredentialSource, CredentialRequest], Credential | None],
    ) -> None:
        """Ask the sources in order, until one answers. Sets the entry's credential, source and trace."""
        trace: list[TraceEntry] = []
        entry.credential = entry.source = None
        try:
            for source in self._sources:
                if self._applies is not None and not self._applies(source, request):
                    continue
                found = self._answer(source, request, ask, trace)
                if found is not None:
                    entry.credential, entry.source = found, source
                    self._tell_failures(request)
                    return
            self._raise_failure(request)
        finally:
            entry.trace = tuple(trace)

    def _failures(self, request: CredentialRequest) -> tuple[CredentialError, ...]:
        regretting = (source for source in self._sources if isinstance(source, Regretting))
        return tuple(error for source in regretting if (error := source.failure(request)) is not None)

    def _tell_failures(self, request: CredentialRequest) -> None:
        """Another source answered: what failed before it is a warning, if it was an error at all."""
        for error in self._failures(request):
            for finding in error.findings:
                if finding.severity is Severity.ERROR:
                    self._listener(Found(finding=replace(finding, severity=Severity.WARNING)))

    def _raise_failure(self, request: CredentialRequest) -> None:
        for error in self._failures(request):
            findings = [replace(finding, severity=Severity.ERROR) for finding in error.findings]
            raise CredentialError(error.message, hint=error.hint, findings=findings) from error

    def _answer(
        self,
        source: CredentialSource,
        request: CredentialRequest,
        ask: Callable[[CredentialSource, CredentialRequest], Credential | None],
        trace: list[TraceEntry],
    ) -> Credential | None:
        try:
            found = ask(source, request)
            if found is not None:
                self._examine(found, request)
        except CredentialError as error:
            trace.append(TraceEntry(source=source.name, outcome=f"refused: {error.message}"))
            raise
        if found is None:
            told = source.misses(request) if isinstance(source, Explaining) else ()
            trace.extend(told or (TraceEntry(source=source.name, outcome="nothing there"),))
            return None
        trace.append(TraceEntry(source=found.origin, outcome=f"found ({found.kind.value})", found=True))
        return found

    def _examine(self, credential: Credential, request: CredentialRequest) -> None:
        """Raise when the credential must not be sent; say what else there is to say about it."""
        findings = [*inspect(credential, request, now=self._clock)]
        if not is_confidential(request.url):
            findings.insert(0, _not_confidential(credential, request))
        remark = self._remark(request, credential) if self._remark is not None else None
        errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
        if errors:
            message = " ".join(finding.message for finding in errors)
            raise CredentialError(message, hint=errors[0].hint or None, findings=errors)
        for finding in (*findings, *([remark] if remark is not None else [])):
            self._listener(Found(finding=finding))

    def _replaced(self, entry: _Entry, request: CredentialRequest) -> Credential | None:
        """Another credential from the source that gave the last one; None when it has only the same."""
        before, source = entry.credential, entry.source
        if source is None or before is None:
            return None
        asked = self._with_username(request)
        found = source.renew(asked) if isinstance(source, Renewable) else source.find(asked)
        if found is None or found.secret == before.secret:
            return None
        self._examine(found, asked)
        entry.credential, entry.renewed = found, self._clock()
        return found


def explain_missing(request: CredentialRequest, trace: Sequence[TraceEntry]) -> CredentialError:
    """The error for a repository that wants a credential when `get` found none: where it was looked, what to do."""
    url = without_user(request.url)
    whom = f"{request.repository} ({url})"
    looked = "".join(f"\n  {entry.source}: {entry.outcome}" for entry in trace)
    variable = f"PUBLISH_ALL_{variable_part(request.repository)}_TOKEN"
    finding = diagnoses.CREDENTIAL_MISSING.found(
        f"There is no credential for {whom}. Looked in:{looked}"
        if looked
        else f"There is no credential for {whom}.",
        where=url,
        hint=(
            f"Set the environment variable {variable}, or keep a token in the keyring with "
            f"`publish-all login {request.repository}` (the same as `keyring set {url} {request.username or TOKEN_USER}`)."
        ),
    )
    return refused(finding)


def _ask(source: CredentialSource, request: CredentialRequest) -> Credential | None:
    return source.find(request)


def _ask_without_minting(source: CredentialSource, request: CredentialRequest) -> Credential | None:
    return source.plausible(request) if isinstance(source, Minting) else source.find(request)


def _not_confidential(credential: Credential, request: CredentialRequest) -> Finding:
    return diagnoses.URL_NOT_CONFIDENTIAL.found(
        f"The credential from {credential.origin} is not sent to {without_user(request.url)}, which is not https.",
        where=without_user(request.url),
        hint="State the repository's https URL.",
    )
