"""Attestations of PEP 740: signed statements on one distribution, as the index takes them."""

from __future__ import annotations

import base64
import binascii
import glob
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from publish_all._json import loads
from publish_all.diagnoses import ATTESTATION_FILE_WRONG
from publish_all.distributions.distribution import ATTESTATION_SUFFIX, Distribution
from publish_all.errors import CheckError, PublishAllError

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
            finding = ATTESTATION_FILE_WRONG.found(
                f"{path.name} is not a usable attestation: {why}.", where=str(path)
            )
            raise CheckError(finding.message, hint=finding.hint, findings=(finding,)) from error
        found[attestation.predicate] = attestation
    return tuple(found.values())
