"""What is found about versions."""

from __future__ import annotations

from publish_all.findings import Diagnosis, Severity

VERSION_DIFFERS = Diagnosis(
    "PA230",
    "version-differs",
    Severity.ERROR,
    "A place in the project says another version than the one that is released.",
)
DIRTY_TREE = Diagnosis(
    "PA231",
    "dirty-tree",
    Severity.ERROR,
    "What goes to PyPI stays there; built from uncommitted changes, nobody can find its sources again.",
)
TAG_SAYS_OTHERWISE = Diagnosis(
    "PA232",
    "tag-says-otherwise",
    Severity.ERROR,
    "The commit that is checked out is tagged as another version than the one that is released.",
)
TAG_DIFFERS_FROM_REMOTE = Diagnosis(
    "PA233",
    "tag-differs-from-remote",
    Severity.ERROR,
    "The tag of this name on the remote is another one: a release from it has other contents.",
)
TAG_NOT_PUSHED = Diagnosis(
    "PA234",
    "tag-not-pushed",
    Severity.WARNING,
    "A release whose tag is only here cannot be found in the repository that others see.",
)
REMOTE_NOT_ASKED = Diagnosis(
    "PA235",
    "remote-not-asked",
    Severity.NOTE,
    "Whether the tag is the same on the remote could not be found out.",
)
VERSION_UNKNOWN = Diagnosis(
    "PA236",
    "version-unknown",
    Severity.ERROR,
    "Every file carries the version in its name and its metadata, so nothing can be built without one.",
)
SHALLOW_CLONE = Diagnosis(
    "PA237",
    "shallow-clone",
    Severity.ERROR,
    "A shallow clone lacks the commits and tags that the version is counted from.",
)
TAG_MISSING = Diagnosis(
    "PA239",
    "tag-missing",
    Severity.NOTE,
    "The releases before have tags. Without one for this version, nobody finds its sources again.",
)
BETWEEN_TAGS = Diagnosis(
    "PA238",
    "between-tags",
    Severity.NOTE,
    "A version that is counted from commits after a tag is a development version, which installers pass over "
    "unless they are asked for it.",
)
