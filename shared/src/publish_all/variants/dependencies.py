"""A variant's dependencies: PEP 508 requirements over `[project]` or `[tool.poetry.dependencies]`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from publish_all._toml import Table, table
from publish_all.config.reading import did_you_mean
from publish_all.errors import ConfigurationError

_GIT_URL = re.compile(r"git\+(?P<url>[^#]+?)(?:@(?P<rev>[^/@#]+))?(?:#(?P<fragment>.*))?\Z")

_LOCAL = re.compile(r"file:|[^:]*\Z|[{$.]", re.IGNORECASE)
"""A `file:` URL or a path, also one that begins with a variable of Hatch or PDM."""


def in_poetry(pyproject: Mapping[str, Any]) -> bool:
    """Whether poetry-core takes the dependencies from `[tool.poetry.dependencies]`.

    It does unless `[project]` states them (poetry.core.factory, `_configure_package_dependencies`).
    """
    if "poetry" not in table(pyproject, "tool") or "project" not in pyproject:
        return "poetry" in table(pyproject, "tool")
    backend = str(table(pyproject, "build-system").get("build-backend", ""))
    stated = "dependencies" in table(pyproject, "project")
    return "poetry" in backend and not stated and "dependencies" in table(pyproject, "tool", "poetry")


def replaced(pyproject: Table, value: Sequence[str], *, where: str) -> Table:
    """`dependencies` in place of the base's. Changes and returns `pyproject`."""
    if in_poetry(pyproject):
        poetry = pyproject["tool"]["poetry"]
        poetry["dependencies"] = {
            key: entry
            for key, entry in poetry.get("dependencies", {}).items()
            if canonicalize_name(key) == "python" or _is_optional(entry)
        }
        _extend_poetry(poetry, _parsed(value, where))
    else:
        pyproject.setdefault("project", {})["dependencies"] = list(value)
    return pyproject


def with_extras(pyproject: Table, extras: Mapping[str, Sequence[str]], *, where: str) -> Table:
    """`optional-dependencies`, extra by extra: each replaces the base's of that name. Changes and returns `pyproject`."""
    # poetry-core takes extras from [project] if there are any (poetry.core.factory, as above).
    if in_poetry(pyproject) and not table(pyproject, "project", "optional-dependencies"):
        _put_extras_in_poetry(pyproject["tool"]["poetry"], extras, where)
        return pyproject
    project = pyproject.setdefault("project", {})
    kept = _other_keys(project.get("optional-dependencies", {}), set(map(canonicalize_name, extras)))
    project["optional-dependencies"] = {**kept, **{extra: list(each) for extra, each in extras.items()}}
    return pyproject


def extended(pyproject: Table, requirements: Sequence[str], *, where: str) -> Table:
    """With these added; one of the same name is replaced. Changes and returns `pyproject`."""
    new = _parsed(requirements, where)
    if not new:
        return pyproject
    if in_poetry(pyproject):
        _extend_poetry(pyproject["tool"]["poetry"], new)
        return pyproject
    project = _static(pyproject, where)
    kept = _without(project.get("dependencies", []), {canonicalize_name(each.name) for each in new})
    project["dependencies"] = kept + [text.strip() for text in requirements]
    return pyproject


def excluded(pyproject: Table, names: Sequence[str], *, where: str, must_match: bool = True) -> Table:
    """Without the dependencies of these names, optional ones too. Changes and returns `pyproject`.

    Raises `ConfigurationError` for a name that is none of the dependencies, unless `must_match` is False.
    """
    project, poetry = pyproject.get("project", {}), pyproject.get("tool", {}).get("poetry", {})
    for name in names:
        present = _present(pyproject)
        wanted = {canonicalize_name(name)}
        if must_match and not wanted & present:
            _static(pyproject, where)
            near = did_you_mean(canonicalize_name(name), sorted(present))
            msg = f"{where}: {name!r} is not a dependency of the project{near}"
            raise ConfigurationError(msg, hint="State names of dependencies, without versions.")
        if "dependencies" in project:
            project["dependencies"] = _without(project["dependencies"], wanted)
        if "dependencies" in poetry:
            poetry["dependencies"] = _other_keys(poetry["dependencies"], wanted)
        for extras in (project.get("optional-dependencies", {}), poetry.get("extras", {})):
            extras.update({extra: _without(listed, wanted) for extra, listed in extras.items()})
    return pyproject


