"""A variant's dependencies: PEP 508 requirements over `[project]` or `[tool.poetry.dependencies]`. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from publish_all.errors import ConfigurationError

Table: TypeAlias = dict[str, Any]
_GIT_URL = re.compile(r"git\+(?P<url>[^#]+?)(?:@(?P<rev>[^/@#]+))?(?:#(?P<fragment>.*))?\Z")


def in_poetry(pyproject: Mapping[str, Any]) -> bool:
    """Whether poetry-core takes the dependencies from `[tool.poetry.dependencies]`.

    It does unless `[project]` states them (poetry.core.factory, `_configure_package_dependencies`).
    """
    poetry = _at(pyproject, "tool").get("poetry")
    if not isinstance(poetry, Mapping):
        return False
    if "project" not in pyproject:
        return True
    backend = str(_at(pyproject, "build-system").get("build-backend", ""))
    return (
        "poetry" in backend and "dependencies" in poetry and "dependencies" not in _at(pyproject, "project")
    )


def replaced(pyproject: Table, value: Sequence[str], *, where: str) -> Table:
    """`dependencies` in place of the base's. Changes and returns `pyproject`."""
    if in_poetry(pyproject):
        _replace_in_poetry(pyproject, _parsed(value, where))
    else:
        pyproject.setdefault("project", {})["dependencies"] = list(value)
    return pyproject


def with_extras(pyproject: Table, extras: Mapping[str, Sequence[str]], *, where: str) -> Table:
    """`optional-dependencies`, extra by extra: each replaces the base's of that name. Changes and returns `pyproject`."""
    # poetry-core takes extras from [project] if there are any (poetry.core.factory, as above).
    if in_poetry(pyproject) and not _at(pyproject, "project", "optional-dependencies"):
        _put_extras_in_poetry(pyproject, extras, where)
        return pyproject
    project = pyproject.setdefault("project", {})
    kept = _other_extras(project.get("optional-dependencies", {}), extras)
    project["optional-dependencies"] = {**kept, **{extra: list(each) for extra, each in extras.items()}}
    return pyproject


def _other_extras(present: Mapping[str, Any], extras: Mapping[str, Any]) -> Table:
    """Those of other names: extras are compared as names of distributions are."""
    names = {canonicalize_name(each) for each in extras}
    return {extra: listed for extra, listed in present.items() if canonicalize_name(extra) not in names}


def extended(pyproject: Table, requirements: Sequence[str], *, where: str) -> Table:
    """With these added; one of the same name is replaced. Changes and returns `pyproject`."""
    new = _parsed(requirements, where)
    if not new:
        return pyproject
    if in_poetry(pyproject):
        _extend_poetry(pyproject, new)
        return pyproject
    project = _static(pyproject, where)
    names = {canonicalize_name(each.name) for each in new}
    kept = [each for each in project.get("dependencies", []) if _name(each) not in names]
    project["dependencies"] = kept + [text.strip() for text in requirements]
    return pyproject


def excluded(pyproject: Table, names: Sequence[str], *, where: str, must_match: bool = True) -> Table:
    """Without the dependencies of these names, optional ones too. Changes and returns `pyproject`.

    Raises `ConfigurationError` for a name that is none of the dependencies, unless `must_match` is False.
    """
    for name in names:
        present = _present(pyproject)
        wanted = canonicalize_name(name)
        if wanted not in present:
            if must_match:
                _static(pyproject, where)
                raise _not_a_dependency(name, present, where)
            continue
        _exclude_from_project(pyproject, wanted)
        _exclude_from_poetry(pyproject, wanted)
    return pyproject


def with_self_renamed(pyproject: Table, old: str, new: str) -> Table:
    """Extras which name the project itself (`all = ["kindling[spark]"]`) name its new name. Changes and returns it."""
    extras = _at(pyproject, "project").get("optional-dependencies")
    if isinstance(extras, dict):
        for extra, requirements in extras.items():
            extras[extra] = [_renamed(each, old, new) for each in requirements]
    return pyproject


def _renamed(text: str, old: str, new: str) -> str:
    if _name(text) != canonicalize_name(old):
        return text
    return re.sub(r"\A\s*[A-Za-z0-9._-]+", new, text)


def _not_a_dependency(name: str, present: Iterable[str], where: str) -> ConfigurationError:
    near = difflib.get_close_matches(canonicalize_name(name), sorted(present), n=1)
    msg = f"{where}: {name!r} is not a dependency of the project"
    return ConfigurationError(
        msg, hint=f"Did you mean {near[0]!r}?" if near else "State names of dependencies, without versions."
    )


