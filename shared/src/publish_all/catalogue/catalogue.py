"""The catalogue: every diagnosis that findings are made of, from every place, with what there is to say of it."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from publish_all.attestations import diagnoses as attestations
from publish_all.catalogue import (
    credential_texts,
    distribution_texts,
    network_texts,
    project_texts,
    registry_texts,
    repository_texts,
)
from publish_all.catalogue.entry import Entry, Text
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
_TEXTS = {
    **project_texts.TEXTS,
    **distribution_texts.TEXTS,
    **credential_texts.TEXTS,
    **repository_texts.TEXTS,
    **network_texts.TEXTS,
    **registry_texts.TEXTS,
}
_HUNDREDS = {
    "1": "Configuration and surroundings",
    "2": "Distributions and versions",
    "3": "Credentials, trusted publishing, attestations",
    "4": "What repositories answer and hold",
    "5": "The way to a server",
    "6": "OCI registries and GitHub Packages",
    "7": "Builds",
}


@cache
def entries() -> tuple[Entry, ...]:
    """Every diagnosis that has a text, by code."""
    return tuple(Entry(diagnosis=each, text=_TEXTS[each.code]) for each in diagnoses() if each.code in _TEXTS)


@cache
def diagnoses() -> tuple[Diagnosis, ...]:
    """Every diagnosis that can be found, by code."""
    found = {each.code: each for module in _SOURCES for each in _in(module)}
    return tuple(found[code] for code in sorted(found))


def _in(module: ModuleType) -> tuple[Diagnosis, ...]:
    return tuple(each for each in vars(module).values() if isinstance(each, Diagnosis))


def texts() -> dict[str, Text]:
    """The texts by code, also such as belong to no diagnosis: there should be none."""
    return dict(_TEXTS)


def find(name: str) -> Entry | None:
    """The entry with this code or slug, in any case of letters; None if there is none."""
    wanted = name.strip().lower()
    return next((each for each in entries() if wanted in (each.code.lower(), each.slug)), None)


def why(code: str) -> str:
    """Why findings with this code matter; empty for a code that is not known."""
    return next((each.why for each in diagnoses() if each.code == code), "")


def title_of(entry: Entry) -> str:
    """The heading under which the page has it."""
    return _HUNDREDS[entry.code[2]]
