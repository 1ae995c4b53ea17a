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


CONFIGURATION_INVALID = Diagnosis("PA101")
NOTHING_TO_PUBLISH = Diagnosis("PA102")
WORKFLOW_UNREADABLE = Diagnosis("PA150")
NO_ENVIRONMENT = Diagnosis("PA151")
HATCH_PUBLISHER_UNSET = Diagnosis("PA160")
POETRY_PLUGIN_UNDECLARED = Diagnosis("PA161")

UNREADABLE_ARCHIVE = Diagnosis("PA201")
RECORD_MISMATCH = Diagnosis("PA202")
INVALID_METADATA = Diagnosis("PA203")
README_DOES_NOT_RENDER = Diagnosis("PA204")
UNKNOWN_CLASSIFIER = Diagnosis("PA205")
FILE_TOO_LARGE = Diagnosis("PA206")
LOCAL_VERSION = Diagnosis("PA207")
PRIVATE_PROJECT = Diagnosis("PA208")
UNSUPPORTED_TAG = Diagnosis("PA209")
DIRECT_DEPENDENCY = Diagnosis("PA210")
FORBIDDEN_FILE = Diagnosis("PA211")
UNSAFE_PATH = Diagnosis("PA212")
SUMMARY_TOO_LONG = Diagnosis("PA213")
CHANGED_SINCE_BUILD = Diagnosis("PA214")
NO_README = Diagnosis("PA215")
EMPTY_WHEEL = Diagnosis("PA216")
SHARED_IMPORT_PACKAGE = Diagnosis("PA217")
SDIST_LAYOUT = Diagnosis("PA218")
UNSAFE_LINK = Diagnosis("PA219")
LINK_IN_SDIST = Diagnosis("PA220")
PATHS_COLLIDE = Diagnosis("PA221")
WHEEL_FILE_DISAGREES = Diagnosis("PA222")
METADATA_DIFFERS = Diagnosis("PA224")
CREDENTIAL_SHIPPED = Diagnosis("PA225")
LOOKS_LIKE_SECRET = Diagnosis("PA226")
BYTECODE_SHIPPED = Diagnosis("PA227")
OUTSIDE_OF_PACKAGES = Diagnosis("PA228")
COMMON_TOP_LEVEL = Diagnosis("PA229")
VERSION_DIFFERS = Diagnosis("PA230")
DIRTY_TREE = Diagnosis("PA231")
TAG_SAYS_OTHERWISE = Diagnosis("PA232")
TAG_DIFFERS_FROM_REMOTE = Diagnosis("PA233")
TAG_NOT_PUSHED = Diagnosis("PA234")
REMOTE_NOT_ASKED = Diagnosis("PA235")
VERSION_UNKNOWN = Diagnosis("PA236")
SHALLOW_CLONE = Diagnosis("PA237")
BETWEEN_TAGS = Diagnosis("PA238")
TAG_MISSING = Diagnosis("PA239")
NOT_IMPORTABLE = Diagnosis("PA240")
SAME_CONTENT = Diagnosis("PA241")
SDIST_BUILDS_OTHERWISE = Diagnosis("PA242")
NOT_REBUILT = Diagnosis("PA243")
VARIANTS_ALIKE = Diagnosis("PA244")
VARIANT_DIFFERS_ELSEWHERE = Diagnosis("PA245")
FILENAME_NOT_NORMALISED = Diagnosis("PA246")
URL_LABEL_TOO_LONG = Diagnosis("PA247")
SEVERAL_TOP_LEVELS = Diagnosis("PA248")
NO_LICENCE = Diagnosis("PA250")
PATH_DEPENDENCY = Diagnosis("PA260")
SDIST_LACKS_MODULES = Diagnosis("PA261")
LFS_POINTER = Diagnosis("PA262")
HARD_LINK_IN_SDIST = Diagnosis("PA263")
EXCLUDED_IN_SDIST = Diagnosis("PA264")
NEWER_METADATA = Diagnosis("PA265")
METADATA_NOT_TAKEN = Diagnosis("PA266")
ARCHIVE_NOT_TAKEN = Diagnosis("PA267")
VARIANT_LABEL = Diagnosis("PA268")
TAG_ELSEWHERE = Diagnosis("PA269")
NO_CONTENT_TYPE = Diagnosis("PA270")
MEMBER_NOT_THERE = Diagnosis("PA271")
MEMBER_WITHOUT_VERSION = Diagnosis("PA272")

