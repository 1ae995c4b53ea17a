"""All checks of one distribution, offline.

A check is a function from the opened distribution to its findings. It never raises for what is wrong with it. Each
module lists its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from publish_all.checks import members, metadata, wheel
from publish_all.checks.opened import Opened
from publish_all.findings import Finding


def check_distribution(opened: Opened) -> Iterator[Finding]:
    """Run every check; those of the archive only if it can be read."""
    yield from opened.findings
    of_archive = (*members.CHECKS, *wheel.CHECKS) if opened.readable else ()
    for check in (*of_archive, *metadata.CHECKS):
        yield from check(opened)
