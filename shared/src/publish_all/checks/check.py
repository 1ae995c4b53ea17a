"""The interface of checks, and the run of all of them.

A check looks at one distribution, offline, and says what it finds. `Audience` tells for whom the
files are: some rules hold only where anybody can download them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from publish_all._values import dataclass
from publish_all.checks import archive, form, metadata, wheel, wheel_file
from publish_all.checks.audience import Audience
from publish_all.distributions.distribution import Distribution
from publish_all.findings import Finding


class Check(Protocol):
    """Looks at one distribution; never raises for what is wrong with it."""

    def __call__(self, distribution: Distribution, audience: Audience) -> Iterable[Finding]: ...


CHECKS: tuple[Check, ...] = (
    archive.check_members,
    wheel.check_record,
    wheel_file.check_wheel_file,
    wheel.check_tag,
    form.check_form,
    metadata.check_metadata,
    metadata.check_readme,
    metadata.check_classifiers,
    metadata.check_path_dependencies,
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
