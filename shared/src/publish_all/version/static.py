"""What a pyproject.toml says of the project's name and version, and who else may know. Pure."""

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
    """The version that is written down, and its key path. A placeholder beside `dynamic` is not one.

    With `[project]` and "version" in its `dynamic`, poetry-core takes `[tool.poetry].version`; for other
    backends it is no version.
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
    """The key path of the table by which a plugin makes the version, where `text` is written as a placeholder only.

    A plugin of Poetry itself works in `poetry build`, and no build backend knows of it. 0.0.0 is what such
    plugins ask for; poetry-dynamic-versioning says for itself whether it is switched on.
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
    """Whether the project says that publish-all knows its version: from git, or an attribute."""
    return bool(table(pyproject, "tool", "publish-all", "version").get("source", "project") != "project")
