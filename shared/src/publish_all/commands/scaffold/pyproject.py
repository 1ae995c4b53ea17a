"""Edit a pyproject.toml without changing the rest of the file. No I/O.

New tables are added at the end, as a person would write them. Changes are made with tomlkit, and
are used only if a parser then reads exactly the intended change.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name

from publish_all._build_system import backend_name
from publish_all._toml import TOMLDecodeError, loads, table
from publish_all.commands.scaffold.choices import Settings, VersionChoice
from publish_all.config.model import VersionSource
from publish_all.config.reading import dotted
from publish_all.errors import ConfigurationError

OURS = "publish-all"
_BASE = ("tool", OURS)
_HATCH_VERSION = ("tool", "hatch", "version")
_OUR_POETRY = "publish_all.backends.poetry_core"
_OF_POETRY = ("poetry.core.masonry.api", "poetry_dynamic_versioning.backend")
_HATCHLING = "hatchling.build"
_REPLACED = frozenset({"poetry-dynamic-versioning", "hatch-vcs"})


def with_settings(text: str, settings: Settings) -> str:
    """The text with `[tool.publish-all]` and related tables. Existing settings are kept.

    Raises `ConfigurationError` where an edit can't be made without changing something else.
    """
    stated = table(loads(text), *_BASE)
    if tuple(stated.get("publish-to", ())) != settings.publish_to:
        text = _set(text, (*_BASE, "publish-to"), list(settings.publish_to))
    if settings.include_base and "include-base" not in stated:
        text = _set(text, (*_BASE, "include-base"), value=True)
    for each in settings.repositories:
        values = {"url": each.url, "index-url": each.index_url}
        text = _with_table(text, (*_BASE, "repositories", each.name), values)
    text = _with_version(text, settings.version, settings.requirement)
    if settings.layout:
        text = _with_table(text, (*_BASE, "variant-defaults"), {"layout": dict(settings.layout)})
    for variant in settings.variants:
        of_variant = {"pyproject": variant.pyproject, "layout": dict(variant.layout) or None}
        text = _with_table(text, (*_BASE, "variants", variant.name), of_variant)
    for path, host_values in settings.host_tables:
        for key, value in host_values.items():
            there = table(loads(text), *path).get(key)
            wanted = (
                _with_ours(there, *value) if isinstance(there, list) and isinstance(value, list) else value
            )
            if there != wanted and (
                there is None or isinstance(there, dict | list) or isinstance(wanted, dict)
            ):
                text = _set(text, (*path, key), wanted)
    return text


def _with_table(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """The text with a table of the values that are not None. An existing table is kept."""
    if path[-1] in table(loads(text), *path[:-1]):
        return text
    return _appended(text, path, {key: value for key, value in values.items() if value is not None})


def _with_version(text: str, version: VersionChoice, requirement: str = OURS) -> str:
    """The text with the version source, and the build backend connected to it. Existing `sync` and prefix are kept."""
    path = (*_BASE, "version")
    stated = table(loads(text), *path)
    wanted: dict[str, Any] = {}
    if version.source is not VersionSource.PROJECT:
        wanted["source"] = version.source.value
        if version.source is VersionSource.ATTRIBUTE:
            wanted["path"] = version.path
        if version.tag_prefix != "v":
            wanted["tag-prefix"] = version.tag_prefix
    if version.sync and "sync" not in stated:
        wanted["sync"] = list(version.sync)
    for key, value in wanted.items():
        if stated.get(key) != value:
            text = _set(text, (*path, key), value)
    if "path" in stated and version.source is VersionSource.GIT:
        text = _set(text, (*path, "path"), None)
    return text if version.source is VersionSource.PROJECT else wired(text, requirement)


def wired(text: str, requirement: str = OURS) -> str:
    """The text with a build backend that takes the version from us (by this requirement), and no static version.

    What made the version from git tags so far (poetry-dynamic-versioning, hatch-vcs) makes room.
    Raises `ConfigurationError` for a backend that can't.
    """
    values = loads(text)
    backend = backend_name(values)
    if backend not in {*_OF_POETRY, _OUR_POETRY, _HATCHLING}:
        msg = f"the build backend {backend} cannot take its version from publish-all"
        hint = "Use the version source `project`, or build with hatchling or poetry-core."
        raise ConfigurationError(msg, hint=hint)
    requires = list(table(values, "build-system").get("requires", ()))
    wanted = [each for each in requires if _name(each) not in _REPLACED]
    wanted = _with_ours(wanted, requirement)
    if wanted != requires:
        text = _set(text, ("build-system", "requires"), wanted)
    if backend in _OF_POETRY:
        text = _set(text, ("build-system", "build-backend"), _OUR_POETRY)
    if "poetry-dynamic-versioning" in table(values, "tool"):
        text = _set(text, ("tool", "poetry-dynamic-versioning"), None)
    of_hatch = table(values, *_HATCH_VERSION)
    if backend == _HATCHLING and of_hatch.get("source") != OURS:
        for key in of_hatch:
            text = _set(text, (*_HATCH_VERSION, key), None)
        text = _set(text, (*_HATCH_VERSION, "source"), OURS)
    return _with_dynamic_version(text)


def _with_ours(stated: list[str], requirement: str) -> list[str]:
    """A list of requirements with ours; one that is there stays, unless it names another place."""
    ours = [each for each in stated if _name(each) == OURS]
    place = requirement.partition("@")[2].strip()
    if ours and all(each.partition("@")[2].strip() == place for each in ours):
        return stated
    return [*(each for each in stated if each not in ours), requirement]


def _name(requirement: str) -> str:
    """The normalised name in front of a requirement's extras, version and marker."""
    return canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])


