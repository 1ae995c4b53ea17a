"""Every error as findings: also those that are raised as errors alone get the code of their kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from publish_all import diagnoses
from publish_all._http_errors import HttpError
from publish_all.diagnoses import (
    CREDENTIAL_MISSING,
    NO_ANSWER,
    UNREADABLE_ARCHIVE,
    VERSION_UNKNOWN,
    Diagnosis,
)
from publish_all.distributions.distribution import DistributionError
from publish_all.errors import (
    BuildError,
    ConfigurationError,
    CredentialError,
    PublishAllError,
    RepositoryError,
    UsageError,
    VersionError,
)
from publish_all.findings import Finding

_OF_KINDS: tuple[tuple[type[PublishAllError], Diagnosis], ...] = (
    (DistributionError, UNREADABLE_ARCHIVE),
    (ConfigurationError, diagnoses.CONFIGURATION_INVALID),
    (UsageError, diagnoses.NOTHING_TO_PUBLISH),
    (VersionError, VERSION_UNKNOWN),
    (BuildError, diagnoses.BUILD_FAILED),
    (CredentialError, CREDENTIAL_MISSING),
    (RepositoryError, NO_ANSWER),
)


def findings_of(error: PublishAllError) -> tuple[Finding, ...]:
    """The findings of an error; where it has none, the error itself as one. Empty for errors of no kind."""
    if error.findings:
        return error.findings
    if isinstance(error, HttpError):
        from publish_all.repositories import replies

        return replies.findings_of(error)
    for kind, diagnosis in _OF_KINDS:
        if isinstance(error, kind):
            return (diagnosis.found(error.message, hint=error.hint or ""),)
    return ()


@contextmanager
def coded() -> Iterator[None]:
    """Errors that leave this have findings wherever their kind has a code."""
    try:
        yield
    except PublishAllError as error:
        error.findings = findings_of(error)
        raise
