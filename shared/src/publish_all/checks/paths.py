"""Checks on the paths of members: safe, unique, unlinked, and where they belong."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache

from publish_all.checks.members import Member
from publish_all.diagnoses import (
    FORBIDDEN_FILE,
    HARD_LINK_IN_SDIST,
    LINK_IN_SDIST,
    PATHS_COLLIDE,
    SDIST_LAYOUT,
    UNSAFE_LINK,
    UNSAFE_PATH,
)
from publish_all.distributions.distribution import Distribution, DistributionKind
from publish_all.findings import Finding

_FORBIDDEN_NAMES = (
    ".env",
    ".env.*",
    ".pypirc",
    ".netrc",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pfx",
    "*.p12",
    "*.jks",
    "*.keystore",
    ".git",
    ".hg",
    ".svn",
    ".DS_Store",
    ".aws",
    ".ssh",
    ".htpasswd",
    ".git-credentials",
)
_FORBIDDEN = re.compile("|".join(map(translate, _FORBIDDEN_NAMES)))
_HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist")


def check_paths(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    """All that names alone tell."""
    yield from _unsafe(distribution, members)
    yield from _links(distribution, members)
    yield from _colliding(distribution, members)
    yield from _forbidden(distribution, members)
    if distribution.kind is DistributionKind.SDIST:
        yield from _layout(distribution, members)


def _unsafe(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    seen: set[str] = set()
    for name in (each.name for each in members):
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name[1:2]:
            yield UNSAFE_PATH.found(
                f"unsafe path {name!r}",
                where=distribution.filename,
                hint="Build it again: a build hook or `force-include` names that path.",
            )
        if name in seen:
            yield UNSAFE_PATH.found(
                f"{name!r} is in the archive twice", where=distribution.filename, hint="Build it again."
            )
        seen.add(name)


def _links(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    """Links, devices and pipes. A link to another file of the sdist is only a warning."""
    earlier: set[str] = set()
    for each in members:
        if each.special:
            yield UNSAFE_LINK.found(
                f"{each.name} is a device or pipe", where=distribution.filename, hint="Leave it out."
            )
        elif each.hard and each.link is not None:
            there = posixpath.normpath(each.link) in earlier
            yield (HARD_LINK_IN_SDIST if there else UNSAFE_LINK).found(
                f"{each.name} is a hard link to {each.link!r}"
                + ("" if there else ", which is not an earlier file of the sdist"),
                where=distribution.filename,
                hint="Replace one of the two files by a copy of it, and build again.",
            )
        elif each.link is not None:
            inside = distribution.kind is DistributionKind.SDIST and _stays(each.name, each.link)
            yield (LINK_IN_SDIST if inside else UNSAFE_LINK).found(
                f"{each.name} is a link to {each.link!r}",
                where=distribution.filename,
                hint="Put the file itself there, or leave the link out of the distribution.",
            )
        earlier.add(posixpath.normpath(each.name))


def _stays(name: str, link: str) -> bool:
    """Whether a symbolic link in an sdist, which is relative to its folder, leads to something in the top-level one."""
    top = name.split("/", 1)[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return not link.startswith("/") and (target == top or target.startswith(top + "/"))


def _colliding(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    folded: dict[str, str] = {}
    for name in dict.fromkeys(each.name for each in members):
        first = folded.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if first != name:
            yield PATHS_COLLIDE.found(
                f"{first!r} and {name!r} are one file on some systems",
                where=distribution.filename,
                hint="Rename one of them.",
            )


def _forbidden(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    for name in (each.name for each in members):
        bad = next((part for part in name.split("/") if _is_forbidden(part)), None)
        if bad is not None:
            yield FORBIDDEN_FILE.found(
                f"{name} must not be published",
                where=distribution.filename,
                hint="Exclude it in the build configuration, or let git ignore it, and build again.",
            )


@lru_cache(maxsize=4096)
def _is_forbidden(part: str) -> bool:
    return part not in _HARMLESS and _FORBIDDEN.fullmatch(part) is not None


def _layout(distribution: Distribution, members: Sequence[Member]) -> Iterator[Finding]:
    """https://packaging.python.org/specifications/source-distribution-format/: one top-level folder."""
    paths = [posixpath.normpath(each.name).split("/") for each in members]
    tops = {parts[0] for parts in paths if len(parts) > 1}
    loose = [parts[0] for parts in paths if len(parts) == 1]
    if loose or len(tops) > 1:
        what = f"{loose[0]} at its top" if loose else "the folders " + ", ".join(sorted(tops)) + " at its top"
        yield SDIST_LAYOUT.found(
            f"the sdist has {what}",
            where=distribution.filename,
            hint="Build it with the project's build backend, not by hand.",
        )
