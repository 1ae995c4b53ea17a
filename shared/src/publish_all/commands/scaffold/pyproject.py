"""Edits of a pyproject.toml that leave every other byte as it is. Pure.

What is new is added at the end, as a person would write it. What changes is changed with tomlkit, and
counts only if a parser then reads just the change that was meant.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name

from publish_all._build_system import backend_of
from publish_all._toml import TOMLDecodeError, loads
from publish_all.commands.scaffold.choices import NewRepository, NewVariant, VersionChoice
from publish_all.config.model import VersionSource
from publish_all.config.problems import dotted
from publish_all.errors import ConfigurationError
from publish_all.version.static import static_version, table
from publish_all.version.toml_text import find_string

OURS = "publish-all"
_POETRY = "poetry.core.masonry.api"
_OUR_POETRY = "publish_all.backends.poetry_core"
_DYNAMIC_POETRY = "poetry_dynamic_versioning.backend"
_HATCHLING = "hatchling.build"
_REPLACED = frozenset({"poetry-dynamic-versioning", "hatch-vcs"})
EMPTY_TABLES: Mapping[tuple[str, ...], Mapping[str, Any]] = MappingProxyType({})
_VERSION_KEY = re.compile(r"""["']?version["']?[ \t]*=[ \t]*\Z""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def with_settings(
    text: str,
    *,
    publish_to: tuple[str, ...] | None,
    repositories: Iterable[NewRepository] = (),
    version: VersionChoice | None = None,
    variants: Iterable[NewVariant] = (),
    layout: Mapping[str, str] | None = None,
    include_base: bool = False,
    host_tables: Mapping[tuple[str, ...], Mapping[str, Any]] = EMPTY_TABLES,
) -> str:
    """The text with `[tool.publish-all]` and what belongs to it. What it says there already stays.

    `host_tables` are tables of Poetry or Hatch, by key path, of which the keys that are not there are added.

    Raises `ConfigurationError` where an edit can't be made without changing something else.
    """
    stated = table(loads(text), "tool", OURS)
    if publish_to is not None and tuple(stated.get("publish-to", ())) != publish_to:
        text = _with_publish_to(text, publish_to)
    if include_base and "include-base" not in stated:
        text = _set(text, ("tool", OURS, "include-base"), value=True)
    for repository in repositories:
        text = _with_table(text, ("repositories", repository.name), _of_repository(repository))
    if version is not None:
        text = _with_version(text, version)
    if layout:
        text = _with_table(text, ("variant-defaults",), {"layout": dict(layout)})
    for variant in variants:
        text = _with_table(text, ("variants", variant.name), _of_variant(variant))
    for path, values in host_tables.items():
        text = _with_host_table(text, path, values)
    return text


def _with_host_table(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    stated = table(loads(text), *path)
    if not stated:
        return _appended(text, path, _lines(values))
    for key in (each for each in values if each not in stated):
        text = _set(text, (*path, key), value=values[key])
    return text


def _with_table(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """The text with a table of ours; one that is there stays as it is."""
    if path[-1] in table(loads(text), "tool", OURS, *path[:-1]):
        return text
    return _appended(text, ("tool", OURS, *path), _lines(values))


def _with_publish_to(text: str, publish_to: tuple[str, ...]) -> str:
    if OURS not in table(loads(text), "tool"):
        return _appended(text, ("tool", OURS), [f"publish-to = {_value(list(publish_to))}"])
    return _set(text, ("tool", OURS, "publish-to"), value=list(publish_to))


def _of_repository(repository: NewRepository) -> dict[str, Any]:
    stated = {"url": repository.url, "index-url": repository.index_url, "username": repository.username}
    return {key: value for key, value in stated.items() if value is not None}


def _of_variant(variant: NewVariant) -> dict[str, Any]:
    layout = {"layout": dict(variant.layout)} if variant.layout else {}
    return {"pyproject": variant.pyproject, **layout}


def _with_version(text: str, version: VersionChoice) -> str:
    """The text with the version source, and wired to it. A `sync` or prefix that is stated stays."""
    stated = table(loads(text), "tool", OURS, "version")
    wanted: dict[str, Any] = {}
    if version.source is not VersionSource.PROJECT:
        wanted["source"] = version.source.value
        if version.source is VersionSource.ATTRIBUTE:
            wanted["path"] = version.path
        if version.tag_prefix != "v":
            wanted["tag-prefix"] = version.tag_prefix
    if version.sync and "sync" not in stated:
        wanted["sync"] = list(version.sync)
    new = {key: value for key, value in wanted.items() if stated.get(key) != value}
    if new and not stated:
        text = _appended(text, ("tool", OURS, "version"), _lines(new))
    else:
        for key, value in new.items():
            text = _set(text, ("tool", OURS, "version", key), value=value)
    if "path" in stated and version.source is VersionSource.GIT:
        text = _without(text, ("tool", OURS, "version", "path"))
    return text if version.source is VersionSource.PROJECT else wired(text)


def wired(text: str) -> str:
    """The text with a build backend that takes the version from us, and no static version.

    What made the version from git tags so far (poetry-dynamic-versioning, hatch-vcs) makes room.
    Raises `ConfigurationError` for a backend that can't.
    """
    values = loads(text)
    backend = backend_of(values)
    if backend not in {_POETRY, _OUR_POETRY, _DYNAMIC_POETRY, _HATCHLING}:
        msg = f"the build backend {backend} can't take its version from publish-all"
        raise ConfigurationError(
            msg,
            hint="Let the backend tell the version (the version source `project`), or build with hatchling or poetry-core.",
        )
    text = _with_requirements(text, add="publish-all", drop=_REPLACED)
    if backend in {_POETRY, _DYNAMIC_POETRY}:
        text = _set(text, ("build-system", "build-backend"), value=_OUR_POETRY)
    if "poetry-dynamic-versioning" in table(values, "tool"):
        text = _without(text, ("tool", "poetry-dynamic-versioning"))
    if backend == _HATCHLING and table(values, "tool", "hatch", "version").get("source") != OURS:
        text = _with_hatch_version(text)
    return _with_dynamic_version(text)


def _with_hatch_version(text: str) -> str:
    stated = table(loads(text), "tool", "hatch", "version")
    if not stated:
        return _appended(text, ("tool", "hatch", "version"), [f"source = {_value(OURS)}"])
    for key in stated:
        text = _without(text, ("tool", "hatch", "version", key))
    return _set(text, ("tool", "hatch", "version", "source"), value=OURS)


def _with_requirements(text: str, *, add: str, drop: frozenset[str]) -> str:
    stated = list(table(loads(text), "build-system").get("requires", ()))
    kept = [each for each in stated if _name(each) not in drop]
    wanted = kept if add in map(_name, kept) else [*kept, add]
    return text if wanted == stated else _set(text, ("build-system", "requires"), value=wanted)


def _name(requirement: str) -> str:
    """The normalised name in front of a requirement's extras, version and marker."""
    return canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])