def _static(pyproject: Table, where: str) -> Table:
    project: Table = pyproject.setdefault("project", {})
    if "dependencies" in project.get("dynamic", ()) and "dependencies" not in project:
        msg = f"{where}: the project's dependencies are dynamic, so there is no list to change"
        raise ConfigurationError(msg, hint="State all of them for this variant with `dependencies`.")
    return project


def _present(pyproject: Mapping[str, Any]) -> set[str]:
    project = _at(pyproject, "project")
    found = {_name(each) for each in project.get("dependencies", ())}
    for requirements in project.get("optional-dependencies", {}).values():
        found |= {_name(each) for each in requirements}
    poetry = _at(pyproject, "tool", "poetry", "dependencies")
    return found | {canonicalize_name(each) for each in poetry if canonicalize_name(each) != "python"}


def _exclude_from_project(pyproject: Table, name: str) -> None:
    project = pyproject.get("project", {})
    if "dependencies" in project:
        project["dependencies"] = [each for each in project["dependencies"] if _name(each) != name]
    for extra, requirements in project.get("optional-dependencies", {}).items():
        project["optional-dependencies"][extra] = [each for each in requirements if _name(each) != name]


def _exclude_from_poetry(pyproject: Table, name: str) -> None:
    poetry = pyproject.get("tool", {}).get("poetry")
    if not isinstance(poetry, dict):
        return
    if "dependencies" in poetry:
        poetry["dependencies"] = {
            key: value for key, value in poetry["dependencies"].items() if canonicalize_name(key) != name
        }
    _drop_from_extras(poetry, {name})


def _drop_from_extras(poetry: Table, names: set[str]) -> None:
    for extra, listed in poetry.get("extras", {}).items():
        poetry["extras"][extra] = [each for each in listed if canonicalize_name(each) not in names]


def _extend_poetry(pyproject: Table, new: Sequence[Requirement]) -> None:
    poetry = pyproject["tool"]["poetry"]
    names = {canonicalize_name(each.name) for each in new}
    kept = {
        key: value
        for key, value in poetry.get("dependencies", {}).items()
        if canonicalize_name(key) not in names
    }
    poetry["dependencies"] = {**kept, **_poetry_entries(new)}
    # poetry-core makes whatever an extra lists conditional on the extra; these are to be there always.
    _drop_from_extras(poetry, set(names))


def _replace_in_poetry(pyproject: Table, new: Sequence[Requirement]) -> None:
    poetry = pyproject["tool"]["poetry"]
    kept = {
        key: value
        for key, value in poetry.get("dependencies", {}).items()
        if canonicalize_name(key) == "python" or _is_optional(value)
    }
    poetry["dependencies"] = kept
    _extend_poetry(pyproject, new)


def _put_extras_in_poetry(pyproject: Table, extras: Mapping[str, Sequence[str]], where: str) -> None:
    poetry = pyproject["tool"]["poetry"]
    present = poetry.get("extras", {})
    poetry["extras"] = _other_extras(present, extras)
    idle = _listed(present) - _listed(poetry["extras"])
    kept = {
        key: value
        for key, value in poetry.get("dependencies", {}).items()
        if not (canonicalize_name(key) in idle and _is_optional(value))
    }
    for extra, texts in extras.items():
        new = _parsed(texts, f"{where}.{extra}")
        for name, entry in _poetry_entries(new).items():
            _add_optional(kept, name, entry, f"{where}.{extra}")
        poetry["extras"][extra] = [each.name for each in new]
    poetry["dependencies"] = kept


def _listed(extras: Mapping[str, Sequence[str]]) -> set[str]:
    return {canonicalize_name(each) for listed in extras.values() for each in listed}


def _add_optional(entries: Table, name: str, entry: Any, where: str) -> None:
    optional = _as_optional(entry)
    if entries.setdefault(name, optional) != optional:
        msg = f"{where}: {name!r} is a dependency twice with different constraints, which [tool.poetry] can't hold"
        raise ConfigurationError(
            msg, hint="Move the project's dependencies to [project], which Poetry 2 knows too."
        )


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
    entry = {"git": git["url"]}
    if git["rev"]:
        entry["rev"] = git["rev"]
    folder = re.search(r"(?:\A|&)subdirectory=([^&]+)", git["fragment"] or "")
    if folder:
        entry["subdirectory"] = folder[1]
    return entry


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


def _at(pyproject: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = pyproject
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
