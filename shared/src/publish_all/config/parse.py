"""`[tool.publish-all]`: from plain TOML values to `ProjectConfig`. Pure; the whole schema is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from publish_all.config.builtin import canonical
from publish_all.config.model import (
    EMPTY,
    Compression,
    ProjectConfig,
    Scope,
    SyncPlace,
    VariantConfig,
    VersionConfig,
    VersionSource,
)
from publish_all.config.paths import glob_problem, path_problem, source_problem
from publish_all.config.problems import Problems
from publish_all.config.repositories import name_problem, parse_repositories
from publish_all.config.standards import version_problem
from publish_all.config.table import Table, describe
from publish_all.config.variants import parse_variant, parse_variants, parse_wheels

PYPROJECT = "pyproject.toml"
TABLE = ("tool", "publish-all")


def parse_project(
    pyproject: Mapping[str, Any],
    *,
    root: Path,
    file: str = PYPROJECT,
    origins: Mapping[str, str] = EMPTY,
) -> ProjectConfig:
    """The configuration that a pyproject.toml states; all defaults where it has no `[tool.publish-all]`.

    `file` and `origins` (dotted key path → `file:line`) are for messages. Raises `ConfigurationError`
    with all that is wrong: unknown keys, wrong types, wrong values.
    """
    problems = Problems(file, origins)
    table = _own_table(pyproject, problems)
    config = ProjectConfig(
        root=root,
        pyproject=pyproject,
        publish_to=_or(_destinations(table, "publish-to"), ("pypi",)),
        dist_dir=table.string("dist-dir", path_problem) or "dist",
        include_base=table.boolean("include-base") or False,
        before_publish=table.strings("before-publish", _command_problem) or (),
        build_environment=table.strings("build-environment", _variable_problem) or (),
        private=table.boolean("private") or _has_private_classifier(pyproject),
        sdist=table.boolean("sdist"),
        compression=_compression(table),
        repositories=parse_repositories(table.table("repositories"), scope=Scope.PROJECT),
        version=_version(table.table("version")),
        variant_defaults=_variant_defaults(table.table("variant-defaults")),
        variants=parse_variants(table.table("variants"), _destinations),
        wheels=parse_wheels(table.table("wheels")),
        origins=MappingProxyType(
            {key: origin for key, origin in origins.items() if key.startswith("tool.publish-all.")}
        ),
    )
    table.close()
    problems.raise_if_any()
    return config


def _own_table(pyproject: Mapping[str, Any], problems: Problems) -> Table:
    tool = pyproject.get("tool", {})
    stated = tool.get("publish-all", {}) if isinstance(tool, dict) else {}
    if not isinstance(stated, dict):
        problems.add(TABLE, f"must be a table, not {describe(stated)}")
        stated = {}
    return Table(stated, TABLE, problems)


def _destinations(table: Table, key: str) -> tuple[str, ...] | None:
    """Names of repositories, each once. Whether they exist is known when all repositories are."""
    names = table.strings(key, name_problem)
    seen: dict[str, str] = {}
    for name in names or ():
        if (before := seen.setdefault(canonical(name), name)) is not name:
            table.add(
                key, f"names the repository {before!r} twice" + ("" if before == name else f" (as {name!r})")
            )
    return names


def _compression(table: Table) -> Compression:
    stated = table.choice("compression", tuple(each.value for each in Compression))
    return Compression(stated) if stated else Compression.DEFAULT


def _variant_defaults(table: Table | None) -> VariantConfig:
    if table is None:
        return VariantConfig(variant=None)
    if table.has("name"):
        table.add(
            "name",
            "all build variants would have the same name",
            hint="State it in each [tool.publish-all.variants.NAME]; the default is PROJECT-VARIANT.",
        )
    return parse_variant(None, table, _destinations)


def _version(table: Table | None) -> VersionConfig:
    if table is None:
        return VersionConfig()
    default = VersionConfig()
    source = table.choice("source", tuple(each.value for each in VersionSource))
    config = VersionConfig(
        source=VersionSource(source) if source else default.source,
        path=table.string("path", source_problem),
        tag_prefix=_or(table.string("tag-prefix", _tag_prefix_problem), default.tag_prefix),
        scheme=table.choice("scheme", ("guess", "post")) or default.scheme,
        local=table.choice("local", ("none", "node", "node-and-date")) or default.local,
        dirty=table.choice("dirty", ("allow", "error")) or default.dirty,
        shallow=table.choice("shallow", ("error", "allow")) or default.shallow,
        fallback=table.string("fallback", version_problem),
        sync=_sync_places(table),
    )
    if config.source is VersionSource.ATTRIBUTE and not table.has("path"):
        table.add(
            "source",
            'is "attribute", without a path',
            hint='Set tool.publish-all.version.path, such as "src/demo/__init__.py".',
        )
    table.close()
    return config


def _sync_places(table: Table) -> tuple[SyncPlace, ...]:
    places = (_sync_place(table, index, item) for index, item in table.items("sync"))
    return tuple(place for place in places if place is not None)


def _sync_place(table: Table, index: int, item: Any) -> SyncPlace | None:
    where = (*table.path, "sync", index)
    if isinstance(item, str):
        if (trouble := glob_problem(item)) is not None:
            table.problems.add(where, trouble)
        return SyncPlace(path=item)
    if not isinstance(item, dict):
        table.problems.add(where, f"must be a path or {{ path, pattern }}, not {describe(item)}")
        return None
    place = Table(item, where, table.problems)
    path, pattern = place.string("path", glob_problem), place.string("pattern", _pattern_problem)
    if "path" not in item:
        table.problems.add(where, "needs a 'path'")
    place.close()
    return None if path is None else SyncPlace(path=path, pattern=pattern)


def _pattern_problem(pattern: str) -> str | None:
    if pattern.count("{version}") == 1:
        return None
    return f"{pattern!r} must hold {{version}} just once"


def _tag_prefix_problem(prefix: str) -> str | None:
    """Git forbids these in the name of a tag (git-check-ref-format)."""
    if any(character in prefix for character in " ~^:?*[\\") or ".." in prefix or not prefix.isprintable():
        return f"{prefix!r} can't begin a tag: git allows no white space and none of ~^:?*[\\ and .. there"
    return None


def _command_problem(command: str) -> str | None:
    return None if command.strip() else "must not be empty"


def _variable_problem(name: str) -> str | None:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", name):
        return None
    return f"{name!r} must be the name of an environment variable, or its beginning and a `*`: NAME_*"


def _has_private_classifier(pyproject: Mapping[str, Any]) -> bool:
    """`Private :: Do Not Upload`: PyPI refuses every classifier that starts so, hence its use as a guard."""
    tool = pyproject.get("tool", {})
    poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
    for table in (pyproject.get("project", {}), poetry):
        classifiers = table.get("classifiers", ()) if isinstance(table, dict) else ()
        if isinstance(classifiers, list) and any(str(each).startswith("Private ::") for each in classifiers):
            return True
    return False


def _or(value: Any, default: Any) -> Any:
    """`default` for None only: an empty list or string is a value."""
    return default if value is None else value
