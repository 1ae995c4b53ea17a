"""Laying one TOML table over another, and keys of `[project]` over a project of either style. Pure.

A project's metadata is in `[project]` (PEP 621) or, in Poetry's older style, in `[tool.poetry]`.
Variants speak PEP 621 in both cases; here it is translated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from publish_all._build_system import poetry_version_counts
from publish_all.errors import ConfigurationError
from publish_all.variants import dependencies

Table: TypeAlias = dict[str, Any]

# Keys which `[tool.poetry]` has under the same name and in the same form.
_SAME_IN_POETRY = frozenset({"name", "version", "description", "keywords", "classifiers", "scripts"})
# Well-known labels of `[project.urls]` which have keys of their own there.
_POETRY_URLS = ("homepage", "repository", "documentation")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """`over` laid over `base`: tables key by key, everything else (lists too) replaced. Neither is changed."""
    result = copied(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = _copied_value(value)
    return result


def copied(table: Mapping[str, Any]) -> Table:
    """A deep copy in plain dicts and lists."""
    return {key: _copied_value(value) for key, value in table.items()}


def _copied_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return copied(value)
    if isinstance(value, list | tuple):
        return [_copied_value(each) for each in value]
    return value


def table(pyproject: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The table at a key path; an empty one where there is none."""
    found: Any = pyproject
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


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
        result["tool"]["poetry"] = _placed(poetry, key, value)
        return result
    if isinstance(poetry, dict) and key in poetry:
        poetry[key] = value
    result["project"] = _placed(result.get("project", {}), key, value)
    return result


def _placed(of: Table, key: str, value: str) -> Table:
    """With the key where it is, or at the head of the table, where people look for it: the name, then the version."""
    if key in of:
        return {**of, key: value}
    head = {"name": of["name"]} if key == "version" and "name" in of else {}
    return {**head, key: value, **{other: each for other, each in of.items() if other not in head}}


def _drop(tool: Table, path: tuple[str, ...], key: str) -> None:
    for each in path:
        tool = tool.get(each, {})
        if not isinstance(tool, dict):
            return
    tool.pop(key, None)


def _without_empty_tables(pyproject: Table) -> Table:
    tool = {key: value for key, value in pyproject.get("tool", {}).items() if value != {}}
    if tool:
        return {**pyproject, "tool": tool}
    return {key: value for key, value in pyproject.items() if key != "tool"}


def _drop_dynamic(pyproject: Table, keys: set[str]) -> None:
    project = pyproject.get("project")
    if not isinstance(project, dict) or "dynamic" not in project:
        return
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
            _set_in_poetry(result["tool"]["poetry"], key, _copied_value(value), where=f"{where}.{key}")
        else:
            result.setdefault("project", {})[key] = _copied_value(value)
            if key == "requires-python":
                # Poetry locks for this, and refuses one that is wider than the project's.
                _drop(result.get("tool", {}), ("poetry", "dependencies"), "python")
    _drop_dynamic(result, set(keys))
    return result


def _set_in_poetry(poetry: Table, key: str, value: Any, *, where: str) -> None:
    if key in _SAME_IN_POETRY:
        poetry[key] = value
    elif key in _TRANSLATED:
        _TRANSLATED[key](poetry, value, where)
    else:
        msg = f"{where}: [tool.poetry] has no such key, and the project has no [project] table"
        raise ConfigurationError(
            msg, hint="Move the project's metadata to [project], which Poetry 2 knows too."
        )


def _set_readme(poetry: Table, value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        if "file" not in value:
            msg = f"{where}: [tool.poetry] takes the readme from a file only"
            raise ConfigurationError(msg, hint='State the name of a file: readme = "README.md"')
        value = value["file"]
    poetry["readme"] = value


def _set_license(poetry: Table, value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        if "text" not in value:
            msg = f"{where}: [tool.poetry] takes a licence by its SPDX identifier only"
            raise ConfigurationError(msg, hint='State it as text: license = "MIT"')
        value = value["text"]
    poetry["license"] = value


def _people(key: str) -> Callable[[Table, Any, str], None]:
    def put(poetry: Table, value: Any, where: str) -> None:
        del where
        poetry[key] = [person(each) for each in value]

    return put


def person(entry: Mapping[str, str]) -> str:
    """`Name <email>`, or the one of them that there is."""
    name, email = entry.get("name", ""), entry.get("email", "")
    return f"{name} <{email}>" if name and email else name or email


def _set_urls(poetry: Table, value: Mapping[str, str], where: str) -> None:
    del where
    for key in (*_POETRY_URLS, "urls"):
        poetry.pop(key, None)
    other = {}
    for label, url in value.items():
        if label.lower() in _POETRY_URLS:
            poetry[label.lower()] = url
        else:
            other[label] = url
    if other:
        poetry["urls"] = other


def _set_entry_points(poetry: Table, value: Any, where: str) -> None:
    del where
    poetry["plugins"] = value


def _set_python(poetry: Table, value: Any, where: str) -> None:
    del where
    poetry["dependencies"] = {**poetry.get("dependencies", {}), "python": value}


_TRANSLATED: Mapping[str, Callable[[Table, Any, str], None]] = {
    "readme": _set_readme,
    "license": _set_license,
    "authors": _people("authors"),
    "maintainers": _people("maintainers"),
    "urls": _set_urls,
    "entry-points": _set_entry_points,
    "requires-python": _set_python,
}
