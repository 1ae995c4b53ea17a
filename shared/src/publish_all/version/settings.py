"""What resolving a version needs to know of a project, and a quick way to it for builds.

The quick way reads `[tool.publish-all.version]` alone: importing the whole configuration costs a build
more than git does. It takes only what is plainly right; everything else goes the long way, which knows
the rest and says what is wrong. The values here are named tuples, which are made at import several
times faster than frozen dataclasses, for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from publish_all.version.static import table

if TYPE_CHECKING:
    from publish_all.config.model import ProjectConfig

_CHOICES = {
    "source": ("project", "git", "attribute"),
    "scheme": ("guess", "post"),
    "local": ("none", "node", "node-and-date"),
    "dirty": ("allow", "error"),
    "shallow": ("error", "allow"),
}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Settings(NamedTuple):
    """A project and its `[tool.publish-all.version]`, with the meanings and defaults of `VersionConfig`."""

    root: Path
    pyproject: Mapping[str, Any]
    source: Literal["project", "git", "attribute"] = "project"
    path: str | None = None
    tag_prefix: str = "v"
    scheme: str = "guess"
    local: str = "none"
    dirty: str = "allow"
    shallow: str = "error"
    fallback: str | None = None

    @property
    def file(self) -> Path:
        return self.root / "pyproject.toml"


def settings_of(config: ProjectConfig) -> Settings:
    stated = config.version
    return Settings(
        root=config.root,
        pyproject=config.pyproject,
        source=stated.source.value,
        path=stated.path,
        tag_prefix=stated.tag_prefix,
        scheme=stated.scheme,
        local=stated.local,
        dirty=stated.dirty,
        shallow=stated.shallow,
        fallback=stated.fallback,
    )


def settings_for_build(pyproject: Mapping[str, Any], root: Path) -> Settings:
    """The same from the values of a pyproject.toml, quickly. Raises `ConfigurationError`."""
    stated = table(pyproject, "tool", "publish-all", "version")
    whole = stated.get("source") != "attribute" or "path" in stated
    if whole and all(_is_plain(key, value) for key, value in stated.items()):
        keys = {key.replace("-", "_"): value for key, value in stated.items() if key != "sync"}
        return Settings(root=root, pyproject=pyproject, **keys)
    from publish_all.config.parse import parse_project

    return settings_of(parse_project(pyproject, root=root))


def _is_plain(key: str, value: object) -> bool:
    """Whether it needs no closer look. Where `sync` points is no matter for a build."""
    if key == "sync":
        return isinstance(value, list)
    if not isinstance(value, str):
        return False
    if key == "path":
        return all(part and _PLAIN.issuperset(part.removesuffix(".py")) for part in value.split("/"))
    if key == "tag-prefix":
        return _PLAIN.issuperset(value)
    return value in _CHOICES.get(key, ())
