"""Which attestations go with an upload: the rules of `attestations = "auto" | "always" | "never"`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from publish_all.attestations.attestation import (
    PUBLISH,
    Attestation,
    Signer,
    SigningError,
    attestation_files,
    attestations_beside,
)
from publish_all.config.model import When
from publish_all.credentials.credential_source import Credential, CredentialKind
from publish_all.diagnoses import ATTESTATION_FILES_UNUSED, ATTESTATION_IMPOSSIBLE, NOT_ATTESTED
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CheckError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding


class Attester:
    """The attestations for uploads to one repository, kept so that a second attempt signs nothing again.

    `public`: anyone may read the repository. Others are signed only on request: a
    signature is written to a public log permanently, with the names of file and source repository. An
    index takes attestations only with a token of trusted publishing, since it must know whose they are.
    """

    def __init__(
        self,
        *,
        repository: str,
        when: When,
        public: bool,
        signer: Signer | None,
        listener: Listener = ignore,
    ) -> None:
        self._repository = repository
        self._when = when
        self._public = public
        self._signer = signer
        self._listener = listener
        self._lock = threading.Lock()
        self._signed: dict[str, Attestation] = {}
        self._given_up = False

    def preflight(
        self, distributions: Sequence[Distribution], credential: Credential | None
    ) -> Iterator[Finding]:
        """Problems that prevent attestations of these files, and notes. Signs nothing."""
        if self._when is When.NEVER:
            return
        if not _may_attest(credential):
            yield from self._without_trusted_publishing(distributions, credential)
            return
        to_sign = False
        for each in distributions:
            try:
                to_sign = self._is_to_sign(attestations_beside(each)) or to_sign
            except CheckError as error:
                yield from error.findings
        if to_sign:
            try:
                self._ready().check()
            except SigningError as error:
                self._given_up = self._when is not When.ALWAYS
                yield self._not_attested(error) if self._given_up else self.impossible(error)

    def attest(self, distribution: Distribution, credential: Credential | None) -> tuple[Attestation, ...]:
        """The attestations to upload with a file; those in files beside it replace ours.

        `credential` may be one whose token is not minted yet. Raises `CheckError` for a wrong file
        beside it and, if there must be an attestation, `SigningError`.
        """
        if self._when is When.NEVER:
            return ()
        if not _may_attest(credential):
            if self._when is When.ALWAYS:
                raise SigningError(f"trusted publishing is needed for it, and {_origin(credential)}")
            return ()
        beside = attestations_beside(distribution)
        ours = self._ours(distribution) if self._is_to_sign(beside) else None
        return (*beside, ours) if ours is not None else beside

    def _is_to_sign(self, beside: Sequence[Attestation]) -> bool:
        signs = self._public or self._when is When.ALWAYS
        return signs and all(each.predicate != PUBLISH for each in beside)

    def _ours(self, distribution: Distribution) -> Attestation | None:
        sha256 = distribution.digests.sha256
        with self._lock:
            if self._given_up or sha256 in self._signed:
                return self._signed.get(sha256)
        try:
            made = self._ready().sign(distribution)
        except SigningError as error:
            if self._when is When.ALWAYS:
                raise
            with self._lock:
                first, self._given_up = not self._given_up, True
            if first:
                self._listener(Found(finding=self._not_attested(error)))
            return None
        with self._lock:
            return self._signed.setdefault(sha256, made)

    def _ready(self) -> Signer:
        if self._signer is None:
            raise SigningError("there is nothing to sign with")
        return self._signer

    def _not_attested(self, error: SigningError) -> Finding:
        return NOT_ATTESTED.found(
            f"The files go to {self._repository} without attestations: {error.message}.",
            where=self._repository,
            hint=error.hint or 'To leave them out without this note, set `attestations = "never"`.',
        )

    def impossible(self, error: SigningError) -> Finding:
        """The finding for a signature that must be there and can't be had."""
        return ATTESTATION_IMPOSSIBLE.found(
            f'{self._repository} has `attestations = "always"`, and none can be made: {error.message}.',
            where=self._repository,
            hint=error.hint or "",
        )

    def _without_trusted_publishing(
        self, distributions: Sequence[Distribution], credential: Credential | None
    ) -> Iterator[Finding]:
        if self._when is When.ALWAYS:
            yield ATTESTATION_IMPOSSIBLE.found(
                f'{self._repository} has `attestations = "always"`, which needs trusted publishing; '
                f"{_origin(credential)}.",
                where=self._repository,
            )
            return
        unused = [path.name for each in distributions for path in attestation_files(each)]
        if unused:
            yield ATTESTATION_FILES_UNUSED.found(
                f"{', '.join(unused)} {'is' if len(unused) == 1 else 'are'} not uploaded: attestations need "
                f"trusted publishing, and {_origin(credential)}.",
                where=self._repository,
            )


def _may_attest(credential: Credential | None) -> bool:
    return credential is not None and credential.kind is CredentialKind.TRUSTED_PUBLISHING


def _origin(credential: Credential | None) -> str:
    return f"the credential comes from {credential.origin}" if credential else "there is no credential"
