"""The results of the commands other than publish and check, as values. See `results`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from publish_all.findings import Finding
from publish_all.results import CheckSummary, Explanation, PublishReport


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFile:
    """One step of a plan. `action` is upload, present, skip or conflict; `reason` explains its place, or why it is skipped."""

    repository: str
    project: str
    version: str
    filename: str
    variant: str | None
    size: int
    sha256: str
    action: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReport:
    """The result of `--dry-run`: the steps in order and the findings of the preflight. Nothing was uploaded.

    `exit_code` is the one with which a real run would stop before its uploads, 0 if it would not.
    """

    files: tuple[PlannedFile, ...]
    findings: tuple[Finding, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltFile:
    """One file that was built.

    `kind` is "sdist" or "wheel", `tag` a wheel's tag set, `size` in bytes, `seconds` wall time. `reused` is
    the share of the content (from 0 to 1) that was already compressed for an earlier file; None if the
    backend compresses. `installed` are the distributions of the build environment, as `name==version`.
    """

    variant: str | None
    project: str
    version: str
    filename: str
    kind: str
    tag: str | None
    size: int
    sha256: str
    builder: str
    seconds: float = 0.0
    reused: float | None = None
    installed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSummary:
    """The files that `build` wrote into `folder`."""

    folder: str
    files: tuple[BuiltFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedFinding(Finding):
    """A finding, and why it matters."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One fact that is not a problem, such as the `credential` that is used."""

    label: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """One subject of doctor, the project or a destination.

    `untested` are the checks that were not possible, with the reasons.
    """

    name: str
    where: str = ""
    facts: tuple[Fact, ...] = ()
    untested: tuple[str, ...] = ()
    findings: tuple[ExplainedFinding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorReport:
    """The result of `doctor`: the project first, then each destination in order. Nothing was uploaded or minted.

    `exit_code` is 0 if a publish would be attempted, else the one that publish would end with.
    """

    examined: tuple[Examined, ...]
    exit_code: int
    offline: bool

    @property
    def findings(self) -> tuple[ExplainedFinding, ...]:
        return tuple(finding for each in self.examined for finding in each.findings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A list of things of one kind: `kind` names the list in JSON (`variants`), `columns` its fields.

    Each row has one text or number a column; an empty text is shown as nothing, and is null in JSON.
    """

    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


Result: TypeAlias = (
    PublishReport | PlanReport | CheckSummary | Explanation | BuildSummary | DoctorReport | Listing
)
