"""`[tool.publish-all.variants.NAME]`, `[tool.publish-all.variant-defaults]` and their `wheels`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from publish_all.config import rules
from publish_all.config.builtin import canonical
from publish_all.config.model import VariantConfig, WheelConfig
from publish_all.config.reading import (
    Key,
    Reader,
    Value,
    build,
    fields,
    flag,
    items,
    mapping,
    readers,
    table,
    text,
    texts,
)

SDIST = "`true`; `false` with `wheels`"

_REFUSED = {
    "version": (
        "all build variants of a project share its version",
        "Remove it, and set the version source in [tool.publish-all.version].",
    ),
}


def destinations(found: Value) -> tuple[str, ...] | None:
    """Names of repositories, without duplicates. Whether they exist is checked later."""
    names: tuple[str, ...] | None = texts(rules.name_problem)(found)
    seen: dict[str, str] = {}
    for name in names or ():
        if (before := seen.setdefault(canonical(name), name)) is not name:
            again = "" if before == name else f" (as {name!r})"
            found.add(f"contains the repository {before!r} twice{again}")
    return names


def variants(found: Value) -> Mapping[str, VariantConfig]:
    """All build variants by name, in the order of the file."""
    stated = table(found)
    for name in stated:
        if not re.fullmatch(r"[^:,\s]+", name):
            trouble = f"{name!r} is not a valid name of a build variant: it must not be empty, or contain ':', ',' or white space"
            found.at(name).add(trouble)
    return MappingProxyType({name: _variant(found.at(name), name) for name in stated})


def variant_defaults(found: Value) -> VariantConfig:
    return _variant(found, None)


def wheels(found: Value) -> Mapping[str, WheelConfig]:
    """The platform wheels by tag, in the order of the file."""
    stated = table(found)
    for tag in stated:
        if (trouble := rules.wheel_tag_problem(tag)) is not None:
            found.at(tag).add(trouble)
    of_wheel = readers(WHEEL)
    return MappingProxyType(
        {tag: build(WheelConfig, fields(found.at(tag), of_wheel), tag=tag) for tag in stated}
    )


def _variant(found: Value, name: str | None) -> VariantConfig:
    stated = fields(found, _READERS, refused=_REFUSED)
    if "pyproject" in stated and "overlay" in stated:
        found.at("overlay").add(
            "cannot be combined with 'pyproject': an overlay is merged into pyproject.toml, but 'pyproject' replaces it",
            hint="Remove one of them.",
        )
    # Plain TOML values, whose types have been checked.
    project = {key: found.value[key] for key in stated if key in _PROJECT_READERS}
    own = {key: value for key, value in stated.items() if key not in project}
    return build(VariantConfig, own, variant=name, project=MappingProxyType(project))


def _tool(found: Value) -> Mapping[str, Any]:
    if "publish-all" in (stated := table(found)):
        found.at("publish-all").add("a build variant cannot change [tool.publish-all]")
    return MappingProxyType({name: dict(table(found.at(name))) for name in stated})


def _dependency_groups(found: Value) -> Mapping[str, Any]:
    mapping(items(_any))(found)
    return MappingProxyType(dict(table(found)))


def _any(found: Value) -> Any:
    return found.value


# The `[project]` keys (PEP 621, 639, 794).
_PROJECT_READERS: Mapping[str, Reader] = {
    "description": text(),
    "readme": _any,
    "requires-python": text(rules.specifiers_problem),
    "license": _any,
    "license-files": texts(),
    "authors": items(table),
    "maintainers": items(table),
    "keywords": texts(),
    "classifiers": texts(),
    "urls": mapping(text()),
    "scripts": mapping(text()),
    "gui-scripts": mapping(text()),
    "entry-points": mapping(mapping(text())),
    "dependencies": texts(rules.requirement_problem),
    "optional-dependencies": mapping(texts(rules.requirement_problem)),
    "import-names": texts(),
    "import-namespaces": texts(),
}

WHEEL = (
    Key("include", texts(), "paths in the wheel: keep only these", type="list of globs"),
    Key("exclude", texts(), "paths in the wheel: leave these out", type="list of globs"),
    Key(
        "force-include",
        mapping(text(rules.target_problem), rules.target_problem),
        "the file or folder on the left is packed into the wheel, at the path on the right",
        type="table path → path",
    ),
)

_OWN = (
    Key(
        "name",
        text(rules.distribution_problem),
        "the name of the distribution",
        default="`<project>-<variant>`",
    ),
    Key(
        "pyproject",
        text(rules.source_problem),
        "a complete pyproject.toml. It replaces `[project]`, `[tool.*]` and `[build-system]` of the project's",
        type="path",
    ),
    Key(
        "overlay",
        text(rules.source_problem),
        "a partial pyproject.toml. It is merged into the project's table by table; lists are replaced. Not together "
        "with `pyproject`",
        type="path",
    ),
    Key(
        "layout",
        mapping(text(rules.target_problem), rules.target_problem),
        "build from a copy of the project (a stage), in which the path on the left is moved to the path on the right",
        type="table path → path",
    ),
    Key(
        "extend-dependencies",
        texts(rules.requirement_problem),
        "dependencies to add. A dependency with the same name is replaced",
        type="list of dependencies",
    ),
    Key(
        "exclude-dependencies",
        texts(rules.distribution_problem),
        "dependencies to remove",
        type="list of names",
    ),
    *WHEEL,
    Key("tool.*", _tool, "replaces keys of that table, one by one", type="table"),
    Key("dependency-groups", _dependency_groups, "replaces groups, one by one", type="table"),
    Key(
        "publish-to",
        destinations,
        "a selection of the project's repositories, for this variant",
        type="list of names",
    ),
    Key(
        "local-version",
        text(rules.local_version_problem),
        "the local part of the version, after the `+`. PyPI refuses local versions",
    ),
    Key("sdist", flag, "whether to build an sdist of the variant", type="boolean", default=SDIST),
    Key("wheels", wheels, "see [wheels](#wheels)", type="tables"),
)
VARIANT = (
    *_OWN,
    Key(
        "any `[project]` key",
        table,
        "replaces the project's key; `optional-dependencies` are replaced extra by extra (see below)",
        type="as there",
    ),
)
_READERS = {**{each.name.removesuffix(".*"): each.read for each in _OWN}, **_PROJECT_READERS}