TOKEN_FOR_OTHER_INDEX = Diagnosis("PA301")
TOKEN_EXPIRED = Diagnosis("PA302")
TOKEN_FOR_OTHER_PROJECT = Diagnosis("PA303")
TOKEN_OF_OTHER_SERVICE = Diagnosis("PA304")
USERNAME_NOT_TOKEN = Diagnosis("PA305")
NOT_A_PYPI_TOKEN = Diagnosis("PA306")
CREDENTIAL_MISSING = Diagnosis("PA307")
URL_NOT_CONFIDENTIAL = Diagnosis("PA308")
CREDENTIAL_MALFORMED = Diagnosis("PA309")
CREDENTIAL_INCOMPLETE = Diagnosis("PA310")
FILE_UNREADABLE = Diagnosis("PA311")
FILE_READABLE_BY_OTHERS = Diagnosis("PA312")
KEYRING_BROKEN = Diagnosis("PA313")
NAMES_AMBIGUOUS = Diagnosis("PA314")
FINE_GRAINED_TOKEN = Diagnosis("PA315")
NO_PERMISSION_FOR_IDENTITY = Diagnosis("PA320")
IDENTITY_UNAVAILABLE = Diagnosis("PA321")
NO_TRUSTED_PUBLISHING = Diagnosis("PA322")
AUDIENCE_OF_OTHER_SERVICE = Diagnosis("PA323")
PUBLISHER_UNKNOWN = Diagnosis("PA324")
PENDING_PUBLISHER_TAKEN = Diagnosis("PA325")
MINT_REFUSED = Diagnosis("PA326")
IDENTITY_SUSPICIOUS = Diagnosis("PA327")
TRUSTED_PUBLISHING_UNUSED = Diagnosis("PA328")
PENDING_PUBLISHERS_NEEDED = Diagnosis("PA329")
NOT_ATTESTED = Diagnosis("PA330")
ATTESTATION_IMPOSSIBLE = Diagnosis("PA331")
ATTESTATION_FILE_WRONG = Diagnosis("PA332")
ATTESTATION_FILES_UNUSED = Diagnosis("PA333")
PUBLISHER_OF_TOO_FEW = Diagnosis("PA334")

CREDENTIAL_REFUSED = Diagnosis("PA401")
NOT_ALLOWED = Diagnosis("PA403")
TOKEN_SCOPE = Diagnosis("PA404")
PASSWORD_UNSUPPORTED = Diagnosis("PA405")
ACCOUNT_NOT_READY = Diagnosis("PA406")
UPLOADS_DISABLED = Diagnosis("PA407")
CREDENTIAL_OF_OTHER_HOST = Diagnosis("PA408")
OTHER_BYTES = Diagnosis("PA410")
MAYBE_OTHER_BYTES = Diagnosis("PA411")
NAME_USED_BEFORE = Diagnosis("PA412")
SAME_BYTES_ELSEWHERE = Diagnosis("PA413")
RELEASE_CLOSED = Diagnosis("PA414")
SECOND_SDIST = Diagnosis("PA415")
RELEASE_YANKED = Diagnosis("PA416")
NAME_NOT_ALLOWED = Diagnosis("PA420")
NAME_TOO_SIMILAR = Diagnosis("PA421")
NEW_PROJECT_NEEDS_USER = Diagnosis("PA422")
TOO_MANY_PROJECTS = Diagnosis("PA423")
NAME_IN_USE = Diagnosis("PA424")
PROJECT_ARCHIVED = Diagnosis("PA425")
PROJECT_QUARANTINED = Diagnosis("PA426")
PROJECT_DEPRECATED = Diagnosis("PA427")
PROJECT_FULL = Diagnosis("PA428")
TOO_LARGE = Diagnosis("PA430")
DIGEST_MISMATCH = Diagnosis("PA431")
METADATA_REFUSED = Diagnosis("PA432")
CLASSIFIER_UNKNOWN = Diagnosis("PA433")
DESCRIPTION_BROKEN = Diagnosis("PA434")
LOCAL_VERSION_NOT_ALLOWED = Diagnosis("PA435")
DIRECT_DEPENDENCY_REFUSED = Diagnosis("PA436")
FILENAME_WRONG = Diagnosis("PA437")
TAG_UNSUPPORTED = Diagnosis("PA438")
ARCHIVE_REFUSED = Diagnosis("PA439")
REDIRECTED = Diagnosis("PA440")
INDEX_URL = Diagnosis("PA441")
NO_UPLOAD_API = Diagnosis("PA442")
GITHUB_HAS_NO_PYTHON = Diagnosis("PA443")
READ_ONLY_REPOSITORY = Diagnosis("PA444")
UPLOAD_API_DOUBTFUL = Diagnosis("PA445")
ATTESTATIONS_REFUSED = Diagnosis("PA446")
PAGE_INSTEAD = Diagnosis("PA447")
REFUSED = Diagnosis("PA449")
INDEX_UNKNOWN = Diagnosis("PA450")
INDEX_WITHOUT_HASHES = Diagnosis("PA451")
INDEX_FORBIDDEN = Diagnosis("PA452")
RELEASE_NOT_THERE = Diagnosis("PA453")
FETCHED_FILE_UNPROVEN = Diagnosis("PA454")
LISTED_NOT_THERE = Diagnosis("PA455")
PROVENANCE_MISSING = Diagnosis("PA456")
FOLDER_UNUSABLE = Diagnosis("PA460")
FOLDER_BUSY = Diagnosis("PA461")
FILE_CHANGED = Diagnosis("PA462")
OTHER_BYTES_SKIPPED = Diagnosis("PA482")
STILL_PROPAGATING = Diagnosis("PA483")
INDEX_DIFFERS = Diagnosis("PA484")
COMMIT_FAILED = Diagnosis("PA485")
CANNOT_READ_FILE = Diagnosis("PA486")
UPLOAD_FAILED = Diagnosis("PA487")
LISTED_INCOMPLETE = Diagnosis("PA488")
JOURNAL_BROKEN = Diagnosis("PA489")

