"""Trusted publishing: a short-lived upload token of the index, in exchange for the identity of a CI job.

The exchange is PyPI's: https://docs.pypi.org/trusted-publishers/internals/. Any host that answers
`/_/oidc/audience` is spoken to in the same way.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from publish_all import diagnoses
from publish_all._actions import masks
from publish_all._http_errors import HttpError
from publish_all._secret import Secret
from publish_all.credentials.address import PYPI_HOSTS, TESTPYPI_HOSTS, host_of, hostname_of, is_confidential
from publish_all.credentials.audience import (
    ATTEMPTS,
    Answer,
    Http,
    Offer,
    ask_for_audience,
    base_of,
    ensure_own,
    object_in,
)
from publish_all.credentials.binding import Bindings
from publish_all.credentials.identity import AmbientIdentity, IdentityToken, Provider
from publish_all.credentials.publisher import near_misses
from publish_all.credentials.refusal import explain
from publish_all.credentials.source import (
    Credential,
    CredentialKind,
    CredentialRequest,
    Purpose,
    TraceEntry,
)
from publish_all.credentials.value import TOKEN_USER, refused
from publish_all.errors import CredentialError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding

LIFETIME = 900.0
"""Seconds a minted token lives, where the index tells nothing believable."""

_RENEW_BEFORE = 120.0


class Required(Protocol):
    """Whether nothing but trusted publishing will do for a request (`--auth oidc`, `trusted-publishing = "always"`)."""

    def __call__(self, request: CredentialRequest) -> bool: ...


def _never(request: CredentialRequest) -> bool:
    del request
    return False


class TrustedPublishingSource:
    """Mints upload tokens. Each JWT mints once, so each attempt gets a new one.

    Where trusted publishing is not required, a failure to get it is no error yet: the sources behind
    this one are asked, and only if none of them answers, `failure` has the error. `mask` is told each secret, so that the CI service keeps it out of its log. `clock` is
    Unix time, `sleep` waits for seconds.
    """

    name = "trusted publishing"

    def __init__(
        self,
        *,
        http: Http,
        identity: AmbientIdentity,
        bindings: Bindings | None = None,
        required: Required = _never,
        mask: Callable[[str], None],
        listener: Listener = ignore,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._identity = identity
        self._bindings = bindings or Bindings()
        self._required = required
        self._mask = mask
        self._listener = listener
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._offers: dict[str, Offer] = {}
        self._minted: dict[Secret, Credential] = {}
        self._outcomes: dict[CredentialRequest, str] = {}
        self._failures: dict[CredentialRequest, CredentialError] = {}
        self._projects: dict[str, list[str]] = {}

    def find(self, request: CredentialRequest) -> Credential | None:
        return self._attempt(request, self._exchange)

    def renew(self, request: CredentialRequest) -> Credential | None:
        return self.find(request)

    def plausible(self, request: CredentialRequest) -> Credential | None:
        """What `find` would give, without a secret: the identity is asked for and its claims are read, nothing is minted."""
        return self._attempt(request, self._promise)

    def misses(self, request: CredentialRequest) -> tuple[TraceEntry, ...]:
        outcome = self._outcomes.get(request, "not for this repository")
        return (TraceEntry(source=self.name, outcome=outcome),)

    def failure(self, request: CredentialRequest) -> CredentialError | None:
        """Why there was no answer though there is an identity; None when there simply is none."""
        return self._failures.get(request)

    def is_possible(self, request: CredentialRequest) -> bool:
        """Whether a job with an identity publishes to PyPI or TestPyPI, told without asking anybody."""
        return (
            self._serves(request)
            and hostname_of(request.url) in PYPI_HOSTS | TESTPYPI_HOSTS
            and self._identity.provider is not None
            and self._identity.missing_permission(_audience_by_name(request)) is None
        )

    def _attempt(
        self,
        request: CredentialRequest,
        act: Callable[[CredentialRequest, IdentityToken, str], Credential],
    ) -> Credential | None:
        with self._lock:
            self._failures.pop(request, None)
            try:
                return self._answer(request, act)
            except CredentialError as error:
                if self._required(request):
                    raise
                self._failures[request] = error
                self._outcomes[request] = f"failed: {error.message}"
                return None

    def _answer(
        self,
        request: CredentialRequest,
        act: Callable[[CredentialRequest, IdentityToken, str], Credential],
    ) -> Credential | None:
        if not self._serves(request):
            return None
        provider = self._identity.provider
        if provider is None:
            self._not_here(
                request,
                diagnoses.IDENTITY_UNAVAILABLE.found(
                    f"Trusted publishing to {request.repository} needs a CI job with an identity; there is none here.",
                    hint="Publish from CI, or with a token and `--auth token`.",
                ),
                outcome="no CI service with an identity",
            )
            return None
        self._remember(request)
        audience = self._audience(request)
        if audience is None:
            return None
        missing = self._identity.missing_permission(audience)
        token = None if missing is not None else self._identity.token(audience)
        if token is None:
            return self._no_token(request, missing, provider)
        self._mask(token.secret.reveal())
        return act(request, token, audience)

    def _serves(self, request: CredentialRequest) -> bool:
        config = self._bindings.config_of(request)
        return (
            request.purpose is Purpose.UPLOAD
            and (config is None or config.kind.trusted_publishing)
            and is_confidential(request.url)
        )

    def _no_token(
        self, request: CredentialRequest, missing: Finding | None, provider: Provider
    ) -> Credential | None:
        outcome = f"{provider.value} gave no identity"
        if missing is None:
            missing = diagnoses.IDENTITY_UNAVAILABLE.found(f"{outcome}.")
        if self._required(request):
            raise refused(missing)
        # Many jobs publish with a token and need no identity; it is told only if nothing else is found.
        self._failures[request] = refused(missing)
        self._outcomes[request] = missing.message
        return None

    def _not_here(self, request: CredentialRequest, finding: Finding, *, outcome: str) -> None:
        """Say that there is nothing to be had, which is an error only where nothing else will do."""
        if self._required(request):
            raise refused(finding)
        self._outcomes[request] = outcome

    def _audience(self, request: CredentialRequest) -> str | None:
        """The audience that the index asks for. Raises `CredentialError` when it is another service's."""
        base = base_of(request.url)
        offer = self._offers.get(base)
        if offer is None:
            offer = self._offers[base] = ask_for_audience(self._http, base, sleep=self._sleep)
        if offer.audience is None:
            self._not_here(
                request,
                diagnoses.NO_TRUSTED_PUBLISHING.found(
                    f"{request.repository} does not offer trusted publishing: {offer.why}.",
                    where=f"{base}/_/oidc/audience",
                    hint="Publish with a token: `--auth token`.",
                ),
                outcome=f"not offered: {offer.why}",
            )
            return None
        config = self._bindings.config_of(request)
        ensure_own(offer.audience, request, base, configured=config.audience if config is not None else None)
        return offer.audience

    def _promise(self, request: CredentialRequest, token: IdentityToken, audience: str) -> Credential:
        del audience
        for finding in near_misses(token):
            self._listener(Found(finding=finding))
        return self._credential(request, Secret(""), expires=None)

    def _exchange(self, request: CredentialRequest, token: IdentityToken, audience: str) -> Credential:
        """Mint, each time with a new JWT. Raises `CredentialError` with the explanation."""
        why: Finding | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(2.0**attempt)
                fresh = self._identity.token(audience)
                token = fresh if fresh is not None else token
                self._mask(token.secret.reveal())
            earlier = self._minted.get(token.secret)
            if earlier is not None and (earlier.expires or 0) - self._clock() > _RENEW_BEFORE:
                # A service that gives one JWT for each job; what it minted serves all the publisher's projects.
                return earlier
            try:
                answer = self._http.request(
                    "POST",
                    f"{base_of(request.url)}/_/oidc/mint-token",
                    headers={"Accept": "application/json", "Content-Type": "application/json"},
                    body=json.dumps({"token": token.secret.reveal()}).encode(),
                )
            except HttpError as error:
                why = diagnoses.MINT_REFUSED.found(error.message, where=request.url, hint=error.hint or "")
                if not error.retryable:
                    break
                continue
            if answer.status == 200:
                return self._taken(request, token, answer)
            refusal = explain(request, token, answer, projects=self._projects.get(request.repository, ()))
            why = refusal.finding
            if not refusal.again:
                break
        raise refused(why or diagnoses.MINT_REFUSED.found("The index gave no token.", where=request.url))

    def _taken(self, request: CredentialRequest, token: IdentityToken, answer: Answer) -> Credential:
        content = object_in(answer)
        minted, expires = content.get("token"), content.get("expires")
        if content.get("success") is False or not isinstance(minted, str) or not minted.strip():
            raise refused(
                diagnoses.MINT_REFUSED.found(
                    f"{request.repository} answered a token request with success, but without a token.",
                    where=f"{base_of(request.url)}/_/oidc/mint-token",
                )
            )
        if not minted.isprintable():
            raise refused(
                diagnoses.MINT_REFUSED.found(
                    f"{request.repository} gave a token that holds control characters, so it is not used.",
                    where=f"{base_of(request.url)}/_/oidc/mint-token",
                    hint="Tell those who run the index.",
                )
            )
        self._mask(minted)
        now = self._clock()
        credential = self._credential(request, Secret(minted), expires=_believable(expires, now))
        self._minted[token.secret] = credential
        return credential

    def _credential(self, request: CredentialRequest, secret: Secret, *, expires: float | None) -> Credential:
        provider = self._identity.provider
        return Credential(
            username=TOKEN_USER,
            secret=secret,
            host=host_of(request.url),
            kind=CredentialKind.TRUSTED_PUBLISHING,
            origin=f"trusted publishing ({provider.value})" if provider is not None else self.name,
            expires=expires,
        )

    def _remember(self, request: CredentialRequest) -> None:
        """Keep which projects go to a repository, to list the publishers that they need."""
        projects = self._projects.setdefault(request.repository, [])
        if request.project is not None and request.project not in projects:
            projects.append(request.project)


def _believable(expires: object, now: float) -> float:
    """The time the index states, unless our clock and its disagree too much."""
    if isinstance(expires, int | float) and now < expires <= now + 86400:
        return float(expires)
    return now + LIFETIME


def _audience_by_name(request: CredentialRequest) -> str:
    return "testpypi" if hostname_of(request.url) in TESTPYPI_HOSTS else "pypi"


def mask_in_github(secret: str) -> None:
    """The runner reads commands from either output."""
    for line in masks(secret):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command to the CI service, which reads it here
