"""The interface of what makes attestations."""

from __future__ import annotations

from typing import Protocol

from publish_all.attestations.attestation import Attestation
from publish_all.distributions.distribution import Distribution
from publish_all.errors import PublishAllError


class SigningError(PublishAllError):
    """Nothing can be signed, or a signature could not be had. `retryable`: it may pass by itself."""

    def __init__(self, message: str, *, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class Signer(Protocol):
    """Signs in the name of the job that runs. Methods may be called from several threads at once."""

    def check(self) -> None:
        """Raise `SigningError` if nothing can be signed here. Signs nothing, and leaves no trace anywhere."""

    def sign(self, distribution: Distribution) -> Attestation:
        """A new attestation that this file is published by us. Raises `SigningError`."""
