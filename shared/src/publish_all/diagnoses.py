"""The codes of findings. The texts are in one data file for each hundred: catalogue/pa1xx.toml.

By hundreds: 1 configuration, 2 distributions and versions, 3 credentials, 4 answers of repositories, 5 network,
6 OCI registries and GitHub, 7 builds. Codes are never reused.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import NamedTuple

from publish_all._toml import loads
from publish_all.errors import PublishAllError
from publish_all.findings import Finding, Severity
from publish_all.results import Explanation

PAGE = "docs/reference/errors.md"


class Diagnosis(NamedTuple):
    """A code. Its entry is read when it is used in a finding, or explained."""

    code: str

    @property
    def entry(self) -> Explanation:
        return _entries(self.code[2])[self.code]

    def found(
        self, message: str, *, where: str = "", hint: str = "", severity: Severity | None = None
    ) -> Finding:
        """A finding with the next step and the severity of the entry, unless others are given."""
        entry = self.entry
        return Finding(
            code=self.code,
            slug=entry.slug,
            severity=severity or entry.severity,
            message=message,
            where=where,
            hint=hint or entry.next_step,
        )


@cache
def _entries(digit: str) -> dict[str, Explanation]:
    """The entries of a hundred by code. Entries without `seen_by` are found by publish and doctor."""
    data = loads((pkgutil.get_data(__name__, f"catalogue/pa{digit}xx.toml") or b"").decode())
    return {
        code: Explanation(
            code=code,
            severity=Severity(entry.pop("severity")),
            page=f"{PAGE}#{code.lower()}",
            **{"seen_by": "publish and doctor", **entry},
        )
        for code, entry in data.items()
    }


def findings_of(error: PublishAllError, otherwise: Diagnosis | None = None) -> tuple[Finding, ...]:
    """The findings of an error; where it has none, the error itself as one. Errors of no kind have the code `otherwise`."""
    diagnosis = Diagnosis(error.code) if error.code else otherwise
    if error.findings or diagnosis is None:
        return error.findings
    return (diagnosis.found(error.message, where=error.url, hint=error.hint or ""),)


def catalogue() -> tuple[Explanation, ...]:
    """All entries, by code."""
    return tuple(entry for digit in "1234567" for entry in _entries(digit).values())


# Codes that are used in several places. Other codes are written where they are found.
RECORD_MISMATCH = Diagnosis("PA202")
UNKNOWN_CLASSIFIER = Diagnosis("PA205")
PRIVATE_PROJECT = Diagnosis("PA208")
UNSAFE_PATH = Diagnosis("PA212")
UNSAFE_LINK = Diagnosis("PA219")
WHEEL_FILE_DISAGREES = Diagnosis("PA222")
CREDENTIAL_SHIPPED = Diagnosis("PA225")
LOOKS_LIKE_SECRET = Diagnosis("PA226")
TAG_NOT_PUSHED = Diagnosis("PA234")
SHALLOW_CLONE = Diagnosis("PA237")
NOT_IMPORTABLE = Diagnosis("PA240")
NOT_REBUILT = Diagnosis("PA243")
METADATA_NOT_TAKEN = Diagnosis("PA266")
TAG_ELSEWHERE = Diagnosis("PA269")

TOKEN_OF_OTHER_SERVICE = Diagnosis("PA304")
CREDENTIAL_MISSING = Diagnosis("PA307")
CREDENTIAL_MALFORMED = Diagnosis("PA309")
FILE_UNREADABLE = Diagnosis("PA311")
FILE_READABLE_BY_OTHERS = Diagnosis("PA312")
NO_PERMISSION_FOR_IDENTITY = Diagnosis("PA320")
IDENTITY_UNAVAILABLE = Diagnosis("PA321")
MINT_REFUSED = Diagnosis("PA326")
IDENTITY_SUSPICIOUS = Diagnosis("PA327")
TRUSTED_PUBLISHING_UNUSED = Diagnosis("PA328")

CREDENTIAL_REFUSED = Diagnosis("PA401")
NOT_ALLOWED = Diagnosis("PA403")
TOKEN_SCOPE = Diagnosis("PA404")
PASSWORD_UNSUPPORTED = Diagnosis("PA405")
CREDENTIAL_OF_OTHER_HOST = Diagnosis("PA408")
OTHER_BYTES = Diagnosis("PA410")
MAYBE_OTHER_BYTES = Diagnosis("PA411")
NAME_USED_BEFORE = Diagnosis("PA412")
RELEASE_CLOSED = Diagnosis("PA414")
NAME_NOT_ALLOWED = Diagnosis("PA420")
NAME_TOO_SIMILAR = Diagnosis("PA421")
TOO_MANY_PROJECTS = Diagnosis("PA423")
TOO_LARGE = Diagnosis("PA430")
DIGEST_MISMATCH = Diagnosis("PA431")
FILENAME_WRONG = Diagnosis("PA437")
ARCHIVE_REFUSED = Diagnosis("PA439")
REDIRECTED = Diagnosis("PA440")
INDEX_URL = Diagnosis("PA441")
NO_UPLOAD_API = Diagnosis("PA442")
GITHUB_HAS_NO_PYTHON = Diagnosis("PA443")
READ_ONLY_REPOSITORY = Diagnosis("PA444")
PAGE_INSTEAD = Diagnosis("PA447")
REFUSED = Diagnosis("PA449")
RELEASE_NOT_THERE = Diagnosis("PA453")
FETCHED_FILE_UNPROVEN = Diagnosis("PA454")
FOLDER_UNUSABLE = Diagnosis("PA460")
FILE_CHANGED = Diagnosis("PA462")
STILL_PROPAGATING = Diagnosis("PA483")
UPLOAD_FAILED = Diagnosis("PA487")

ANSWER_LOST = Diagnosis("PA506")
SERVER_FAILED = Diagnosis("PA510")
SERVER_BUSY = Diagnosis("PA511")

PACKAGES_PERMISSION = Diagnosis("PA603")
READ_NOT_ALLOWED = Diagnosis("PA606")
OWNER_UNKNOWN = Diagnosis("PA607")
NOT_A_REGISTRY = Diagnosis("PA609")
READ_ONLY = Diagnosis("PA610")
REGISTRY_REFUSED = Diagnosis("PA611")
REGISTRY_CREDENTIAL_REFUSED = Diagnosis("PA612")
REGISTRY_DIGEST_MISMATCH = Diagnosis("PA620")
PART_MISSING = Diagnosis("PA622")
INDEX_CONTENDED = Diagnosis("PA623")
RECEIPT_UNUSABLE = Diagnosis("PA631")