SERVER_REFUSED_CONNECTION = Diagnosis("PA501")
TIMED_OUT = Diagnosis("PA502")
TLS_FAILED = Diagnosis("PA503")
HOST_UNKNOWN = Diagnosis("PA504")
CONNECTION_LOST = Diagnosis("PA505")
ANSWER_LOST = Diagnosis("PA506")
ADDRESS_UNUSABLE = Diagnosis("PA507")
SERVER_FAILED = Diagnosis("PA510")
SERVER_BUSY = Diagnosis("PA511")
PROXY_USED = Diagnosis("PA520")
CLOCK_WRONG = Diagnosis("PA521")
RETRIES_EXHAUSTED = Diagnosis("PA581")
NO_ANSWER = Diagnosis("PA582")

GITHUB_FINE_GRAINED_TOKEN = Diagnosis("PA601")
APP_TOKEN = Diagnosis("PA602")
PACKAGES_PERMISSION = Diagnosis("PA603")
PACKAGE_NOT_CONNECTED = Diagnosis("PA604")
CREATION_NOT_ALLOWED = Diagnosis("PA605")
READ_NOT_ALLOWED = Diagnosis("PA606")
OWNER_UNKNOWN = Diagnosis("PA607")
OCI_NAME_NOT_ALLOWED = Diagnosis("PA608")
NOT_A_REGISTRY = Diagnosis("PA609")
READ_ONLY = Diagnosis("PA610")
REGISTRY_REFUSED = Diagnosis("PA611")
REGISTRY_CREDENTIAL_REFUSED = Diagnosis("PA612")
WRITE_NOT_ALLOWED = Diagnosis("PA613")
REPOSITORY_MISSING = Diagnosis("PA614")
REGISTRY_DIGEST_MISMATCH = Diagnosis("PA620")
NOT_OUR_LAYOUT = Diagnosis("PA621")
PART_MISSING = Diagnosis("PA622")
INDEX_CONTENDED = Diagnosis("PA623")
FOREIGN_TAGS = Diagnosis("PA624")
LEFT_TO_FINALIZE = Diagnosis("PA630")
RECEIPT_UNUSABLE = Diagnosis("PA631")

BUILD_FAILED = Diagnosis("PA701")
BEFORE_PUBLISH_FAILED = Diagnosis("PA702")
BACKEND_WARNING = Diagnosis("PA703")
