"""The check of what is in wheels and sdists: one pass over the archive for all that looks at its members."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from publish_all.checks.audience import Audience
from publish_all.checks.contents import check_contents
from publish_all.checks.diagnoses import UNREADABLE_ARCHIVE
from publish_all.checks.members import Member, read_members
from publish_all.checks.paths import check_paths
from publish_all.checks.secrets import secrets_in
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding


def check_members(distribution: Distribution, audience: Audience) -> Iterator[Finding]:
    """Members have safe, unique paths, are where they belong, and none of them is or holds a secret."""
    del audience
    members: list[Member] = []
    secrets: list[Finding] = []
    try:
        for member, content in read_members(distribution):
            members.append(member)
            if content is not None:
                secrets += secrets_in(distribution, member.name, content)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        yield UNREADABLE_ARCHIVE.found(
            f"{distribution.filename} cannot be read: {error}",
            where=str(distribution.path),
            hint="Build it again.",
        )
        return
    yield from check_paths(distribution, members)
    yield from secrets
    if distribution.kind is DistributionKind.WHEEL:
        yield from check_contents(distribution, members)
