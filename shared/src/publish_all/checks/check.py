"""The interface of checks, and the run of all of them.

A check looks at one distribution, offline, and says what it finds. `Audience` tells for whom the
files are: some rules hold only where anybody can download them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from publish_all.checks import archive, metadata, wheel
from publish_all.checks.audience import Audience
from publish_all.checks.diagnoses import SHARED_IMPORT_PACKAGE
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding


class Check(Protocol):
    """Looks at one distribution; never raises for what is wrong with it."""

    def __call__(self, distribution: Distribution, audience: Audience) -> Iterable[Finding]: ...


CHECKS: tuple[Check, ...] = (
    archive.check_members,
    wheel.check_record,
    wheel.check_tag,
    metadata.check_metadata,
    metadata.check_readme,
    metadata.check_classifiers,
    metadata.check_for_public_indexes,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A distribution and all that was found about it."""

    distribution: Distribution
    findings: tuple[Finding, ...]


def check_all(distributions: Sequence[Distribution], audience: Audience) -> tuple[Checked, ...]:
    """Run every check on every distribution; findings come in the order of the files."""
    return tuple(
        Checked(
            distribution=each,
            findings=tuple(finding for check in CHECKS for finding in check(each, audience)),
        )
        for each in distributions
    )


def check_together(distributions: Sequence[Distribution]) -> Iterator[Finding]:
    """What only shows when the files are seen side by side: projects that install the same package."""
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
