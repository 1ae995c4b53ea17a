"""What can be wrong with credentials: PA3xx of the catalogue."""

from __future__ import annotations

from typing import Final

from publish_all.findings import Diagnosis, Severity

TOKEN_FOR_OTHER_INDEX: Final = Diagnosis(
    "PA301",
    "token-for-other-index",
    Severity.ERROR,
    "A PyPI token names the index it was made for. This one names another than the repository it would be "
    "sent to, which would refuse it, and would have seen it.",
)
TOKEN_EXPIRED: Final = Diagnosis(
    "PA302",
    "token-expired",
    Severity.ERROR,
    "The token says itself until when it is valid, and that time is over.",
)
TOKEN_FOR_OTHER_PROJECT: Final = Diagnosis(
    "PA303",
    "token-for-other-project",
    Severity.ERROR,
    "The token says itself for which projects it may upload, and this project is not among them.",
)
TOKEN_OF_OTHER_SERVICE: Final = Diagnosis(
    "PA304",
    "token-of-other-service",
    Severity.ERROR,
    "A token of GitHub was offered to PyPI, or one of PyPI to GitHub. It is refused here so that the other "
    "service never sees it.",
)
USERNAME_NOT_TOKEN: Final = Diagnosis(
    "PA305",
    "username-not-token",
    Severity.ERROR,
    "PyPI accepts API tokens only, and with them the user name is always `__token__`; user names and "
    "passwords are not accepted any more.",
)
NOT_A_PYPI_TOKEN: Final = Diagnosis(
    "PA306",
    "not-a-pypi-token",
    Severity.ERROR,
    "Every API token of PyPI begins with `pypi-` and holds readable permissions. This value does not.",
)
CREDENTIAL_MISSING: Final = Diagnosis(
    "PA307",
    "credential-missing",
    Severity.ERROR,
    "The repository wants to know who uploads, and no credential for it was found in any of the places "
    "where one may be.",
)
URL_NOT_CONFIDENTIAL: Final = Diagnosis(
    "PA308",
    "url-not-confidential",
    Severity.ERROR,
    "Credentials are sent by https only (or to this very machine): over plain http anyone on the way can "
    "read them.",
)
CREDENTIAL_MALFORMED: Final = Diagnosis(
    "PA309",
    "credential-malformed",
    Severity.ERROR,
    "The value holds characters that no credential has, such as a line break in its middle: it was copied "
    "or quoted wrongly.",
)
CREDENTIAL_INCOMPLETE: Final = Diagnosis(
    "PA310",
    "credential-incomplete",
    Severity.ERROR,
    "A password was found, and the user name that belongs to it was not.",
)
FILE_UNREADABLE: Final = Diagnosis(
    "PA311",
    "credential-file-unreadable",
    Severity.ERROR,
    "A file that holds credentials is there, and cannot be read or understood.",
)
FILE_READABLE_BY_OTHERS: Final = Diagnosis(
    "PA312",
    "credential-file-readable-by-others",
    Severity.WARNING,
    "Other users of this machine can read a file that holds passwords.",
)
KEYRING_BROKEN: Final = Diagnosis(
    "PA313",
    "keyring-broken",
    Severity.NOTE,
    "A keyring backend failed or did not answer in time. It was treated as empty.",
)
NAMES_AMBIGUOUS: Final = Diagnosis(
    "PA314",
    "repository-names-ambiguous",
    Severity.ERROR,
    "Two repositories have names that environment variables cannot tell apart, so that a token for one "
    "would be sent to the other.",
)
FINE_GRAINED_TOKEN: Final = Diagnosis(
    "PA315",
    "fine-grained-token",
    Severity.WARNING,
    "GitHub's container registry does not accept fine-grained personal access tokens.",
)
NO_PERMISSION_FOR_IDENTITY: Final = Diagnosis(
    "PA320",
    "id-token-permission-missing",
    Severity.WARNING,
    "This GitHub Actions job may not ask for an identity token, so trusted publishing is not possible.",
)
IDENTITY_UNAVAILABLE: Final = Diagnosis(
    "PA321",
    "identity-unavailable",
    Severity.ERROR,
    "Trusted publishing was asked for, and there is no ambient identity, or the CI service would not give it.",
)
NO_TRUSTED_PUBLISHING: Final = Diagnosis(
    "PA322",
    "trusted-publishing-not-offered",
    Severity.ERROR,
    "Trusted publishing was asked for, and the repository does not offer it.",
)
AUDIENCE_OF_OTHER_SERVICE: Final = Diagnosis(
    "PA323",
    "audience-of-other-service",
    Severity.ERROR,
    "The repository asked for an identity token made out to another name than its own host's. With it, it "
    "could act at a service of that name as this job, so it does not get one.",
)
PUBLISHER_UNKNOWN: Final = Diagnosis(
    "PA324",
    "trusted-publisher-unknown",
    Severity.ERROR,
    "The index knows no trusted publisher that matches the identity of this job.",
)
PENDING_PUBLISHER_TAKEN: Final = Diagnosis(
    "PA325",
    "pending-publisher-taken",
    Severity.ERROR,
    "A pending publisher matches, but a project of its name exists already.",
)
MINT_REFUSED: Final = Diagnosis(
    "PA326",
    "mint-refused",
    Severity.ERROR,
    "The index refused to make an upload token from the identity of this job.",
)
IDENTITY_SUSPICIOUS: Final = Diagnosis(
    "PA327",
    "identity-suspicious",
    Severity.WARNING,
    "The identity of this job has something that trusted publishing often fails on.",
)
TRUSTED_PUBLISHING_UNUSED: Final = Diagnosis(
    "PA328",
    "trusted-publishing-unused",
    Severity.NOTE,
    "A token was found in the environment and used, though trusted publishing would have been possible; "
    "attestations need trusted publishing.",
)
PENDING_PUBLISHERS_NEEDED: Final = Diagnosis(
    "PA329",
    "pending-publishers-needed",
    Severity.WARNING,
    "A trusted publisher may create a project only through a pending publisher. An index keeps one of these for "
    "each environment of a workflow, and uses it up with the first new project.",
)

ALL: Final = tuple(value for value in list(globals().values()) if isinstance(value, Diagnosis))


def documented() -> str:
    """The table of findings in Markdown, for the reference documentation."""
    rows = (f"| {each.code} | {each.slug} | {each.severity.value} | {each.why} |" for each in ALL)
    return "\n".join(("| code | name | severity | meaning |", "| --- | --- | --- | --- |", *rows))
