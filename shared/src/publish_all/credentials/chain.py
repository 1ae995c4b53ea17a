"""The chain of sources: the first credential found, the checks of it, and the places that were searched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from publish_all import diagnoses
from publish_all.config.addresses import hostname_of, is_confidential, without_user
from publish_all.config.model import When
from publish_all.config.rules import variable_part
from publish_all.credentials.credential_source import (
    Credential,
    CredentialRequest,
    CredentialSource,
    TraceEntry,
)
from publish_all.credentials.value import TOKEN_USER, cleaned, inspect, refused
from publish_all.diagnoses import Diagnosis, findings_of
from publish_all.errors import CredentialError, RepositoryError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Severity

RENEW_BEFORE = 120.0
"""Seconds before its expiry from which a credential is not handed out any more: an upload takes time."""

_JUST_RENEWED = 10.0


@dataclass(slots=True)
class _Entry:
    """The state of one request; guarded by its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    credential: Credential | None = None
    source: CredentialSource | None = None
    looked: bool = False
    promised: Credential | None = None
    renewed: float | None = None
    trace: tuple[TraceEntry, ...] = ()


@dataclass(eq=False, repr=False)
class CredentialChain:
    """Implements `Credentials` over sources in their order; answers are kept per repository and project.

    One lookup at a time for each. `when` says whether a source that mints may, must or must not be the one to answer.
    `clock` is Unix time in seconds.
    """

    sources: Sequence[CredentialSource]
    when: Callable[[CredentialRequest], When] = lambda _: When.AUTO
    listener: Listener = ignore
    clock: Callable[[], float] = time.time
    _entries: dict[tuple[str, ...], _Entry] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def get(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            if entry.credential is None and not entry.looked:
                self._look(entry, request, mint=True)
                entry.looked = True
            elif entry.credential is not None and not self._is_fresh(entry.credential):
                return self._replaced(entry, request)
            return entry.credential

    def renew(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            if entry.renewed is not None and self.clock() - entry.renewed < _JUST_RENEWED:
                # Parallel uploads notice an expired token together; one new one is enough for all.
                return entry.credential
            return self._replaced(entry, request)

    def plausible(self, request: CredentialRequest) -> Credential | None:
        entry = self._entry(request)
        with entry.lock:
            known = entry.credential or entry.promised
            if known is not None or entry.looked:
                return known
            self._look(entry, request, mint=False)
            if entry.source is None or not entry.source.mints:
                entry.looked = True
                return entry.credential
            entry.promised, entry.credential, entry.source = entry.credential, None, None
            return entry.promised

    def trace(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        """The places that were searched for this request; without a project, for any project at its URL."""
        own = self._entry(request).trace
        if own or request.project is not None:
            return own
        with self._lock:
            same = [entry for key, entry in self._entries.items() if key[:3] == _key(request)[:3]]
        return next((entry.trace for entry in same if entry.trace), ())

    def _entry(self, request: CredentialRequest) -> _Entry:
        with self._lock:
            return self._entries.setdefault(_key(request), _Entry())

    def _with_username(self, request: CredentialRequest) -> CredentialRequest:
        stated = (source.username(request) for source in self.sources)
        return replace(request, username=next(filter(None, stated), request.username))

    def _is_fresh(self, credential: Credential) -> bool:
        return credential.expires is None or credential.expires - self.clock() > RENEW_BEFORE

    def _look(self, entry: _Entry, request: CredentialRequest, *, mint: bool) -> None:
        """Ask the sources in order, until one answers. Sets the entry's credential, source and trace."""
        request, when = self._with_username(request), self.when(request)
        trace: list[TraceEntry] = []
        failures: list[CredentialError | RepositoryError] = []
        entry.credential = entry.source = None
        try:
            for source in self.sources:
                if when is not When.AUTO and source.mints is (when is When.NEVER):
                    continue
                try:
                    found = self._answer(source, request, trace, mint=mint)
                except (CredentialError, RepositoryError) as error:
                    if when is When.ALWAYS or not source.mints:
                        trace.append(TraceEntry(source=source.name, outcome=f"refused: {error.message}"))
                        raise
                    trace.append(TraceEntry(source=source.name, outcome=f"failed: {error.message}"))
                    failures.append(error)
                    continue
                if found is not None:
                    entry.credential, entry.source = found, source
                    break
        finally:
            entry.trace = tuple(trace)
        findings = [each for error in failures for each in findings_of(error, diagnoses.MINT_REFUSED)]
        if failures and entry.credential is None:
            if isinstance(failures[0], RepositoryError):
                raise failures[0]  # the index is down, so nothing is wrong with the credential
            first, errors = failures[0], [replace(finding, severity=Severity.ERROR) for finding in findings]
            raise CredentialError(first.message, hint=first.hint, findings=errors) from first
        for finding in findings:
            if finding.severity is Severity.ERROR:
                self.listener(Found(finding=replace(finding, severity=Severity.WARNING)))

    def _answer(
        self, source: CredentialSource, request: CredentialRequest, trace: list[TraceEntry], *, mint: bool
    ) -> Credential | None:
        before = len(trace)

        def tell(place: str, outcome: str) -> None:
            trace.append(TraceEntry(source=place, outcome=outcome))

        found = source.find(request, tell) if mint else source.promise(request, tell)
        if found is None:
            if len(trace) == before:
                tell(source.name, "nothing found")
            return None
        found = self._examined(found, request)
        trace[before:] = [TraceEntry(source=found.origin, outcome=f"found ({found.kind.value})", found=True)]
        return found

    def _examined(self, credential: Credential, request: CredentialRequest) -> Credential:
        """The credential to send, after its findings were reported. Raises if it must not be sent."""
        credential = cleaned(credential, self.listener)
        findings = [*inspect(credential, request, now=self.clock)]
        if not is_confidential(request.url):
            url = without_user(request.url)
            message = f"The credential from {credential.origin} is not sent to {url}, which is not https."
            findings.insert(0, Diagnosis("PA308").found(message, where=url))
        errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
        if errors:
            message = " ".join(finding.message for finding in errors)
            raise CredentialError(message, hint=errors[0].hint or None, findings=errors)
        if self.when(request) is When.AUTO:
            unused = (source.unused(request, credential) for source in self.sources)
            findings += [finding for finding in unused if finding is not None]
        for finding in findings:
            self.listener(Found(finding=finding))
        return credential

    def _replaced(self, entry: _Entry, request: CredentialRequest) -> Credential | None:
        """Another credential from the source of the last one; None if it only has the same."""
        if entry.source is None or entry.credential is None:
            return None
        request = self._with_username(request)
        try:
            found = entry.source.renew(request)
        except CredentialError:
            if entry.source.mints and self.when(request) is When.AUTO:
                return None
            raise
        if found is None or cleaned(found).secret == entry.credential.secret:
            return None
        entry.credential, entry.renewed = self._examined(found, request), self.clock()
        return entry.credential


GIVE_GITHUB_CREDENTIAL = (
    "If you use GitHub's command line, run `gh auth refresh -s write:packages`, and its token is used. Or set "
    "GITHUB_TOKEN to a classic personal access token with write:packages. In GitHub Actions: `permissions: packages: "
    "write`, and `GITHUB_TOKEN: ${{ github.token }}` in the step's `env`."
)


def explain_missing(request: CredentialRequest, trace: Sequence[TraceEntry]) -> CredentialError:
    """The error for a repository that requires a credential if `get` found none: the searched places, and a hint."""
    url, repository = without_user(request.url), request.repository
    looked = "".join(f"\n  {entry.source}: {entry.outcome}" for entry in trace)
    user = request.username or request.config.username or TOKEN_USER
    variable = f"PUBLISH_ALL_{variable_part(repository)}_TOKEN"
    hint = (
        f"Set the environment variable {variable}, or store a token in the keyring with `publish-all login "
        f"{repository}` (the same as `keyring set {url} {user}`)."
    )
    if hostname_of(url) == "ghcr.io":
        hint = GIVE_GITHUB_CREDENTIAL
    message = f"No credential found for {repository} ({url}).{' Searched:' if looked else ''}{looked}"
    return refused(diagnoses.CREDENTIAL_MISSING.found(message, where=url, hint=hint))


def _key(request: CredentialRequest) -> tuple[str, ...]:
    return request.repository, request.url, request.purpose.value, request.project or ""
