"""What a pyproject.toml says of the project's name and version, and who else may know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OURS = "publish-all"
_BACKENDS = "publish_all.backends"


def table(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The table at a key path, empty when there is none."""
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def project_name(pyproject: Mapping[str, Any]) -> str | None:
    for each in (table(pyproject, "project"), table(pyproject, "tool", "poetry")):
        if isinstance(name := each.get("name"), str) and name:
            return name
    return None


def static_version(pyproject: Mapping[str, Any]) -> tuple[str, str] | None:
    """The version that is written down, and its key path. A placeholder beside `dynamic` is not one.

    With `[project]` and "version" in its `dynamic`, Poetry takes `[tool.poetry].version`.
    """
    for key, each in (
        ("project.version", table(pyproject, "project")),
        ("tool.poetry.version", table(pyproject, "tool", "poetry")),
    ):
        if isinstance(version := each.get("version"), str) and version:
            return version, key
    return None


def is_dynamic(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[project]` leaves the version to the build backend."""
    return "version" in (table(pyproject, "project").get("dynamic") or ())


def backend_of(pyproject: Mapping[str, Any]) -> str:
    """The build backend; setuptools by default (PEP 517)."""
    backend = table(pyproject, "build-system").get("build-backend")
    return backend if isinstance(backend, str) else "setuptools.build_meta:__legacy__"


def backend_asks_us(pyproject: Mapping[str, Any]) -> bool:
    """Whether the build backend takes the version from publish-all."""
    if backend_of(pyproject).startswith(_BACKENDS):
        return True
    return table(pyproject, "tool", "hatch", "version").get("source") == OURS


def asks_us(pyproject: Mapping[str, Any]) -> bool:
    """Whether the project says that publish-all knows its version: from git, or an attribute."""
    return bool(table(pyproject, "tool", "publish-all", "version").get("source", "project") != "project")
