"""The check of what is in wheels and sdists: one pass over the archive for all that looks at its members."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from publish_all.checks.audience import Audience
from publish_all.checks.contents import check_contents
from publish_all.checks.members import Member, read_members
from publish_all.checks.paths import check_paths
from publish_all.checks.secrets import secrets_in
from publish_all.diagnoses import LFS_POINTER, UNREADABLE_ARCHIVE
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: less than 1024 bytes; "hawser" is its name of 2014.
_LFS_LIMIT = 1024
_LFS_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v\d+\r?\n"
    rb"(?:[a-z0-9.-]+ [^\n]*\n)*?oid [a-z0-9]+:[0-9a-f]{40,}\r?\n"
)
_SHOWN = 3


def check_members(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Members have safe, unique paths, are where they belong, and none is a Git LFS pointer or holds a secret."""
    del audience
    members: list[Member] = []
    secrets: list[Finding] = []
    pointers: list[str] = []
    try:
        for member, content in read_members(distribution):
            members.append(member)
            if content is not None:
                secrets += secrets_in(distribution, member.name, content)
                if member.size < _LFS_LIMIT and _LFS_POINTER.match(content):
                    pointers.append(member.name)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        yield UNREADABLE_ARCHIVE.found(
            f"{distribution.filename} cannot be read: {error}",
            where=str(distribution.path),
            hint="Build it again.",
        )
        return
    yield from check_paths(distribution, members)
    yield from _lfs_pointers(distribution, pointers)
    yield from secrets
    if distribution.kind is DistributionKind.WHEEL:
        yield from check_contents(distribution, members)


def _lfs_pointers(distribution: Distribution, names: Sequence[str]) -> Iterator[Finding]:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield LFS_POINTER.found(
            f"Git LFS pointers in place of the files: {', '.join(names[:_SHOWN])}{more}",
            where=distribution.filename,
            hint="Run `git lfs pull` and build again; in GitHub Actions, set `lfs: true` for actions/checkout.",
        )
