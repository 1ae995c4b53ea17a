"""All diagnoses, from every place that can make a finding."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from publish_all.attestations import diagnoses as attestations
from publish_all.checks import command_diagnoses as commands
from publish_all.checks import diagnoses as distributions
from publish_all.checks import project_diagnoses as project
from publish_all.credentials import diagnoses as credentials
from publish_all.findings import Diagnosis
from publish_all.repositories import diagnoses as repositories
from publish_all.repositories import oci_diagnoses as registries
from publish_all.upload import diagnoses as upload
from publish_all.version import diagnoses as version

_SOURCES: tuple[ModuleType, ...] = (
    commands,
    project,
    distributions,
    version,
    credentials,
    attestations,
    repositories,
    upload,
    registries,
)


@cache
def diagnoses() -> tuple[Diagnosis, ...]:
    """Every diagnosis that can be found, by code."""
    found = {
        each.code: each
        for module in _SOURCES
        for each in vars(module).values()
        if isinstance(each, Diagnosis)
    }
    return tuple(found[code] for code in sorted(found))


def why(code: str) -> str:
    """Why findings with this code matter; empty for a code that is not known."""
    return next((each.why for each in diagnoses() if each.code == code), "")
