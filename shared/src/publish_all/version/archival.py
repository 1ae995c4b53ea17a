"""What `git archive` wrote into `.git_archival.txt` (a file marked `export-subst`).

The lines that setuptools-scm and others ask for; we read `node`, `describe-name` and `ref-names`.
"""

from __future__ import annotations

import re
from pathlib import Path

from publish_all.version.git import Described
from publish_all.version.tags import highest, tag_version

FILE = ".git_archival.txt"
_LINE = re.compile(r"^([a-z-]+):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g[0-9a-f]+")


def described_in_archive(root: Path, *, prefix: str) -> Described | None:
    """What the file in `root` says; None without one, where git did not fill it in, or if it names no version tag."""
    try:
        text = (root / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return parse_archival(text, prefix=prefix)


def parse_archival(text: str, *, prefix: str) -> Described | None:
    # Git leaves `$Format:…$` in a working tree, and `%(describe)` where it is too old for that.
    lines = {key: value for key, value in _LINE.findall(text) if "$Format" not in value and "%(" not in value}
    node = lines.get("node", "")
    if not re.fullmatch(r"[0-9a-f]{40,64}", node):
        return None
    refs = [each.strip() for each in lines.get("ref-names", "").split(",")]
    here = highest((each.removeprefix("tag: ") for each in refs if each.startswith("tag: ")), prefix)
    if here is not None:
        return _described(here, 0, node, prefix)
    name = lines.get("describe-name", "")
    if tag_version(name, prefix) is not None and not _DESCRIBED.fullmatch(name):
        return _described(name, 0, node, prefix)
    found = _DESCRIBED.fullmatch(name)
    return _described(found["tag"], int(found["distance"]), node, prefix) if found else None


def _described(tag: str, distance: int, node: str, prefix: str) -> Described | None:
    version = tag_version(tag, prefix)
    if version is None:
        return None
    return Described(tag=tag, version=version, distance=distance, node=node, dirty=False)
