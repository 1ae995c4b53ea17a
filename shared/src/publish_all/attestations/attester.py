"""Which attestations go with an upload: the rules of `attestations = "auto" | "always" | "never"`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from publish_all import diagnoses
from publish_all.attestations.attestation import PUBLISH, Attestation
from publish_all.attestations.beside import attestation_files, attestations_beside
from publish_all.attestations.signer import Signer, SigningError
from publish_all.config.model import When
from publish_all.credentials.source import Credential, CredentialKind
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CheckError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding


class Attester:
    """The attestations for uploads to one repository, kept so that a second attempt signs nothing anew.

    `public` tells that anyone may read the repository. Unless asked to, we sign for no other: a
    signature is written to a public log for good, with the names of file and source repository. An
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
    ) -> tuple[Finding, ...]:
        """What stands against attesting these files, or is to be known. Signs nothing."""
        if self._when is When.NEVER:
            return ()
        if not _may_attest(credential):
            return tuple(self._without_trusted_publishing(distributions, credential))
        wrong: list[Finding] = []
        left = False
        for each in distributions:
            try:
                left = self._is_to_sign(attestations_beside(each)) or left
            except CheckError as error:
                wrong += error.findings
        return (*wrong, *(self._signers_findings() if left else ()))

    def attest(self, distribution: Distribution, credential: Credential | None) -> tuple[Attestation, ...]:
        """The attestations to upload with a file; those that lie beside it take the place of ours.

        `credential` may be one whose token is not minted yet. Raises `CheckError` for a wrong file
        beside it and, if there must be an attestation, `SigningError`.
        """
        if self._when is When.NEVER:
            return ()
        if not _may_attest(credential):
            if self._when is When.ALWAYS:
                msg = f"trusted publishing is needed for it, and {_what(credential)}"
                raise SigningError(msg)
            return ()
        beside = attestations_beside(distribution)
        if not self._is_to_sign(beside):
            return beside
        ours = self._ours(distribution)
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
            self._give_up(error)
            return None
        with self._lock:
            return self._signed.setdefault(sha256, made)

    def _ready(self) -> Signer:
        if self._signer is None:
            msg = "there is nothing to sign with"
            raise SigningError(msg)
        return self._signer

    def _signers_findings(self) -> tuple[Finding, ...]:
        try:
            self._ready().check()
        except SigningError as error:
            if self._when is When.ALWAYS:
                return (self.impossible(error),)
            with self._lock:
                self._given_up = True
            return (self._not_attested(error),)
        return ()

    def _give_up(self, error: SigningError) -> None:
        with self._lock:
            first, self._given_up = not self._given_up, True
        if first:
            self._listener(Found(finding=self._not_attested(error)))

    def _not_attested(self, error: SigningError) -> Finding:
        return diagnoses.NOT_ATTESTED.found(
            f"The files go to {self._repository} without attestations: {error.message}.",
            where=self._repository,
            hint=error.hint or 'To leave them out without this note, set `attestations = "never"`.',
        )

    def impossible(self, error: SigningError) -> Finding:
        """The finding for a signature that must be there and can't be had."""
        return diagnoses.ATTESTATION_IMPOSSIBLE.found(
            f'{self._repository} has `attestations = "always"`, and none can be made: {error.message}.',
            where=self._repository,
            hint=error.hint or 'With `attestations = "auto"` files are published without them then.',
        )

    def _without_trusted_publishing(
        self, distributions: Sequence[Distribution], credential: Credential | None
    ) -> Iterator[Finding]:
        if self._when is When.ALWAYS:
            yield diagnoses.ATTESTATION_IMPOSSIBLE.found(
                f'{self._repository} has `attestations = "always"`, which needs trusted publishing; {_what(credential)}.',
                where=self._repository,
                hint='Publish from a CI job with `--auth oidc`, or set `attestations` to "auto".',
            )
            return
        unused = [path.name for each in distributions for path in attestation_files(each)]
        if unused:
            yield diagnoses.ATTESTATION_FILES_UNUSED.found(
                f"{', '.join(unused)} {'is' if len(unused) == 1 else 'are'} not uploaded: attestations need "
                f"trusted publishing, and {_what(credential)}.",
                where=self._repository,
                hint="Publish from a CI job with `--auth oidc`.",
            )


def _may_attest(credential: Credential | None) -> bool:
    return credential is not None and credential.kind is CredentialKind.TRUSTED_PUBLISHING


def _what(credential: Credential | None) -> str:
    return f"the credential comes from {credential.origin}" if credential else "there is no credential"
