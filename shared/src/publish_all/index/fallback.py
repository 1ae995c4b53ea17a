"""Which names are served from where: a private name from our sources only, any other from the fallback only. Pure.

No name is ever looked up in both, so nobody who takes a private name on a public index can get a file
of theirs installed (dependency confusion).
"""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable

from packaging.utils import NormalizedName

from publish_all._values import dataclass

_SEPARATORS = re.compile(r"[-_.]+")


class Where(enum.Enum):
    """The one place where a name is looked up."""

    SOURCES = "sources"
    FALLBACK = "fallback"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """Another index. `url` ends with a slash; with `proxy` its pages and files pass through us."""

    url: str
    proxy: bool = False

    def page_url(self, project: NormalizedName) -> str:
        return f"{self.url}{project}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """The rule. `private` are patterns as from `private_patterns`; without a fallback all names are ours."""

    private: tuple[str, ...] = ()
    fallback: Fallback | None = None

    def where(self, project: NormalizedName) -> Where:
        if self.fallback is None or self.is_private(project):
            return Where.SOURCES
        return Where.FALLBACK

    def is_private(self, project: NormalizedName) -> bool:
        return any(fnmatch.fnmatchcase(project, each) for each in self.private)


def private_patterns(stated: Iterable[str]) -> tuple[str, ...]:
    """Names and patterns (`kindling-*`) as names are compared: in lower case, with `-` for `_` and `.`."""
    found = (_SEPARATORS.sub("-", each.strip()).lower() for each in stated)
    return tuple(dict.fromkeys(each for each in found if each))
