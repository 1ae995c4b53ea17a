"""Laying one TOML table over another, and keys of `[project]` over a project of either style. Pure.

A project's metadata is in `[project]` (PEP 621) or, in Poetry's older style, in `[tool.poetry]`.
Variants speak PEP 621 in both cases; here it is translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from publish_all._build_system import poetry_version_counts
from publish_all._toml import Table, copied, copied_value, table
from publish_all.errors import ConfigurationError
from publish_all.variants import dependencies

# Well-known labels of `[project.urls]` that are separate keys there.
_POETRY_URLS = ("homepage", "repository", "documentation")


def without_ours(pyproject: Mapping[str, Any]) -> Table:
    """A copy without `[tool.publish-all]`, as distributions hold it."""
    result = copied(pyproject)
    tool = result.get("tool")
    if isinstance(tool, dict):
        tool.pop("publish-all", None)
        if not tool:
            del result["tool"]
    return result


def is_poetry_style(pyproject: Mapping[str, Any]) -> bool:
    """Whether the metadata is in `[tool.poetry]` alone."""
    return "project" not in pyproject and "poetry" in table(pyproject, "tool")


def name_of(pyproject: Mapping[str, Any]) -> str | None:
    """The distribution's name, in either style; None where none is stated."""
    return _text(pyproject, "name")


def static_version_of(pyproject: Mapping[str, Any]) -> str | None:
    """The version which the file states, in either style; None where it is dynamic, missing, or a placeholder."""
    if "version" in table(pyproject, "project").get("dynamic", ()):
        return None
    if is_poetry_style(pyproject) and not poetry_version_counts(pyproject):
        return None
    return _text(pyproject, "version")


def _text(pyproject: Mapping[str, Any], key: str) -> str | None:
    for found in (table(pyproject, "project").get(key), table(pyproject, "tool", "poetry").get(key)):
        if isinstance(found, str) and found:
            return found
    return None


def with_name(pyproject: Mapping[str, Any], name: str) -> Table:
    """The distribution renamed, wherever the file states its name. Extras that name itself follow."""
    result = _with_text(pyproject, "name", name)
    old = name_of(pyproject)
    return dependencies.with_self_renamed(result, old, name) if old else result


def with_version(pyproject: Mapping[str, Any], version: str) -> Table:
    """The version written in: static, and with nothing left by which a backend would compute another."""
    result = _with_text(pyproject, "version", version)
    _drop_dynamic(result, {"version"})
    tool = result.get("tool", {})
    tool.pop("poetry-dynamic-versioning", None)
    for path in (("hatch",), ("pdm",), ("setuptools", "dynamic"), ("flit", "metadata")):
        _drop(tool, path, "version")
    return _without_empty_tables(result)


def _with_text(pyproject: Mapping[str, Any], key: str, value: str) -> Table:
    result = copied(pyproject)
    poetry = result.get("tool", {}).get("poetry")
    if is_poetry_style(result):
        result["tool"]["poetry"] = {**poetry, key: value}
        return result
    if isinstance(poetry, dict) and key in poetry:
        poetry[key] = value
    result["project"] = {**result.get("project", {}), key: value}
    return result


def _drop(tool: Table, path: tuple[str, ...], key: str) -> None:
    found = table(tool, *path)
    if isinstance(found, dict):
        found.pop(key, None)


def _without_empty_tables(pyproject: Table) -> Table:
    tool = {key: value for key, value in pyproject.get("tool", {}).items() if value != {}}
    if tool:
        return {**pyproject, "tool": tool}
    return {key: value for key, value in pyproject.items() if key != "tool"}


def _drop_dynamic(pyproject: Table, keys: set[str]) -> None:
    project = pyproject.get("project")
    if isinstance(project, dict) and "dynamic" in project:
        project["dynamic"] = [each for each in project["dynamic"] if each not in keys]
        if not project["dynamic"]:
            del project["dynamic"]


def without_stated_dynamic(pyproject: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """What an overlay states is not dynamic any more, unless it says so itself."""
    result = copied(pyproject)
    stated = table(over, "project")
    if "dynamic" not in stated:
        _drop_dynamic(result, set(stated))
    return result


def with_project_keys(pyproject: Mapping[str, Any], keys: Mapping[str, Any], *, where: str) -> Table:
    """Inline `[project]` keys: each replaces the base's, `optional-dependencies` extra by extra. `where` is the key path of the table that holds them.

    Raises `ConfigurationError` for a key that has no counterpart in `[tool.poetry]`.
    """
    result = copied(pyproject)
    for key, value in keys.items():
        if key == "dependencies":
            result = dependencies.replaced(result, value, where=f"{where}.{key}")
        elif key == "optional-dependencies":
            result = dependencies.with_extras(result, value, where=f"{where}.{key}")
        elif is_poetry_style(result):
            _set_in_poetry(result["tool"]["poetry"], key, copied_value(value), where=f"{where}.{key}")
        else:
            result.setdefault("project", {})[key] = copied_value(value)
            if key == "requires-python":
                # Poetry locks for this, and refuses one that is wider than the project's.
                _drop(result.get("tool", {}), ("poetry", "dependencies"), "python")
    _drop_dynamic(result, set(keys))
    return result


def _set_in_poetry(poetry: Table, key: str, value: Any, *, where: str) -> None:
    match key:
        case "name" | "version" | "description" | "keywords" | "classifiers" | "scripts":
            poetry[key] = value
        case "readme" | "license" if not isinstance(value, Mapping):
            poetry[key] = value
        case "readme" if "file" in value:
            poetry[key] = value["file"]
        case "license" if "text" in value:
            poetry[key] = value["text"]
        case "authors" | "maintainers":
            poetry[key] = [person(each) for each in value]
        case "urls":
            for each in (*_POETRY_URLS, "urls"):
                poetry.pop(each, None)
            poetry |= {label.lower(): url for label, url in value.items() if label.lower() in _POETRY_URLS}
            other = {label: url for label, url in value.items() if label.lower() not in _POETRY_URLS}
            if other:
                poetry["urls"] = other
        case "entry-points":
            poetry["plugins"] = value
        case "requires-python":
            poetry["dependencies"] = {**poetry.get("dependencies", {}), "python": value}
        case _:
            msg = f"{where}: [tool.poetry] cannot have this, and the project has no [project] table"
            hint = "Move the project's metadata to [project], which Poetry 2 knows too."
            raise ConfigurationError(msg, hint=hint)


def person(entry: Mapping[str, str]) -> str:
    """`Name <email>`, or the one of them that there is."""
    name, email = entry.get("name", ""), entry.get("email", "")
    return f"{name} <{email}>" if name and email else name or email
