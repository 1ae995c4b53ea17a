"""From a tag and what lies between it and the working tree to a version. Pure.

A tree that is not just what was tagged never gets the tag's own version: it counts as a
development version, also when the only difference is that files were changed (0 commits after).
"""

from __future__ import annotations

from packaging.version import Version

NODE_LENGTH = 9
"""Hex digits of a hash in a local version, whatever `core.abbrev` says: the same on all machines."""


def version_after(
    tagged: Version, *, distance: int, dirty: bool, scheme: str, local: str, node: str, date: str
) -> Version:
    """The version of a tree `distance` commits after the commit that is tagged `tagged`.

    `scheme` is "guess" or "post", `local` is "none", "node" or "node-and-date"; `node` is the full
    hash of the commit, `date` the day (YYYYMMDD) that stands for uncommitted changes.
    """
    if not distance and not dirty:
        return tagged
    public = _guess(tagged, distance) if scheme == "guess" else _post(tagged, distance)
    return Version(public + _local(local, node=node, dirty=dirty, date=date))


def _guess(tagged: Version, distance: int) -> str:
    """A development version of what comes next: of the next rc after an rc, of the next post after a post."""
    head = _epoch(tagged)
    if tagged.dev is not None:
        return f"{head}{_release(tagged)}{_pre(tagged)}{_post_part(tagged)}.dev{tagged.dev + (distance or 1)}"
    if tagged.post is not None:
        return f"{head}{_release(tagged)}{_pre(tagged)}.post{tagged.post + 1}.dev{distance}"
    if tagged.pre is not None:
        letter, number = tagged.pre
        return f"{head}{_release(tagged)}{letter}{number + 1}.dev{distance}"
    *others, last = tagged.release
    return f"{head}{'.'.join(str(each) for each in (*others, last + 1))}.dev{distance}"


def _post(tagged: Version, distance: int) -> str:
    """A development version that sorts just after what was tagged. A tagged dev version can only count on."""
    if tagged.dev is not None:
        return _guess(tagged, distance)
    # 1.0.post1.dev0 would sort before 1.0.post1.
    number = distance if tagged.post is None else tagged.post + (distance or 1)
    return f"{_epoch(tagged)}{_release(tagged)}{_pre(tagged)}.post{number}.dev0"


def _local(local: str, *, node: str, dirty: bool, date: str) -> str:
    if local == "none":
        return ""
    day = f".d{date}" if dirty and local == "node-and-date" else ""
    return f"+g{node[:NODE_LENGTH]}{day}"


def _epoch(version: Version) -> str:
    return f"{version.epoch}!" if version.epoch else ""


def _release(version: Version) -> str:
    return ".".join(str(each) for each in version.release)


def _pre(version: Version) -> str:
    return f"{version.pre[0]}{version.pre[1]}" if version.pre is not None else ""


def _post_part(version: Version) -> str:
    return f".post{version.post}" if version.post is not None else ""