Pins: TypeAlias = Callable[[str], "str | None"]
"""The specifier to require of a member of the workspace (a normalized name), empty for none; None for other projects."""


def pinned(pyproject: Table, pins: Pins) -> Table:
    """Members of the workspace required by version: not by a path, and with a specifier where none is stated.

    What somebody wrote stays. Changes and returns `pyproject`.
    """
    project, poetry = pyproject.get("project", {}), table(pyproject, "tool", "poetry").get("dependencies", {})
    for lists in (project, project.get("optional-dependencies", {})):
        for key, listed in lists.items():
            if isinstance(listed, list) and (lists is not project or key == "dependencies"):
                lists[key] = [_pinned(each, pins) for each in listed]
    enriches = "dependencies" in project  # poetry-core takes the versions from there
    for name, entry in list(poetry.items()):
        pin = pins(canonicalize_name(name))
        if pin is None:
            continue
        entries = [
            _pinned_entry(each, "" if enriches else pin or "*")
            for each in (entry if isinstance(entry, list) else [entry])
        ]
        poetry[name] = entries if isinstance(entry, list) else entries[0]
        if enriches and not any(entries):
            del poetry[name]
    sources = pyproject.get("tool", {}).get("uv", {}).get("sources", {})
    for name in [each for each in sources if pins(canonicalize_name(each)) is not None]:
        del sources[name]
    return pyproject


def _pinned(text: str, pins: Pins) -> str:
    pin = pins(_name(text))
    if pin is None:
        return text
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    if requirement.specifier or (requirement.url and not _LOCAL.match(requirement.url)):
        return text
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker is not None else ""
    return f"{requirement.name}{extras}{pin}{marker}"


def _pinned_entry(entry: Any, pin: str) -> Any:
    """An entry of `[tool.poetry.dependencies]`; empty where nothing is left but the name."""
    stated: Table = {"version": entry} if isinstance(entry, str) else dict(entry)
    if not {"git", "url"} & stated.keys():
        for key in ("path", "develop", "subdirectory"):
            stated.pop(key, None)
        if pin and stated.get("version", "*") == "*":
            stated["version"] = pin
    return stated["version"] if list(stated) == ["version"] else stated


def requirement_of(name: str, pyproject: Mapping[str, Any]) -> str | None:
    """The requirement of a dependency, None if it is not there or has only a path."""
    for text in table(pyproject, "project").get("dependencies", ()):
        if _name(text) == canonicalize_name(name):
            return str(text)
    entry = table(pyproject, "tool", "poetry", "dependencies").get(name)
    version = entry.get("version") if isinstance(entry, Mapping) else entry
    return f"{name} {version}" if version is not None else None


def with_self_renamed(pyproject: Table, old: str, new: str) -> Table:
    """Extras which name the project itself (`all = ["kindling[spark]"]`) name its new name. Changes and returns it."""
    extras = pyproject.get("project", {}).get("optional-dependencies")
    for extra, requirements in extras.items() if isinstance(extras, dict) else ():
        extras[extra] = [
            re.sub(r"\A\s*[A-Za-z0-9._-]+", new, each) if _name(each) == canonicalize_name(old) else each
            for each in requirements
        ]
    return pyproject


def _static(pyproject: Table, where: str) -> Table:
    project: Table = pyproject.setdefault("project", {})
    if "dependencies" in project.get("dynamic", ()) and "dependencies" not in project:
        msg = f"{where}: the project's dependencies are dynamic, so there is no list to change"
        raise ConfigurationError(msg, hint="State all of them for this variant with `dependencies`.")
    return project


def _present(pyproject: Mapping[str, Any]) -> set[str]:
    project = table(pyproject, "project")
    lists = (project.get("dependencies", ()), *project.get("optional-dependencies", {}).values())
    poetry = table(pyproject, "tool", "poetry", "dependencies")
    found = {_name(each) for listed in (*lists, poetry) for each in listed}
    return found - {"python"}


