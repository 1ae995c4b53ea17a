"""Which tags are versions, and of which version. Pure.

A tag is the prefix, taken literally, and a PEP 440 version that begins with a digit. With the prefix
"v" or "", a "v" before the version is optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

_DIGITS = {ord(digit): "0" for digit in "123456789"}
_NUMBERS = re.compile(r"(?:(\d+)!)?(\d+(?:\.\d+)*)", re.ASCII)
_GLOB = re.compile(r"([*?\[\\])")


def prefixes(prefix: str) -> tuple[str, ...]:
    """The literal texts that may stand before the version."""
    return ("v", "") if prefix in {"", "v"} else (prefix,)


def tag_version(tag: str, prefix: str) -> Version | None:
    """The version that a tag names, or None if it names none."""
    for each in prefixes(prefix):
        rest = tag[len(each) :]
        if tag.startswith(each) and rest[:1].isdecimal() and rest.isascii():
            try:
                return Version(rest)
            except InvalidVersion:
                return None
    return None


def highest(tags: Iterable[str], prefix: str) -> str | None:
    """The tag of the highest version: of rc1 and the final on one commit, the final."""
    versions = {tag: version for tag in tags if (version := tag_version(tag, prefix)) is not None}
    return max(versions, key=lambda tag: (versions[tag], tag)) if versions else None


def higher_tags(tags: Iterable[str], version: Version, prefix: str) -> frozenset[str]:
    """The tags of higher versions. Most of thousands are ruled out by their leading numbers alone."""
    lowest = (version.epoch, _without_zeros(version.release))
    found = set()
    for tag in tags:
        for head in prefixes(prefix):
            match = _NUMBERS.match(tag, len(head)) if tag.startswith(head) else None
            if match and (int(match[1] or 0), _without_zeros(map(int, match[2].split(".")))) >= lowest:
                found.add(tag)
    return frozenset(
        tag for tag in found if (named := tag_version(tag, prefix)) is not None and named > version
    )


def _without_zeros(release: Iterable[int]) -> tuple[int, ...]:
    numbers = [*release]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def starts(prefix: str) -> tuple[str, ...]:
    """Glob patterns of everything that begins like a tag of a version."""
    return tuple(f"{_escaped(each)}[0-9]*" for each in prefixes(prefix))


def shapes_of(names: Iterable[str]) -> frozenset[str]:
    """The names with every digit as 0: names of one shape are all versions, or none is.

    The grammar of PEP 440 has no rule about which digit it is.
    """
    return frozenset("\n".join(names).translate(_DIGITS).split("\n")) - {""}


def shape_pattern(head: str, shape: str) -> str:
    """The glob pattern of all names that are `head`, taken literally, and a name of the shape."""
    return _escaped(head) + _escaped(shape).replace("0", "[0-9]")


def is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return text.isascii()


def _escaped(text: str) -> str:
    return _GLOB.sub(r"\\\1", text)
