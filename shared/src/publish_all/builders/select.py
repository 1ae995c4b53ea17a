"""The files that a variant selects by its own `include` and `exclude`, and the patterns in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from publish_all._toml import copied, read_if_valid, table
from publish_all.errors import BuildError
from publish_all.variants.variant import BuildVariant, PlatformWheel

LATER = "If another step creates it before the build, run that step first."


def says_the_same(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Whether the project's own files have the same configuration for a backend, and so can stay unchanged."""
    stated, beside = (read_if_valid(root / name) for name in ("pyproject.toml", "hatch.toml"))
    wanted = _told(pyproject)
    if _told(stated) == wanted:
        return True
    hatch = {**table(stated, "tool", "hatch"), **beside}  # as `variants.resolve` writes it
    together = {**stated, "tool": {**table(stated, "tool"), "hatch": hatch}}
    return bool(beside) and _told(together) == wanted


def _told(pyproject: Mapping[str, Any]) -> dict[str, Any]:
    """Without `[tool.publish-all]` and empty tables, which backends ignore."""
    tools = {key: value for key, value in pyproject.get("tool", {}).items() if key != "publish-all"}
    return {key: value for key, value in {**copied(pyproject), "tool": copied(tools)}.items() if value != {}}


def texts(value: Any) -> Iterator[str]:
    """All strings in tables and lists, which may be paths or patterns of files."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from texts(each)


def narrowed(variant: BuildVariant, files: Mapping[str, str]) -> frozenset[str]:
    """The wheel's files that the variant's `include` and `exclude` keep.

    `files` maps the path inside the wheel to the path in the project (or stage); a pattern can match
    either. Files of `force-include` are not checked here. Raises `BuildError` for a pattern that
    matches nothing, and when nothing is left.
    """
    _refuse_idle(variant, "include", variant.include, files)
    _refuse_idle(variant, "exclude", variant.exclude, files)
    kept = frozenset(
        inside
        for inside, path in files.items()
        if (not variant.include or matches(variant.include, inside, path))
        and not matches(variant.exclude, inside, path)
    )
    if files and not kept and not variant.force_include:
        msg = f"{key_path(variant, 'exclude')}: all files of {variant.label} are excluded"
        raise BuildError(msg, hint="Exclude fewer files, or include more.")
    return kept


def left_out(
    variant: BuildVariant,
    files: Mapping[str, str],
    others: Iterable[str],
    *,
    forced: Collection[str],
    outside: Mapping[str, str],
) -> tuple[frozenset[str], frozenset[str]]:
    """The wheel's `files` that the variant keeps (path inside the wheel → path in the project), and the excluded paths.

    Those are paths of the wheel's files, and of `others`, which are only in the sdist: files in the folders of the
    wheel's packages, if `exclude` matches it there (`tests` or `*.md` does not match files outside of packages). `forced` are
    paths inside the wheel that `force-include` fills; `outside` is as `files`, for files that are installed outside of packages:
    `include` does not apply to them.
    """
    everything = {**files, **outside}
    selected = {inside: path for inside, path in everything.items() if inside not in forced}
    kept = narrowed(variant, selected)
    kept |= {each for each, path in outside.items() if not matches(variant.exclude, each, path)}
    dropped = set(selected.values()) - {everything[each] for each in kept} - {""}
    packages = {each.split("/")[0] for each in files if "/" in each}
    roots = {path.removesuffix(inside) for inside, path in files.items() if path.endswith(inside)}
    for path in set(others) - set(everything.values()):
        root = max((each for each in roots if path.startswith(each)), key=len, default="")
        inside = path.removeprefix(root)
        if inside.split("/")[0] in packages and matches(variant.exclude, inside, path):
            dropped.add(path)
    return kept, frozenset(dropped)


def key_path(variant: BuildVariant, key: str, item: str | None = None) -> str:
    """Where a variant's key is configured, for messages; with `item`, the key that contains this pattern or path."""
    if variant.wheel is not None and item is not None and item in _stated_by_wheel(variant.wheel, key):
        return f"{variant.wheel.where}.{key}"
    if variant.name is None:
        return f"tool.publish-all.{key}"
    return f"tool.publish-all.variants.{variant.name}.{key}"


def _stated_by_wheel(wheel: PlatformWheel, key: str) -> Iterable[str]:
    stated: Mapping[str, Iterable[str]] = {
        "include": wheel.include,
        "exclude": wheel.exclude,
        "force-include": (*wheel.force_include, *(each.rstrip("/") for each in wheel.force_include.values())),
    }
    return stated.get(key, ())


def missing_forced(variant: BuildVariant, names: Iterable[str]) -> tuple[str, ...]:
    """The targets of `force-include` that are not among the `names` of a wheel's members."""
    members = frozenset(names)
    return tuple(
        target
        for target in (each.rstrip("/") for each in variant.force_include.values())
        if target not in members and not any(member.startswith(target + "/") for member in members)
    )


def matches(patterns: Iterable[str], *paths: str) -> bool:
    """Whether one of the gitignore-like patterns matches one of the paths, or a folder above it."""
    return any(_match(_segments(pattern), tuple(path.split("/"))) for pattern in patterns for path in paths)


def _refuse_idle(variant: BuildVariant, key: str, patterns: Sequence[str], files: Mapping[str, str]) -> None:
    for pattern in patterns:
        if not any(matches((pattern,), inside, path) for inside, path in files.items()):
            msg = f"{key_path(variant, key, pattern)}: '{pattern}' matches no file of {variant.label}"
            hint = "Patterns are matched against paths inside the wheel, such as `package/module.py` or `package/data/**`."
            if "\\" in pattern:
                hint += " Write `/` between folders: a backslash escapes the next character."
            raise BuildError(msg, hint=hint)


@lru_cache(maxsize=1024)
def _segments(pattern: str) -> tuple[str, ...]:
    """A gitignore pattern without negation, folder by folder, as `fnmatch` reads it (gitignore(5), PATTERN FORMAT).

    A backslash escapes the next character, on Windows too: the separator of folders is always `/`.
    """
    text = pattern.rstrip("/")
    parts = text.lstrip("/").replace("[^", "[!").split("/")
    plain = (re.sub(r"\\(.)", _unescaped, part) for part in parts)
    return tuple(plain) if "/" in text else ("**", *plain)


def _unescaped(found: re.Match[str]) -> str:
    return f"[{found[1]}]" if found[1] in "*?[" else found[1]


def _match(parts: tuple[str, ...], names: tuple[str, ...]) -> bool:
    if not parts:
        return True
    if parts == ("**",):
        return bool(names)
    if parts[0] == "**":
        return any(_match(parts[1:], names[start:]) for start in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _match(parts[1:], names[1:])