def _without(requirements: Iterable[str], names: Collection[str]) -> list[str]:
    return [each for each in requirements if _name(each) not in names]


def _other_keys(entries: Mapping[str, Any], names: Collection[str]) -> Table:
    """Without those of these names: extras are compared as names of distributions are."""
    return {key: value for key, value in entries.items() if canonicalize_name(key) not in names}


def _extend_poetry(poetry: Table, new: Sequence[Requirement]) -> None:
    names = {canonicalize_name(each.name) for each in new}
    poetry["dependencies"] = {**_other_keys(poetry.get("dependencies", {}), names), **_poetry_entries(new)}
    # poetry-core makes all dependencies of an extra conditional; these must be unconditional.
    for extra, listed in poetry.get("extras", {}).items():
        poetry["extras"][extra] = _without(listed, names)


def _put_extras_in_poetry(poetry: Table, extras: Mapping[str, Sequence[str]], where: str) -> None:
    present = poetry.get("extras", {})
    poetry["extras"] = _other_keys(present, set(map(canonicalize_name, extras)))
    idle = _listed(present) - _listed(poetry["extras"])
    entries = {
        key: value
        for key, value in poetry.get("dependencies", {}).items()
        if not (canonicalize_name(key) in idle and _is_optional(value))
    }
    for extra, texts in extras.items():
        new = _parsed(texts, f"{where}.{extra}")
        for name, entry in _poetry_entries(new).items():
            optional = _as_optional(entry)
            if entries.setdefault(name, optional) != optional:
                msg = f"{where}.{extra}: {name!r} is a dependency twice with different constraints, which [tool.poetry] can't hold"
                raise ConfigurationError(
                    msg, hint="Move the project's dependencies to [project], which Poetry 2 knows too."
                )
        poetry["extras"][extra] = [each.name for each in new]
    poetry["dependencies"] = entries


def _listed(extras: Mapping[str, Sequence[str]]) -> set[str]:
    return {canonicalize_name(each) for listed in extras.values() for each in listed}


def _as_optional(entry: Any) -> Any:
    if isinstance(entry, list):
        return [_as_optional(each) for each in entry]
    return {**({"version": entry} if isinstance(entry, str) else entry), "optional": True}


def _is_optional(entry: Any) -> bool:
    entries = entry if isinstance(entry, list) else [entry]
    return any(isinstance(each, Mapping) and each.get("optional") for each in entries)


def _poetry_entries(requirements: Sequence[Requirement]) -> Table:
    """Poetry's form. Several requirements of one name (with different markers) become a list."""
    found: dict[str, list[Any]] = {}
    for each in requirements:
        found.setdefault(each.name, []).append(_poetry_entry(each))
    return {name: entries[0] if len(entries) == 1 else entries for name, entries in found.items()}


def _poetry_entry(requirement: Requirement) -> str | Table:
    entry = _poetry_source(requirement)
    if requirement.extras:
        entry["extras"] = sorted(requirement.extras)
    if requirement.marker is not None:
        entry["markers"] = str(requirement.marker)
    return str(entry["version"]) if list(entry) == ["version"] else entry


def _poetry_source(requirement: Requirement) -> Table:
    if requirement.url is None:
        return {"version": str(requirement.specifier) or "*"}
    git = _GIT_URL.match(requirement.url)
    if git is None:
        return {"url": requirement.url}
    folder = re.search(r"(?:\A|&)subdirectory=([^&]+)", git["fragment"] or "")
    stated = {"git": git["url"], "rev": git["rev"], "subdirectory": folder and folder[1]}
    return {key: value for key, value in stated.items() if value}


def _parsed(texts: Sequence[str], where: str) -> tuple[Requirement, ...]:
    found = []
    for text in texts:
        try:
            found.append(Requirement(text))
        except InvalidRequirement as error:
            msg = f"{where}: {text!r} is not a PEP 508 requirement: {str(error).splitlines()[0]}"
            raise ConfigurationError(
                msg, hint="Write it as in \"name[extra]>=1.2; python_version < '3.12'\"."
            ) from error
    return tuple(found)


def _name(text: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return canonicalize_name(match[1]) if match else ""
