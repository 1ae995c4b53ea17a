"""The one tree of errors. Libraries raise them; only the command line and the plugins exit.

Each branch has its own exit code, the same in every front end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # errors are imported in every isolated build
    from publish_all.findings import Finding


class PublishAllError(Exception):
    """Something failed. `message` says what and where, `hint` what to do next.

    `code` is that of its finding if it has none (see `diagnoses.findings_of`), `url` where it happened. `retryable`: it is
    temporary; `retry_after`: seconds to wait.
    """

    exit_code = 1
    code = ""
    url = ""
    retryable = False
    retry_after: float | None = None

    def __init__(self, message: str, *, hint: str | None = None, findings: Iterable[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = tuple(findings)

    @property
    def with_hint(self) -> str:
        """The message, and the hint in the next line."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(PublishAllError):
    """The command line names something that does not exist, or combines options that exclude each other."""

    exit_code = 2
    code = "PA102"


class ConfigurationError(PublishAllError):
    """A configuration file is invalid. The message names the file and the key path."""

    exit_code = 2
    code = "PA101"


class CredentialError(PublishAllError):
    """No credential, or one that is refused, broken, or not for this repository."""

    exit_code = 3
    code = "PA307"


class CheckError(PublishAllError):
    """Checks or preflight found errors; nothing was uploaded."""

    exit_code = 4


class PartialPublishError(PublishAllError):
    """Some files are uploaded and some are not; run again to resume."""

    exit_code = 5


class ConflictError(PublishAllError):
    """The repository has a file of the same name with other bytes; nothing was uploaded."""

    exit_code = 6


class BuildError(PublishAllError):
    """A build backend failed, or built wrong files."""

    code = "PA701"


class VersionError(PublishAllError):
    """No version was found, or it is not a PEP 440 version."""

    code = "PA236"


class RepositoryError(PublishAllError):
    """A repository could not be reached, or gave an unexpected answer."""

    code = "PA582"
