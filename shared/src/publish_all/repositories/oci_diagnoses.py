"""What OCI registries, GitHub's above all, have to say: PA6xx of the catalogue."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

FINE_GRAINED_TOKEN: Final = Diagnosis(
    "PA601",
    "fine-grained-token",
    Severity.ERROR,
    "GitHub Packages does not know fine-grained personal access tokens. It takes classic ones, and the "
    "GITHUB_TOKEN of a workflow.",
)
APP_TOKEN: Final = Diagnosis(
    "PA602",
    "app-token",
    Severity.ERROR,
    "GitHub Packages does not accept the token of a GitHub App, other than the GITHUB_TOKEN of a workflow.",
)
PACKAGES_PERMISSION: Final = Diagnosis(
    "PA603",
    "packages-permission-missing",
    Severity.ERROR,
    "The token is valid, and was not given the right to write (or read) packages.",
)
PACKAGE_NOT_CONNECTED: Final = Diagnosis(
    "PA604",
    "package-not-connected",
    Severity.ERROR,
    "The package exists and does not let this repository or user write to it. A package that was first made "
    "outside of GitHub Actions is not connected to any repository.",
)
CREATION_NOT_ALLOWED: Final = Diagnosis(
    "PA605",
    "package-creation-not-allowed",
    Severity.ERROR,
    "The organisation does not let this user or workflow make new packages.",
)
READ_NOT_ALLOWED: Final = Diagnosis(
    "PA606",
    "package-not-readable",
    Severity.ERROR,
    "The package is private, or not there, and the registry does not tell which to those who may not read it.",
)
OWNER_UNKNOWN: Final = Diagnosis(
    "PA607",
    "owner-unknown",
    Severity.ERROR,
    "The registry knows no owner of this name, or the credential belongs to somebody who may not act for it.",
)
NAME_NOT_ALLOWED: Final = Diagnosis(
    "PA608",
    "oci-name-not-allowed",
    Severity.ERROR,
    "Names in an OCI registry are letters in lower case, digits, and single '.', '_' and '-' between them.",
)
NOT_A_REGISTRY: Final = Diagnosis(
    "PA609",
    "not-a-registry",
    Severity.ERROR,
    "Nothing at this address speaks the OCI distribution protocol.",
)
READ_ONLY: Final = Diagnosis(
    "PA610",
    "registry-read-only",
    Severity.ERROR,
    "The registry takes no uploads, or none of this kind.",
)
REGISTRY_REFUSED: Final = Diagnosis(
    "PA611",
    "registry-refused",
    Severity.ERROR,
    "The registry refuses the request, for a reason that it states itself.",
)
CREDENTIAL_REFUSED: Final = Diagnosis(
    "PA612",
    "registry-credential-refused",
    Severity.ERROR,
    "The registry does not accept the credential: it is wrong, revoked, or expired.",
)
WRITE_NOT_ALLOWED: Final = Diagnosis(
    "PA613",
    "registry-write-not-allowed",
    Severity.ERROR,
    "The registry knows who uploads, and that user may not write there.",
)
REPOSITORY_MISSING: Final = Diagnosis(
    "PA614",
    "registry-repository-missing",
    Severity.ERROR,
    "The registry has no repository of this name and does not create one with the first upload.",
)
DIGEST_MISMATCH: Final = Diagnosis(
    "PA620",
    "registry-digest-mismatch",
    Severity.ERROR,
    "What came over the network is not what its digest says: it was changed on the way, or in the registry.",
)
NOT_OUR_LAYOUT: Final = Diagnosis(
    "PA621",
    "not-a-python-package",
    Severity.ERROR,
    "The tag of a version names something that is not a Python package: a container image, perhaps.",
)
PART_MISSING: Final = Diagnosis(
    "PA622",
    "part-missing",
    Severity.ERROR,
    "A part of a file (its manifest, its bytes or its metadata) is not in the registry any more, so that the "
    "file cannot be installed or listed. Clean-up jobs that delete untagged versions do that.",
)
INDEX_CONTENDED: Final = Diagnosis(
    "PA623",
    "index-contended",
    Severity.ERROR,
    "Others write the index of the release at the same time, and an OCI registry can't take turns.",
)
FOREIGN_TAGS: Final = Diagnosis(
    "PA624",
    "foreign-tags",
    Severity.NOTE,
    "Some tags are not versions. They are skipped here; the PyOCI proxy fails on them.",
)
LEFT_TO_FINALIZE: Final = Diagnosis(
    "PA630",
    "left-to-finalize",
    Severity.NOTE,
    "The files are in the registry, and listed only when `finalize` has written the index from the receipts.",
)
RECEIPT_UNUSABLE: Final = Diagnosis(
    "PA631",
    "receipt-unusable",
    Severity.ERROR,
    "A file is not a receipt of `publish --receipt`, or one for another repository.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))
