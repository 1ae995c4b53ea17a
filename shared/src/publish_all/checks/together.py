"""Checks on several files side by side: what only shows when they are compared."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from publish_all.checks.diagnoses import METADATA_DIFFERS, SHARED_IMPORT_PACKAGE
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

# The fields that installers decide by, and so must be the same in all files of a release.
_DECIDING = ("Requires-Dist", "Requires-Python", "Provides-Extra")


def check_together(distributions: Sequence[Distribution]) -> Iterator[Finding]:
    """Projects that install the same package, and files of one release that state other dependencies."""
    yield from _shared_packages(distributions)
    releases: dict[tuple[NormalizedName, Version], list[Distribution]] = {}
    for each in distributions:
        releases.setdefault((each.project, each.version), []).append(each)
    for files in releases.values():
        yield from _metadata_of(files)


def _shared_packages(distributions: Sequence[Distribution]) -> Iterator[Finding]:
    owners: dict[str, set[str]] = {}
    for each in distributions:
        if each.kind is DistributionKind.WHEEL:
            for package in _top_level(each):
                owners.setdefault(package, set()).add(each.name)
    for package, names in sorted(owners.items()):
        if len(names) > 1:
            yield SHARED_IMPORT_PACKAGE.found(
                f"{', '.join(sorted(names))} all install the package {package!r}",
                hint="Install only one of them in an environment, and say so in their readmes.",
            )


def _top_level(distribution: Distribution) -> set[str]:
    try:
        with zipfile.ZipFile(distribution.path) as opened:
            names = opened.namelist()
    except (OSError, zipfile.BadZipFile):
        return set()
    tops = {name.split("/", 1)[0] for name in names}
    return {top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".data"))}


def _metadata_of(files: Sequence[Distribution]) -> Iterator[Finding]:
    """Compared with the sdist, or with the first wheel where there is none."""
    first = next((each for each in files if each.kind is DistributionKind.SDIST), files[0])
    dynamic = {each.casefold() for each in first.metadata.get("Dynamic", ())}
    for other in files:
        for field in _DECIDING:
            if field.casefold() not in dynamic and _values(first, field) != _values(other, field):
                yield METADATA_DIFFERS.found(
                    f"{other.filename} and {first.filename} state different {field}",
                    where=other.filename,
                    hint="State dependencies with environment markers, the same in all files of a release.",
                )


def _values(distribution: Distribution, field: str) -> tuple[str, ...]:
    metadata: Mapping[str, tuple[str, ...]] = distribution.metadata
    return tuple(sorted("".join(each.split()) for each in metadata.get(field, ())))