def _with_dynamic_version(text: str) -> str:
    values = loads(text)
    if "project" not in values:
        stated = static_version(values) is not None
        return _without(text, ("tool", "poetry", "version")) if stated else text
    dynamic = list(table(values, "project").get("dynamic", ()))
    if "version" in table(values, "project"):
        in_place = None if dynamic else _dynamic_in_place(text)
        text = in_place if in_place is not None else _without(text, ("project", "version"))
    if "version" in table(values, "tool", "poetry"):
        text = _without(text, ("tool", "poetry", "version"))
    if "version" in table(loads(text), "project").get("dynamic", ()):
        return text
    return _set(text, ("project", "dynamic"), value=[*dynamic, "version"])


def _dynamic_in_place(text: str) -> str | None:
    """The text with `dynamic = ["version"]` where `version = "…"` stood; None where that can't be done."""
    span = find_string(text, ("project", "version"))
    key = _VERSION_KEY.search(text, 0, span.start) if span is not None else None
    if span is None or key is None:
        return None
    changed = f'{text[: key.start()]}dynamic = ["version"]{text[span.end :]}'
    expected = copy.deepcopy(loads(text))
    del expected["project"]["version"]
    expected["project"]["dynamic"] = ["version"]
    try:
        return changed if loads(changed) == expected else None
    except TOMLDecodeError:
        return None


def _set(text: str, path: tuple[str, ...], *, value: Any) -> str:
    """The text with a value at a key path; a list that only grows keeps its form."""
    import tomlkit

    expected = copy.deepcopy(loads(text))
    inner: Any = expected
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    document = tomlkit.parse(text)
    place: Any = document
    for key in path[:-1]:
        if key not in place:
            place[key] = tomlkit.table()
        place = place[key]
    there = place.get(path[-1])
    if isinstance(there, list) and isinstance(value, list) and value[: len(there)] == list(there):
        for each in value[len(there) :]:
            there.append(each)
    else:
        place[path[-1]] = value
    return _checked(text, tomlkit.dumps(document), expected, path)


def _without(text: str, path: tuple[str, ...]) -> str:
    import tomlkit

    expected = copy.deepcopy(loads(text))
    document = tomlkit.parse(text)
    inner: Any = expected
    place: Any = document
    for key in path[:-1]:
        inner, place = inner[key], place[key]
    del inner[path[-1]]
    del place[path[-1]]
    return _checked(text, tomlkit.dumps(document), expected, path)


def _checked(before: str, after: str, expected: Mapping[str, Any], path: tuple[str, ...]) -> str:
    newline = "\r\n" if "\r\n" in before else "\n"
    after = re.sub(r"\r?\n", newline, after)
    if loads(after) != expected:
        msg = f"pyproject.toml: {dotted(path)} can't be written without changing something else"
        raise ConfigurationError(msg, hint="Write it by hand, and run this again.")
    return after


def _appended(text: str, path: tuple[str, ...], lines: list[str]) -> str:
    """The text with a table at its end. Raises `ConfigurationError` where there is no room for one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    start = text if not text or text.endswith("\n") else text + newline
    gap = newline if start.strip() else ""
    header = ".".join(_key(each) for each in path)
    made = newline.join([f"[{header}]", *lines]).replace("\r\n", "\n").replace("\n", newline)
    result = f"{start}{gap}{made}{newline}"
    try:
        loads(result)
    except TOMLDecodeError as error:
        msg = f"pyproject.toml: [{dotted(path)}] can't be added: {error}"
        raise ConfigurationError(msg, hint="Write [tool.publish-all] as a table of its own.") from error
    return result


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in values.items()]


def _value(value: Any) -> str:
    """A value as TOML, on one line unless it is a long list."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # What JSON writes is a basic string of TOML, but for DEL, which TOML wants escaped too.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            line = "[" + ", ".join(_value(each) for each in value) + "]"
            if len(line) <= 90:
                return line
            return "[\n" + "".join(f"    {_value(each)},\n" for each in value) + "]"
        case dict():
            inner = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
            return "{ " + inner + " }"
        case _:
            msg = f"{type(value).__name__} is not written"
            raise TypeError(msg)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)
