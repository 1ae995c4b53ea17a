"""The name and version in a pyproject.toml, and what else may provide the version. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publish_all._build_system import backend_name, poetry_version_counts
from publish_all._toml import table

OURS = "publish-all"
_BACKENDS = "publish_all.backends"


def project_name(pyproject: Mapping[str, Any]) -> str | None:
    for each in (table(pyproject, "project"), table(pyproject, "tool", "poetry")):
        if isinstance(name := each.get("name"), str) and name:
            return name
    return None


def static_version(pyproject: Mapping[str, Any]) -> tuple[str, str] | None:
    """The static version and its key path. A placeholder next to `dynamic` does not count.

    With `[project]` and "version" in its `dynamic`, poetry-core uses `[tool.poetry].version`. Other
    backends ignore it.
    """
    counts = poetry_version_counts(pyproject)
    for path in (("project",), ("tool", "poetry")) if counts else (("project",),):
        if isinstance(version := table(pyproject, *path).get("version"), str) and version:
            return version, f"{'.'.join(path)}.version"
    return None


def is_dynamic(pyproject: Mapping[str, Any]) -> bool:
    """Whether `[project]` leaves the version to the build backend."""
    return "version" in (table(pyproject, "project").get("dynamic") or ())


def maker_of_placeholder(pyproject: Mapping[str, Any], text: str) -> str | None:
    """The key path of the table of a plugin that computes the version, if `text` is only a placeholder for it.

    Plugins of Poetry work in `poetry build`, but not in a build backend. They use 0.0.0 as a placeholder;
    poetry-dynamic-versioning has a switch.
    """
    if table(pyproject, "tool", "poetry-dynamic-versioning").get("enable") is True:
        return "tool.poetry-dynamic-versioning"
    if text.strip() not in {"0", "0.0", "0.0.0"}:
        return None
    makers = (key for key, value in table(pyproject, "tool").items() if isinstance(value, Mapping))
    return next((f"tool.{key}" for key in makers if "version" in key), None)


def backend_asks_us(pyproject: Mapping[str, Any]) -> bool:
    """Whether the build backend takes the version from publish-all."""
    if backend_name(pyproject).startswith(_BACKENDS):
        return True
    return table(pyproject, "tool", "hatch", "version").get("source") == OURS


def asks_us(pyproject: Mapping[str, Any]) -> bool:
    """Whether publish-all provides the version of the project: from git or an attribute."""
    return bool(table(pyproject, "tool", "publish-all", "version").get("source", "project") != "project")
