"""Attestations that lie beside a distribution, as `pypi-attestations sign` and CI jobs leave them there."""

from __future__ import annotations

import glob
from pathlib import Path

from publish_all import diagnoses
from publish_all.attestations.attestation import Attestation, parse_attestation
from publish_all.distributions.distribution import Distribution
from publish_all.errors import CheckError

SUFFIX = ".attestation"


def attestation_files(distribution: Distribution) -> tuple[Path, ...]:
    """`NAME.publish.attestation` and the like: any `NAME.*.attestation` beside the file `NAME`."""
    pattern = f"{glob.escape(distribution.filename)}.*{SUFFIX}"
    return tuple(sorted(distribution.path.parent.glob(pattern)))


def attestations_beside(distribution: Distribution) -> tuple[Attestation, ...]:
    """Those that lie beside it, one for each predicate. Raises `CheckError` for a file that is none for it."""
    found: dict[str, Attestation] = {}
    for path in attestation_files(distribution):
        attestation = _read(path, distribution)
        if attestation.predicate in found:
            raise _wrong(path, "another one beside the same file says the same")
        found[attestation.predicate] = attestation
    return tuple(found.values())


def _read(path: Path, distribution: Distribution) -> Attestation:
    try:
        return parse_attestation(path.read_bytes(), distribution)
    except OSError as error:
        raise _wrong(path, f"it can't be read ({error.strerror})") from error
    except ValueError as error:
        raise _wrong(path, str(error)) from None


def _wrong(path: Path, why: str) -> CheckError:
    finding = diagnoses.ATTESTATION_FILE_WRONG.found(
        f"{path.name} is not a usable attestation: {why}.",
        where=str(path),
        hint="Remove it, and a new one is made where that is possible; or make it anew yourself.",
    )
    return CheckError(finding.message, hint=finding.hint, findings=(finding,))
