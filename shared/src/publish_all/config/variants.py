"""`[tool.publish-all.variants.NAME]`, `[tool.publish-all.variant-defaults]` and their `wheels`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from publish_all.config.model import EMPTY, VariantConfig, WheelConfig
from publish_all.config.paths import source_problem, target_problem
from publish_all.config.standards import (
    local_version_problem,
    name_problem,
    requirement_problem,
    specifiers_problem,
    wheel_tag_problem,
)
from publish_all.config.table import Table, describe

Destinations = Callable[[Table, str], "tuple[str, ...] | None"]
"""Reads a `publish-to`."""

_VARIANT_NAME = re.compile(r"[^:,\s]+")

_REFUSED = {
    "version": (
        "all build variants of a project share its version",
        "Leave it out; [tool.publish-all.version] says where the version comes from.",
    ),
    "dynamic": ("what a build variant states is static", "Leave it out, and state the keys themselves."),
    "variant-properties": (
        "is reserved: wheel variants (PEP 817) are a draft which no installer supports",
        "Give the build variant a name of its own instead.",
    ),
}


def parse_variants(tables: Table | None, destinations: Destinations) -> Mapping[str, VariantConfig]:
    """All build variants by name, in the order of the file."""
    found = {}
    for name, table in tables.tables() if tables is not None else ():
        if not _VARIANT_NAME.fullmatch(name):
            table.problems.add(
                table.path, f"{name!r} can't name a build variant: no ':', ',' or white space, and not empty"
            )
        found[name] = parse_variant(name, table, destinations)
    return MappingProxyType(found)


def parse_variant(name: str | None, table: Table, destinations: Destinations) -> VariantConfig:
    """One build variant; the defaults of all of them where `name` is None."""
    for key, (reason, hint) in _REFUSED.items():
        table.refuse(key, reason, hint=hint)
    config = VariantConfig(
        variant=name,
        name=table.string("name", name_problem),
        pyproject=table.string("pyproject", source_problem),
        overlay=table.string("overlay", source_problem),
        layout=_layout(table),
        project=_project(table),
        extend_dependencies=table.strings("extend-dependencies", requirement_problem) or (),
        exclude_dependencies=table.strings("exclude-dependencies", name_problem) or (),
        include=table.strings("include") or (),
        exclude=table.strings("exclude") or (),
        force_include=_force_include(table),
        tool=_tool(table),
        dependency_groups=_dependency_groups(table),
        local_version=table.string("local-version", local_version_problem),
        publish_to=destinations(table, "publish-to"),
        sdist=table.boolean("sdist"),
        wheels=parse_wheels(table.table("wheels")),
    )
    if table.has("pyproject") and table.has("overlay"):
        table.add(
            "overlay",
            "goes without 'pyproject': the one is merged over our pyproject.toml, the other replaces it",
            hint="Keep one of the two.",
        )
    table.close()
    return config


def parse_wheels(tables: Table | None) -> Mapping[str, WheelConfig]:
    """The platform wheels by tag, in the order of the file."""
    found = {}
    for tag, table in tables.tables() if tables is not None else ():
        if (trouble := wheel_tag_problem(tag)) is not None:
            table.problems.add(table.path, trouble)
        found[tag] = WheelConfig(
            tag=tag,
            include=table.strings("include") or (),
            exclude=table.strings("exclude") or (),
            force_include=_force_include(table),
        )
        table.close()
    return MappingProxyType(found)


def _layout(table: Table) -> Mapping[str, str]:
    _check_keys(table, "layout")
    return table.string_map("layout", target_problem) or EMPTY


def _force_include(table: Table) -> Mapping[str, str]:
    _check_keys(table, "force-include")
    return table.string_map("force-include", target_problem) or EMPTY


def _check_keys(table: Table, key: str) -> None:
    """The left sides are paths in the project."""
    stated = table.values.get(key)
    for path in stated if isinstance(stated, dict) else ():
        if (trouble := source_problem(path)) is not None:
            table.add(key, trouble)


def _tool(table: Table) -> Mapping[str, Any]:
    tool = table.table("tool")
    if tool is None:
        return EMPTY
    tool.refuse("publish-all", "a build variant can't change the configuration that it is part of")
    return MappingProxyType({name: dict(each.values) for name, each in tool.tables()})


def _dependency_groups(table: Table) -> Mapping[str, Any]:
    """PEP 735: dependency specifiers and `{include-group = …}`."""
    groups = table.table("dependency-groups")
    if groups is None:
        return EMPTY
    for name in groups.values:
        for index, item in groups.items(name):
            _check_group_item(groups, name, index, item)
    return MappingProxyType(dict(groups.values))


def _check_group_item(groups: Table, name: str, index: int, item: Any) -> None:
    path = (*groups.path, name, index)
    match item:
        case str():
            if (trouble := requirement_problem(item)) is not None:
                groups.problems.add(path, trouble)
        case {"include-group": str()} if len(item) == 1:
            pass
        case _:
            groups.problems.add(
                path, f'must be a dependency specifier or {{ include-group = "NAME" }}, not {describe(item)}'
            )


def _project(table: Table) -> Mapping[str, Any]:
    """The `[project]` keys, as plain TOML values of the right types (PEP 621, 639, 794)."""
    found: dict[str, Any] = {}
    for key, read in _PROJECT_KEYS.items():
        if table.has(key):
            found[key] = read(table, key)
    return MappingProxyType(found)


def _string(table: Table, key: str) -> Any:
    return table.string(key)


def _strings(table: Table, key: str) -> Any:
    return list(table.strings(key) or ())


def _string_map(table: Table, key: str) -> Any:
    return dict(table.string_map(key) or {})


def _string_or_table(table: Table, key: str) -> Any:
    """`readme` and `license`: a string, or a table of strings."""
    if isinstance(table.values[key], dict):
        return _string_map(table, key)
    if not isinstance(table.values[key], str):
        table.add(key, f"must be a string or a table, not {describe(table.values[key])}")
    return table.values[key]


def _people(table: Table, key: str) -> Any:
    """`authors` and `maintainers`: tables with `name`, `email` or both."""
    people = []
    for index, item in table.items(key):
        if not isinstance(item, dict):
            table.problems.add((*table.path, key, index), f"must be a table, not {describe(item)}")
            continue
        person = Table(item, (*table.path, key, index), table.problems)
        stated = {"name": person.string("name"), "email": person.string("email")}
        person.close()
        people.append({each: value for each, value in stated.items() if value is not None})
    return people


def _entry_points(table: Table, key: str) -> Any:
    groups = table.table(key)
    return {} if groups is None else {group: dict(groups.string_map(group) or {}) for group in groups.values}


def _requirements(table: Table, key: str) -> Any:
    return list(table.strings(key, requirement_problem) or ())


def _extras(table: Table, key: str) -> Any:
    return dict(table.strings_map(key, requirement_problem) or {})


def _requires_python(table: Table, key: str) -> Any:
    return table.string(key, specifiers_problem)


_PROJECT_KEYS: Mapping[str, Callable[[Table, str], Any]] = {
    "description": _string,
    "readme": _string_or_table,
    "requires-python": _requires_python,
    "license": _string_or_table,
    "license-files": _strings,
    "authors": _people,
    "maintainers": _people,
    "keywords": _strings,
    "classifiers": _strings,
    "urls": _string_map,
    "scripts": _string_map,
    "gui-scripts": _string_map,
    "entry-points": _entry_points,
    "dependencies": _requirements,
    "optional-dependencies": _extras,
    "import-names": _strings,
    "import-namespaces": _strings,
}
