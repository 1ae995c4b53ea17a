"""Findings of checks, preflight, uploads and doctor, each with a stable code.

A `Diagnosis` is one entry of the catalogue (`PA301 token-for-other-index`); a `Finding` is one
occurrence of it: the problem, the place, and what to do next.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How much a finding matters: an ERROR stops a publish before anything is uploaded."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One problem or note, in plain words.

    `message` is the problem, `where` names a file, key path or URL, `hint` is the next step. None of
    them holds a secret or a control character other than a newline.
    """

    code: str
    slug: str
    severity: Severity
    message: str
    where: str = ""
    hint: str = ""
