"""Findings: what checks, preflight, uploads and doctor have to say, each with a stable code.

A `Diagnosis` is one entry of the catalogue (`PA301 token-for-other-index`); a `Finding` is one
occurrence of it: what was seen, where, and what to do next. Codes are never reused. By hundreds:
1 configuration, 2 distributions and versions, 3 credentials, 4 what repositories answer, 5 network,
6 OCI registries and GitHub, 7 builds.
"""

from __future__ import annotations

import enum

from publish_all._values import dataclass


class Severity(enum.Enum):
    """How much a finding matters: an ERROR stops a publish before anything is uploaded."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was seen, in plain words.

    `message` says what, `where` names a file, key path or URL, `hint` is the next step. None of
    them holds a secret or a control character other than a newline.
    """

    code: str
    slug: str
    severity: Severity
    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """An entry of the catalogue: what a code means, however often it is found."""

    code: str
    slug: str
    severity: Severity
    why: str

    def found(self, message: str, *, where: str = "", hint: str = "") -> Finding:
        return Finding(
            code=self.code, slug=self.slug, severity=self.severity, message=message, where=where, hint=hint
        )
