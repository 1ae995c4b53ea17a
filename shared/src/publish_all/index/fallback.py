"""Which names are served from where: a private name from our sources only, any other from the fallbacks only. Pure.

No name is ever looked up in both, so nobody who takes a private name on a public index can get a file
of theirs installed (dependency confusion).
"""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Iterable

from packaging.utils import NormalizedName

from publish_all._http import BasicAuth
from publish_all._values import dataclass

_SEPARATORS = re.compile(r"[-_.]+")


class Where(enum.Enum):
    """The one place where a name is looked up."""

    SOURCES = "sources"
    FALLBACK = "fallback"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """Another index. `url` ends with a slash and holds no user name; `auth` is for this server only."""

    url: str
    auth: BasicAuth | None = None

    def page_url(self, project: NormalizedName) -> str:
        return f"{self.url}{project}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """The rule. `private` are patterns as from `private_patterns`; without a fallback all names are ours.

    With `proxy` the pages and files of the fallbacks pass through us. Otherwise clients are redirected,
    which works only with one fallback that wants no credential of ours.
    """

    private: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    proxy: bool = False

    def where(self, project: NormalizedName) -> Where:
        if not self.fallbacks or self.is_private(project):
            return Where.SOURCES
        return Where.FALLBACK

    def redirect(self, project: NormalizedName) -> str | None:
        """The address to which a client is sent for the page of a project; None if the page is ours to serve."""
        if self.proxy or self.where(project) is Where.SOURCES:
            return None
        return self.fallbacks[0].page_url(project)

    def is_private(self, project: NormalizedName) -> bool:
        return any(fnmatch.fnmatchcase(project, each) for each in self.private)


def private_patterns(stated: Iterable[str]) -> tuple[str, ...]:
    """Names and patterns (`kindling-*`) as names are compared: in lower case, with `-` for `_` and `.`."""
    found = (_SEPARATORS.sub("-", each.strip()).lower() for each in stated)
    return tuple(dict.fromkeys(each for each in found if each))
