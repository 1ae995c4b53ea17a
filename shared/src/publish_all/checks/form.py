"""Check that the upload form says what the file says: PyPI believes the form, installers the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from packaging.metadata import parse_email

from publish_all.checks.audience import Audience
from publish_all.diagnoses import FORM_DIFFERS
from publish_all.distributions.distribution import Distribution
from publish_all.distributions.metadata import form_fields, knows_licence_files
from publish_all.findings import Finding

# Where the form's name for a field is not that of `packaging`.
_NAMES = {
    "license_file": "license_files",
    "platform": "platforms",
    "supported_platform": "supported_platforms",
    "import_name": "import_names",
    "import_namespace": "import_namespaces",
}


def check_form(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Every field of the form has the value that `packaging` reads from the file, and none is missing."""
    del audience
    raw, _ = parse_email(distribution.core_metadata)
    sent = _sent(distribution)
    stated = dict(_stated(raw))
    if not knows_licence_files(distribution.metadata):
        stated.pop("license_files", None)
    for field, value in stated.items():
        if sent.get(field) != value:
            yield FORM_DIFFERS.found(
                f"the upload form would not state the {field.replace('_', ' ')} that the file states",
                where=distribution.filename,
                hint="Build it again; if that does not help, please report it with the METADATA of the file.",
            )


def _sent(distribution: Distribution) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for field, value in form_fields(distribution.metadata, distribution.description):
        name = _NAMES.get(field, field)
        found[name] = (*found.get(name, ()), _plain(value))
    return found


def _stated(raw: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """The fields that `packaging` knows, as texts. Keywords are one text in the form, which PyPI parts."""
    found: dict[str, tuple[str, ...]] = {}
    for field, value in raw.items():
        match value:
            case dict():
                found[field] = tuple(_plain(f"{label}, {url}") for label, url in value.items())
            case list() if field == "keywords":
                continue
            case list():
                found[field] = tuple(map(_plain, value))
            case str() if value.strip():
                found[field] = (_plain(value),)
    return found


def _plain(text: str) -> str:
    """Without differences of white space, which headers fold and `packaging` strips."""
    return " ".join(text.split())
