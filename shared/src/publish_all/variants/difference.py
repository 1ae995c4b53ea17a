"""What differs between a build variant and the project that it is a variant of. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from publish_all._values import dataclass
from publish_all.variants import overlay
from publish_all.variants.variant import BuildVariant

_MISSING = object()
_LONGEST = 60
_POETRY_URLS = {"homepage": "Homepage", "repository": "Repository", "documentation": "Documentation"}
_POETRY_METADATA = frozenset(
    [
        "name",
        "version",
        "description",
        "readme",
        "keywords",
        "classifiers",
        "license",
        "authors",
        "maintainers",
        "scripts",
        "homepage",
        "repository",
        "documentation",
        "urls",
        "dependencies",
        "extras",
        "plugins",
    ]
)
# What a table of variants has columns of its own for.
_COLUMNS = frozenset({"project.name", "project.version", "tool.poetry.name", "tool.poetry.version"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One key path whose value differs. `base` or `variant` is None where there is none."""

    key: str
    base: str | None
    variant: str | None

    def __str__(self) -> str:
        if self.base is None:
            return f"{self.key} = {self.variant}"
        return f"no {self.key}" if self.variant is None else f"{self.key}: {self.base} → {self.variant}"


def differences(base: Mapping[str, Any], variant: BuildVariant) -> tuple[Difference, ...]:
    """Key by key, what the variant's pyproject says otherwise than `base`, and what it builds otherwise.

    `base` is the project's own pyproject.toml, `[tool.publish-all]` or not.
    """
    found = list(_compared("", without_ours(base), variant.pyproject))
    found += [Difference(key=key, base=None, variant=_shown(value)) for key, value in _selections(variant)]
    return tuple(found)


def summary(base: Mapping[str, Any], variant: BuildVariant) -> tuple[str, ...]:
    """The differences for a table: one short text for each key, added and dropped list items by name."""
    found = [
        _summarised(key, below, above)
        for key, below, above in _changes(
            "", _as_project(_versioned(without_ours(base), variant)), _as_project(variant.pyproject)
        )
        if key not in _COLUMNS
    ]
    found += [f"{key} {_shown(value)}" for key, value in _selections(variant)]
    return tuple(found)


def _as_project(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata where `[project]` has it, so that files of both styles can be compared. For people only."""
    project = dict(overlay.table(pyproject, "project"))
    poetry = dict(overlay.table(pyproject, "tool", "poetry"))
    if overlay.is_poetry_style(pyproject):
        project = _poetry_metadata(poetry)
        poetry = {key: value for key, value in poetry.items() if key not in _POETRY_METADATA}
    for key in ("authors", "maintainers"):
        if key in project:
            project[key] = [each if isinstance(each, str) else overlay.person(each) for each in project[key]]
    rest = {key: value for key, value in pyproject.items() if key != "project"}
    tool = {**overlay.table(pyproject, "tool"), **({"poetry": poetry} if poetry else {})}
    if not poetry:
        tool.pop("poetry", None)
    return {**rest, "project": project, "tool": tool}


def _poetry_metadata(poetry: Mapping[str, Any]) -> dict[str, Any]:
    same = (
        "name",
        "version",
        "description",
        "readme",
        "keywords",
        "classifiers",
        "license",
        "authors",
        "maintainers",
    )
    project = {key: poetry[key] for key in (*same, "scripts") if key in poetry}
    urls = {label: poetry[key] for key, label in _POETRY_URLS.items() if key in poetry} | dict(
        poetry.get("urls", {})
    )
    wanted = dict(poetry.get("dependencies", {}))
    python = wanted.pop("python", None)
    optional = [
        name for name, entry in wanted.items() if isinstance(entry, Mapping) and entry.get("optional")
    ]
    found = {
        "urls": urls,
        "requires-python": python,
        "dependencies": [_requirement(name, entry) for name, entry in wanted.items() if name not in optional],
        "optional-dependencies": dict(poetry.get("extras", {})),
        "entry-points": dict(poetry.get("plugins", {})),
    }
    return {**project, **{key: value for key, value in found.items() if value}}


def _requirement(name: str, entry: Any) -> str:
    return f"{name} {entry if isinstance(entry, str) else _shown(entry)}"


def _versioned(base: Mapping[str, Any], variant: BuildVariant) -> Mapping[str, Any]:
    """How the version gets in is the same for the project and its variants, so it is no difference between them."""
    return base if overlay.name_of(base) is None else overlay.with_version(base, variant.version)


def unified_diff(base: Mapping[str, Any], variant: BuildVariant) -> str:
    """The variant's pyproject.toml against the project's, as a unified diff of TOML; empty where they are equal."""
    before, after = (
        _toml(each).splitlines(keepends=True) for each in (without_ours(base), variant.pyproject)
    )
    names = ("pyproject.toml", f"pyproject.toml ({variant.label})")
    return "".join(difflib.unified_diff(before, after, *names))


def _toml(pyproject: Mapping[str, Any]) -> str:
    """With each item of a list on a line of its own, so that a diff shows which one differs."""
    import tomlkit

    document = tomlkit.item(dict(pyproject))
    _spread(document)
    return str(document.as_string())


def _spread(table: Any) -> None:
    for value in table.values():
        if isinstance(value, Mapping):
            _spread(value)
        elif isinstance(value, list) and hasattr(value, "multiline"):
            value.multiline(len(value) > 1)


def without_ours(pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """A pyproject without `[tool.publish-all]`, as distributions hold it."""
    tool = {key: value for key, value in pyproject.get("tool", {}).items() if key != "publish-all"}
    rest = {key: value for key, value in pyproject.items() if key != "tool"}
    return {**rest, "tool": tool} if tool else rest


def _selections(variant: BuildVariant) -> Iterator[tuple[str, Any]]:
    for key, value in (
        ("layout", dict(variant.layout)),
        ("include", list(variant.include)),
        ("exclude", list(variant.exclude)),
        ("force-include", dict(variant.force_include)),
        ("wheels", [str(each.tag) for each in variant.wheels]),
    ):
        if value:
            yield key, value


def _compared(path: str, base: Any, over: Any) -> Iterator[Difference]:
    for key, below, above in _changes(path, base, over):
        yield Difference(
            key=key,
            base=None if below is _MISSING else _shown(below),
            variant=None if above is _MISSING else _shown(above),
        )


def _changes(path: str, base: Any, over: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        for key in dict.fromkeys((*base, *over)):
            below, above = base.get(key, _MISSING), over.get(key, _MISSING)
            yield from _changes(f"{path}.{key}" if path else key, below, above)
    elif base != over:
        yield path, base, over


def _summarised(key: str, below: Any, above: Any) -> str:
    short = key.removeprefix("project.").removeprefix("tool.")
    if above is _MISSING:
        return f"no {short}"
    if isinstance(below, list) and isinstance(above, list):
        added = [f"+{_item(each)}" for each in above if each not in below]
        dropped = [f"-{_item(each)}" for each in below if each not in above]
        return f"{short} {' '.join((*added, *dropped))}".rstrip()
    return f"{short} = {_shown(above)}"


def _item(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key} = {_shown(each)}" for key, each in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(_shown(each) for each in value) + "]"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
