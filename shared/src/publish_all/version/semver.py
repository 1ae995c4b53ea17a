"""Versions as Cargo and npm write them (https://semver.org). Pure."""

from __future__ import annotations

from packaging.version import Version

_PRE = {"a": "alpha", "b": "beta", "rc": "rc"}


def semantic(version: Version) -> str | None:
    """The version in that form, which reads as the same version; None where there is none: 1.2.3.post1, 1.2.3.4."""
    release = (*version.release, 0, 0)[: max(3, len(version.release))]
    if len(release) > 3 or version.epoch or version.post is not None or version.local is not None:
        return None
    labels = [] if version.pre is None else [_PRE[version.pre[0]], str(version.pre[1])]
    labels += [] if version.dev is None else ["dev", str(version.dev)]
    numbers = ".".join(str(each) for each in release)
    return f"{numbers}-{'.'.join(labels)}" if labels else numbers