def _with_dynamic_version(text: str) -> str:
    values = loads(text)
    for path in (("tool", "poetry"), ("project",)):
        if "version" in table(values, *path):
            text = _set(text, (*path, "version"), None)
    dynamic = list(table(values, "project").get("dynamic", ()))
    if "project" in values and "version" not in dynamic:
        text = _set(text, ("project", "dynamic"), [*dynamic, "version"])
    return text


def _set(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with a value at a key path, in a new table where there is none; without the key for None.

    A list that only grows keeps its form.
    """
    import tomlkit

    *parents, key = path
    expected = copy.deepcopy(loads(text))
    document = tomlkit.parse(text)
    inner, place = expected, document
    for each in parents:
        if each not in inner:
            return _appended(text, tuple(parents), {key: value})
        inner, place = inner[each], place[each]
    there = place.get(key)
    if value is None:
        del inner[key], place[key]
    elif isinstance(there, list) and isinstance(value, list) and value[: len(there)] == list(there):
        inner[key] = value
        there.extend(value[len(there) :])
    else:
        inner[key] = value
        place[key] = tomlkit.value(_value(value)) if there is None or isinstance(value, dict) else value
    after = re.sub(r"\r?\n", "\r\n" if "\r\n" in text else "\n", tomlkit.dumps(document))
    if loads(after) != expected:
        msg = f"pyproject.toml: {dotted(path)} cannot be written without changing something else"
        raise ConfigurationError(msg, hint="Add it by hand, and run this command again.")
    return after


def _appended(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """The text with a table at its end. Raises `ConfigurationError` where there is no room for one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    start = text if not text or text.endswith("\n") else text + newline
    gap = newline if start.strip() else ""
    header = ".".join(_key(each) for each in path)
    lines = [f"[{header}]", *(f"{key} = {_value(value)}" for key, value in values.items()), ""]
    result = start + gap + "\n".join(lines).replace("\n", newline)
    try:
        loads(result)
    except TOMLDecodeError as error:
        msg = f"pyproject.toml: [{dotted(path)}] cannot be added: {error}"
        raise ConfigurationError(msg, hint="Write [tool.publish-all] as a separate table.") from error
    return result


def _value(value: Any) -> str:
    """A value as TOML, on one line unless it is a long list."""
    import tomlkit

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    text: str = tomlkit.item(value).as_string()
    if isinstance(value, list) and len(text) > 90:
        return "[\n" + "".join(f"    {_value(each)},\n" for each in value) + "]"
    return text


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)
