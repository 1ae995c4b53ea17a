"""All checks of one distribution, offline.

A check is a function from the opened distribution to its findings. It never raises for what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from publish_all.checks.members import check_contents, check_layout, check_links, check_paths
from publish_all.checks.metadata import (
    check_classifiers,
    check_for_public_indexes,
    check_metadata,
    check_path_dependencies,
    check_readme,
)
from publish_all.checks.opened import Opened
from publish_all.checks.wheel import check_record, check_tag, check_wheel_file
from publish_all.findings import Finding

_OF_MEMBERS = (check_paths, check_links, check_layout, check_contents, check_record, check_wheel_file)
_OF_METADATA = (
    check_tag,
    check_metadata,
    check_readme,
    check_classifiers,
    check_path_dependencies,
    check_for_public_indexes,
)


def check_distribution(opened: Opened) -> Iterator[Finding]:
    """Run every check; those of members only if there are any to see."""
    yield from opened.findings
    for check in (*(_OF_MEMBERS if opened.readable else ()), *_OF_METADATA):
        yield from check(opened)
