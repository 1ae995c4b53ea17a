"""Writing another version into a Python file: the bytes of one literal change, no others.

Quotes, prefixes and what surrounds the literal stay; the result is read again to prove it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from packaging.version import Version

from publish_all.errors import VersionError
from publish_all.version.attribute import Attribute, Spot
from publish_all.version.source_file import Read

_LITERAL = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")


def rewritten(
    found: Attribute,
    version: Version,
    *,
    again: Callable[[Read], Attribute],
    read: Read = Path.read_bytes,
) -> bytes:
    """The bytes of `found.path` with the new version. `again` reads the attribute as it was read for `found`.

    Raises `VersionError` where the version is not one literal, or cannot be written as it is.
    """
    if found.spot is None:
        msg = f"{found.path}:{found.line}: the version is put together from several parts"
        raise VersionError(msg, hint=f'Write it as one literal: __version__ = "{version}".')
    data = _replaced(found.spot, found, version)

    def read_changed(path: Path) -> bytes:
        return data if path == found.path else read(path)

    changed = again(read_changed)
    if str(changed.version) != str(version):
        msg = f"{found.path}:{found.line}: {version} can't be written there: it would read {changed.text!r}"
        raise VersionError(msg, hint="Change it by hand.")
    return data


def _replaced(spot: Spot, found: Attribute, version: Version) -> bytes:
    data = spot.file.data
    for node, new in reversed(_edits(spot, found, version)):
        start, end = spot.file.span(node)
        data = data[:start] + spot.file.encode(new) + data[end:]
    return data


def _edits(spot: Spot, found: Attribute, version: Version) -> list[tuple[ast.expr, str]]:
    """What to write in place of which nodes, in the order of the file."""
    if not isinstance(spot.node, ast.Tuple | ast.List):
        return [(spot.node, _string(spot.file.segment(spot.node), found.text, str(version)))]
    parts = _parts(found, version)
    nodes = spot.node.elts
    if len(nodes) == len(parts) and all(isinstance(each, ast.Constant) for each in nodes):
        return [(node, _item(spot.file.segment(node), part)) for node, part in zip(nodes, parts, strict=True)]
    whole = spot.file.segment(spot.node)
    opening, closing = (whole[0], whole[-1]) if whole[0] in "([" else ("", "")
    like = spot.file.segment(nodes[0]) if nodes else "0"
    return [(spot.node, opening + ", ".join(_item(like, part) for part in parts) + closing)]


def _string(literal: str, old: str, new: str) -> str:
    """The literal, which may be several side by side, as one that says `new`."""
    match = _LITERAL.match(literal)
    if match is None:
        return f'"{new}"'
    quote = match["quote"]
    inside = literal[match.end() : -len(quote)]
    if old.strip() and inside.count(old.strip()) == 1 and inside.strip() == old.strip():
        return literal[: match.end()] + inside.replace(old.strip(), new) + quote
    return match[0] + new + quote


def _parts(found: Attribute, version: Version) -> list[str]:
    """The version in pieces which, joined by dots, read as the same version: 1.3.0rc1 → 1, 3, 0, rc1."""
    if version.epoch or version.local:
        msg = f"{found.path}:{found.line}: {version} can't be written as a tuple"
        raise VersionError(msg, hint=f'Write it as one literal: __version__ = "{version}".')
    return [str(each) for each in version.release] + [*_suffixes(version)]


def _suffixes(version: Version) -> Iterable[str]:
    if version.pre is not None:
        yield f"{version.pre[0]}{version.pre[1]}"
    if version.post is not None:
        yield f"post{version.post}"
    if version.dev is not None:
        yield f"dev{version.dev}"


def _item(old: str, part: str) -> str:
    """One element of a tuple, quoted as the old one was; what is not a number needs quotes."""
    match = _LITERAL.match(old)
    if match is not None:
        return match[0] + part + match["quote"]
    return part if part.isdecimal() else f'"{part}"'
