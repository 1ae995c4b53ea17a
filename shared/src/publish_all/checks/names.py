"""What a public index has against a project's name before it takes its first file. Pure.

The rules are PyPI's own (PEP 423 and its server's validators): no name of a module of the standard
library, and none that looks like another project's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName, canonicalize_name

from publish_all.diagnoses import NAME_NOT_ALLOWED, NAME_TOO_SIMILAR, Diagnosis
from publish_all.findings import Finding

_ALWAYS_PROHIBITED = frozenset(
    {"requirements-txt", "rrequirements-txt", "setup-py", "pyproject-toml", "main-py"}
)
"""What people upload by mistake for `pip install -r`: https://github.com/pypi/warehouse, `project_name` of its validators."""


def prohibited(project: NormalizedName, *, repository: str) -> Finding | None:
    """The finding for a name that cannot be registered, None for other names."""
    of_library = {canonicalize_name(each) for each in sys.stdlib_module_names if not each.startswith("_")}
    if project in of_library:
        what = f"{project} is the name of a module of Python's standard library, which {repository} does not give away."
    elif project in _ALWAYS_PROHIBITED:
        what = f"{repository} does not give the name {project} to anybody."
    else:
        return None
    return NAME_NOT_ALLOWED.found(what, where=repository, hint="Choose another name for the project.")


def look_alike(one: str, other: str) -> bool:
    """Whether a public index takes two names for one: without separators, with 1, l and i alike, and 0 and o."""
    return _looks(one) == _looks(other)


def _looks(name: str) -> str:
    plain = re.sub(r"[-_.]+", "", name).lower()
    return plain.translate(str.maketrans("1i0", "llo"))


def neighbours(project: NormalizedName) -> Iterator[NormalizedName]:
    """Other names that look like this one, likeliest first. Only a few of all there could be."""
    swapped = (("1", "l"), ("l", "1"), ("0", "o"), ("o", "0"))
    candidates = [
        project.replace("-", ""),
        *(project.replace(old, new) for old, new in swapped if old in project),
    ]
    for each in dict.fromkeys(canonicalize_name(candidate) for candidate in candidates):
        if each != project and look_alike(each, project):
            yield each


def too_similar(project: NormalizedName, other: NormalizedName, *, repository: str) -> Finding:
    return NAME_TOO_SIMILAR.found(
        f"{project} is not there yet, and {other}, which looks like it, is.",
        where=repository,
        hint=f"Choose another name; if {other} is yours, publish under that one.",
    )


def in_use(
    project: NormalizedName, ours: Mapping[str, str], theirs: Mapping[str, str], *, repository: str
) -> Finding | None:
    """A finding where a project of this name is there and its links (label → URL) share nothing with ours.

    None where either side has no links: then nothing can be told.
    """
    own, other = {_place(each) for each in ours.values()}, {_place(each) for each in theirs.values()}
    if not own or not other or own & other:
        return None
    return Diagnosis("PA424").found(
        f"{project} already exists, and its links ({', '.join(sorted(theirs.values())[:2])}) are not those of this project.",
        where=repository,
    )


def _place(url: str) -> str:
    """Host and first two folders: where a project lives, on whichever page of it."""
    rest = re.sub(r"^[a-z+]+://(www\.)?", "", url.strip().lower()).removesuffix(".git")
    return "/".join(rest.rstrip("/").split("/")[:3])
