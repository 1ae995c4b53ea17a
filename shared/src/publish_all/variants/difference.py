"""What differs between a build variant and the project that it is a variant of. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from publish_all.variants import overlay
from publish_all.variants.variant import BuildVariant

_MISSING = object()
_LONGEST = 60
# The keys that have their own column in a table of variants.
_COLUMNS = frozenset({"project.name", "project.version", "tool.poetry.name", "tool.poetry.version"})


def summary(base: Mapping[str, Any], variant: BuildVariant) -> tuple[str, ...]:
    """The differences for a table: one short text for each key, added and dropped list items by name.

    `base` is the project's own pyproject.toml, `[tool.publish-all]` or not.
    """
    below = overlay.without_ours(base)
    if overlay.name_of(below) is not None:
        # How the version gets in is the same for the project and its variants.
        below = overlay.with_version(below, variant.version)
    changes = _changes("", below, variant.pyproject)
    found = [_summarised(*each) for each in changes if each[0] not in _COLUMNS]
    selections = {
        "layout": dict(variant.layout),
        "include": list(variant.include),
        "exclude": list(variant.exclude),
        "force-include": dict(variant.force_include),
        "wheels": [str(each.tag) for each in variant.wheels],
    }
    return (*found, *(f"{key} {_shown(value)}" for key, value in selections.items() if value))


def unified_diff(base: Mapping[str, Any], variant: BuildVariant) -> str:
    """The variant's pyproject.toml against the project's, as a unified diff of TOML; empty where they are equal."""
    before, after = (
        _toml(each).splitlines(keepends=True) for each in (overlay.without_ours(base), variant.pyproject)
    )
    names = ("pyproject.toml", f"pyproject.toml ({variant.label})")
    return "".join(difflib.unified_diff(before, after, *names))


def _toml(pyproject: Mapping[str, Any]) -> str:
    """With each item of a list on a separate line, for diffs."""
    import tomlkit

    document = tomlkit.item(dict(pyproject))
    _spread(document)
    return str(document.as_string())


def _spread(values: Any) -> None:
    for value in values.values():
        if isinstance(value, Mapping):
            _spread(value)
        elif isinstance(value, list) and hasattr(value, "multiline"):
            value.multiline(len(value) > 1)


def _changes(path: str, base: Any, over: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        for key in dict.fromkeys((*base, *over)):
            below, above = base.get(key, _MISSING), over.get(key, _MISSING)
            yield from _changes(f"{path}.{key}" if path else key, below, above)
    elif base != over:
        yield path, base, over


def _summarised(key: str, below: Any, above: Any) -> str:
    short = key.removeprefix("project.").removeprefix("tool.").removeprefix("poetry.")
    if above is _MISSING:
        return f"no {short}"
    if isinstance(below, list) and isinstance(above, list):
        changed = [("+", each) for each in above if each not in below]
        changed += [("-", each) for each in below if each not in above]
        items = (sign + (each if isinstance(each, str) else _shown(each)) for sign, each in changed)
        return f"{short} {' '.join(items)}".rstrip()
    return f"{short} = {_shown(above)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
