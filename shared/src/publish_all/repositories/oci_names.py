"""Where things are in an OCI registry: repositories for projects, tags for versions, files in an index. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from publish_all._values import dataclass

SDIST = ".tar.gz"
"""The `architecture` of an sdist."""

TAG_LENGTH = 128
"""The longest tag, after the specification."""
FILENAME_LENGTH = 255

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_NAME = "{name}"
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


class PlaceError(ValueError):
    """A URL does not name a place in an OCI registry. The message says why, to follow the URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A registry, and below which path it keeps our projects.

    `registry` is scheme and host (`https://ghcr.io`); `path` has `{name}` where the name of the project
    belongs, in lower case.
    """

    registry: str
    path: str

    @property
    def url(self) -> str:
        """What people know it by: without the name of a project."""
        return f"{self.registry}/{self.path}".removesuffix(f"/{_NAME}")

    @property
    def namespace(self) -> str:
        """What stands before the names of projects, without a slash at the end."""
        return self.path.partition(_NAME)[0].rstrip("/")

    def repository(self, project: NormalizedName) -> str:
        """The OCI repository of a project: `sep/kindling_synapse`."""
        return self.path.replace(_NAME, project.replace("-", "_"))

    def project(self, repository: str) -> NormalizedName | None:
        """The project that an OCI repository here is for, None if it is for none."""
        before, _, after = self.path.partition(_NAME)
        middle = repository.removeprefix(before).removesuffix(after)
        if f"{before}{middle}{after}" != repository or not middle or "/" in middle:
            return None
        name = canonicalize_name(middle)
        return name if self.repository(name) == repository else None


def parse_place(url: str, values: Mapping[str, str | None]) -> Place:
    """The place that a configured URL names, https where it states no scheme; `values` fill its `{owner}` and so on.

    Registries know lower case only, and GitHub takes owners in any case, so names are turned into lower
    case. Raises `PlaceError`.
    """
    for key, value in values.items():
        if f"{{{key}}}" in url and value is not None:
            url = url.replace(f"{{{key}}}", value)
    parts = urlsplit(url if "://" in url else f"https://{url}")
    path = parts.path.strip("/").lower()
    if parts.query or parts.fragment:
        raise PlaceError("has a query or fragment, which an OCI registry knows nothing of")
    if path == "v2" or path.startswith("v2/"):
        raise PlaceError("names the API; leave out /v2")
    if _NAME not in path:
        path = f"{path}/{_NAME}".lstrip("/")
    for part in path.replace(_NAME, "x").split("/"):
        if not _PART.fullmatch(part):
            raise PlaceError(
                f"holds {part!r}, and names in an OCI registry are letters, digits, and single '.', '_' and "
                "'-' between them"
            )
    return Place(registry=f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2].lower()}", path=path)


def tag_of(version: Version) -> str:
    """The tag of a version: tags may hold neither `+` nor `!`, and a normalised version neither `-` nor `_`."""
    return str(version).replace("+", "-").replace("!", "_")


def version_text(tag: str) -> str:
    """The version as the writer of a tag wrote it."""
    return tag.replace("-", "+", 1).replace("_", "!", 1)


def version_of(tag: str) -> Version | None:
    """The version that a tag stands for; None for a foreign tag, as `latest` and `sha256-…`."""
    if not tag[:1].isdecimal() or len(tag) > TAG_LENGTH:
        return None
    try:
        return Version(version_text(tag))
    except InvalidVersion:
        return None


def architecture_of(filename: str) -> str:
    """What tells the files of a release apart: `.tar.gz`, or what follows `name-version-` in a wheel's name."""
    return SDIST if filename.endswith(SDIST) else filename.split("-", 2)[2]


def filename_of(project: NormalizedName, tag: str, architecture: str, title: str | None) -> str | None:
    """The name of a file of a release: its title if that fits, else put together; None if none can be.

    What comes from a registry is not trusted: the name is that of a distribution of this very project
    and version, and no path.
    """
    stem = f"{project.replace('-', '_')}-{version_text(tag)}"
    made = stem + (SDIST if architecture == SDIST else f"-{architecture}")
    candidates = (title, made) if title is not None else (made,)
    return next((each for each in candidates if _fits(each, project, tag, architecture)), None)


def _fits(filename: str, project: NormalizedName, tag: str, architecture: str) -> bool:
    if len(filename) > FILENAME_LENGTH or not _FILENAME.fullmatch(filename) or ".." in filename:
        return False
    try:
        if filename.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return False
    return (name, version, architecture_of(filename)) == (project, version_of(tag), architecture)
