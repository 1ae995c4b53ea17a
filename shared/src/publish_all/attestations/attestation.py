"""Attestations of PEP 740: signed statements on one distribution, and which of them go with an upload.

The rules are those of `attestations = "auto" | "always" | "never"`.
"""

from __future__ import annotations

import base64
import binascii
import glob
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from publish_all._json import loads
from publish_all.config.model import When
from publish_all.credentials.credential_source import Credential, CredentialKind
from publish_all.diagnoses import Diagnosis
from publish_all.distributions.distribution import ATTESTATION_SUFFIX, Distribution
from publish_all.errors import CheckError, PublishAllError
from publish_all.events import Found, Listener, ignore
from publish_all.findings import Finding

PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
"""The predicate that we sign: this file was published by this identity (https://docs.pypi.org/attestations/publish/v1/)."""

PREDICATES = frozenset({PUBLISH, "https://slsa.dev/provenance/v1"})
"""The predicates that PyPI knows; of each it takes one attestation for a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """`content` is the JSON object of PEP 740; `predicate` says what its statement is about."""

    predicate: str
    content: Mapping[str, Any]


class SigningError(PublishAllError):
    """Nothing can be signed, or signing failed. A `retryable` failure may be temporary."""

    def __init__(self, message: str, *, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class Signer(Protocol):
    """Signs in the name of the job that runs. Methods may be called from several threads at once."""

    def check(self) -> None:
        """Raise `SigningError` if nothing can be signed here. Signs nothing, and leaves no trace anywhere."""

    def sign(self, distribution: Distribution) -> Attestation:
        """A new attestation that this file is published by us. Raises `SigningError`."""


def parse_attestation(text: bytes | str, distribution: Distribution) -> Attestation:
    """The attestation that a JSON text holds, if it is about these bytes under this name.

    Raises `ValueError` with the problem, as in "it is about another file". The index verifies
    the signature.
    """
    try:
        content = loads(text)
        statement = loads(base64.b64decode(content["envelope"]["statement"]))
        subject, *others = statement["subject"]
        name, sha256 = subject["name"], subject["digest"]["sha256"]
        predicate = statement["predicateType"]
    except (ValueError, TypeError, LookupError, binascii.Error):
        raise ValueError("it is not an attestation as PEP 740 defines them") from None
    if others or name != distribution.filename:
        raise ValueError(f"it is about another file, {name!r:.200}")
    if sha256 != distribution.digests.sha256:
        raise ValueError(
            "it is about other bytes under the same name: the file was built again after it was signed"
        )
    if predicate not in PREDICATES:
        raise ValueError(f"its predicate, {predicate!r:.200}, is not one that an index knows")
    return Attestation(predicate=predicate, content=content)


def attestation_files(distribution: Distribution) -> tuple[Path, ...]:
    """`NAME.publish.attestation` and similar: any `NAME.*.attestation` beside the file `NAME`.

    `pypi-attestations sign` and CI jobs leave them there.
    """
    pattern = f"{glob.escape(distribution.filename)}.*{ATTESTATION_SUFFIX}"
    return tuple(sorted(distribution.path.parent.glob(pattern)))


def attestations_beside(distribution: Distribution) -> tuple[Attestation, ...]:
    """Those beside a distribution, one for each predicate. Raises `CheckError` for a file that is not one for it."""
    found: dict[str, Attestation] = {}
    for path in attestation_files(distribution):
        try:
            attestation = parse_attestation(path.read_bytes(), distribution)
            if attestation.predicate in found:
                raise ValueError("another one beside the same file says the same")
        except (OSError, ValueError) as error:
            why = f"it can't be read ({error.strerror})" if isinstance(error, OSError) else error
            finding = Diagnosis("PA332").found(
                f"{path.name} is not a usable attestation: {why}.", where=str(path)
            )
            raise CheckError(finding.message, hint=finding.hint, findings=(finding,)) from error
        found[attestation.predicate] = attestation
    return tuple(found.values())


@dataclass(eq=False, repr=False, kw_only=True)
class Attester:
    """The attestations for uploads to one repository, kept so that a second attempt signs nothing again.

    `public`: anyone may read the repository. Others are signed only on request: a
    signature is written to a public log permanently, with the names of file and source repository. An
    index takes attestations only with a token of trusted publishing, since it must know whose they are.
    """

    repository: str
    when: When
    public: bool
    signer: Signer | None
    listener: Listener = ignore
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _signed: dict[str, Attestation] = field(default_factory=dict, init=False)
    _given_up: bool = field(default=False, init=False)

    def preflight(
        self, distributions: Sequence[Distribution], credential: Credential | None
    ) -> Iterator[Finding]:
        """Problems that prevent attestations of these files, and notes. Signs nothing."""
        if self.when is When.NEVER:
            return
        if not _may_attest(credential):
            unused = [path.name for each in distributions for path in attestation_files(each)]
            if self.when is When.ALWAYS:
                yield self.impossible(_needs_trusted_publishing(credential))
            elif unused:
                why = _needs_trusted_publishing(credential).message
                message = f"Not uploaded: {', '.join(unused)}: {why}."
                yield Diagnosis("PA333").found(message, where=self.repository)
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
                self._given_up = self.when is not When.ALWAYS
                yield self._not_attested(error) if self._given_up else self.impossible(error)

    def attest(self, distribution: Distribution, credential: Credential | None) -> tuple[Attestation, ...]:
        """The attestations to upload with a file; those in files beside it replace ours.

        `credential` may be one whose token is not minted yet. Raises `CheckError` for a wrong file
        beside it and, if there must be an attestation, `SigningError`.
        """
        if self.when is When.NEVER:
            return ()
        if not _may_attest(credential):
            if self.when is When.ALWAYS:
                raise _needs_trusted_publishing(credential)
            return ()
        beside = attestations_beside(distribution)
        ours = self._ours(distribution) if self._is_to_sign(beside) else None
        return (*beside, ours) if ours is not None else beside

    def _is_to_sign(self, beside: Sequence[Attestation]) -> bool:
        signs = self.public or self.when is When.ALWAYS
        return signs and all(each.predicate != PUBLISH for each in beside)

    def _ours(self, distribution: Distribution) -> Attestation | None:
        sha256 = distribution.digests.sha256
        with self._lock:
            if self._given_up or sha256 in self._signed:
                return self._signed.get(sha256)
        try:
            made = self._ready().sign(distribution)
        except SigningError as error:
            if self.when is When.ALWAYS:
                raise
            with self._lock:
                first, self._given_up = not self._given_up, True
            if first:
                self.listener(Found(finding=self._not_attested(error)))
            return None
        with self._lock:
            return self._signed.setdefault(sha256, made)

    def _ready(self) -> Signer:
        if self.signer is None:
            raise SigningError("there is nothing to sign with")
        return self.signer

    def _not_attested(self, error: SigningError) -> Finding:
        return Diagnosis("PA330").found(
            f"The files go to {self.repository} without attestations: {error.message}.",
            where=self.repository,
            hint=error.hint or 'To leave them out without this note, set `attestations = "never"`.',
        )

    def impossible(self, error: SigningError) -> Finding:
        """The finding for a signature that must be there and can't be had."""
        return Diagnosis("PA331").found(
            f'{self.repository} has `attestations = "always"`, and none can be made: {error.message}.',
            where=self.repository,
            hint=error.hint or "",
        )


def _may_attest(credential: Credential | None) -> bool:
    return credential is not None and credential.kind is CredentialKind.TRUSTED_PUBLISHING


def _needs_trusted_publishing(credential: Credential | None) -> SigningError:
    origin = f"the credential comes from {credential.origin}" if credential else "there is no credential"
    return SigningError(f"attestations need trusted publishing, and {origin}")
