"""Where a project says its version now, and what to write of that. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from publish_all._build_system import backend_of
from publish_all.commands.scaffold.choices import NewVariant, VersionChoice
from publish_all.config.model import VersionSource
from publish_all.errors import VersionError
from publish_all.variants.setup_files import version_in_setup_py
from publish_all.version.attribute import Attribute, read_attribute
from publish_all.version.static import static_version, table

_FOLDERS = ("", "src/", "lib/", "packages/")
_FILES = ("__init__", "_version", "version", "__about__", "about")
_NOT_OURS = frozenset({"tests", "test", "docs", "doc", "build", "dist", "examples", "benchmarks", "scripts"})


def attributes(root: Path, name: str | None) -> tuple[str, ...]:
    """The files with a literal `__version__`, as relative paths; those of the package called `name` first."""
    own = (name or "").lower().replace("-", "_").replace(".", "_")
    found: dict[str, bool] = {}
    for path in _python_files(root):
        attribute = _literal(path, name)
        if attribute is not None and attribute.path.is_relative_to(root):
            where = attribute.path.relative_to(root).as_posix()
            found.setdefault(where, path.parent.name.lower() != own)
    return tuple(sorted(found, key=lambda each: found[each]))


def _python_files(root: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        for stem in _FILES:
            for path in sorted(root.glob(f"{folder}*/{stem}.py")):
                package = path.parent.name
                if not package.startswith(".") and package not in _NOT_OURS:
                    yield path


def _literal(path: Path, name: str | None) -> Attribute | None:
    try:
        return read_attribute(path, own_name=name)
    except (VersionError, OSError):
        return None


def suggest_version(
    root: Path, pyproject: Mapping[str, Any], *, name: str | None, variants: Iterable[NewVariant]
) -> VersionChoice:
    """What goes with the version as the project has it now: nothing moves unless nobody says a version.

    A static version stays, and the other places that say it are kept in step.
    """
    files = attributes(root, name)
    configs = _config_globs(variants)
    if static_version(pyproject) is not None:
        return VersionChoice(sync=(*files, *configs))
    if _backend_knows(pyproject):
        stated = version_in_setup_py(root) is not None
        return VersionChoice(sync=(*(files if stated else ()), *configs))
    if files:
        return VersionChoice(source=VersionSource.ATTRIBUTE, path=files[0], sync=(*files[1:], *configs))
    return VersionChoice(source=VersionSource.GIT, sync=configs)


def _backend_knows(pyproject: Mapping[str, Any]) -> bool:
    """Whether the version is the backend's business already: hatchling's own sources, or another backend."""
    backend = backend_of(pyproject)
    if backend.startswith("hatchling"):
        return bool(table(pyproject, "tool", "hatch", "version"))
    return not backend.startswith(("poetry.core", "publish_all.backends"))


def choose(
    source: VersionSource, suggested: VersionChoice, *, root: Path, name: str | None, tag_prefix: str
) -> VersionChoice:
    """The choice for another source than the suggested one; `path` is None where no file has a `__version__`."""
    files = attributes(root, name)
    others = tuple(each for each in suggested.sync if each.endswith(".toml"))
    match source:
        case VersionSource.ATTRIBUTE:
            return VersionChoice(
                source=source,
                path=files[0] if files else None,
                tag_prefix=tag_prefix,
                sync=(*files[1:], *others),
            )
        case VersionSource.GIT:
            return VersionChoice(source=source, tag_prefix=tag_prefix, sync=(*files, *others))
        case VersionSource.PROJECT:
            return VersionChoice(source=source, tag_prefix=tag_prefix, sync=(*files, *others))


def _config_globs(variants: Iterable[NewVariant]) -> tuple[str, ...]:
    """A glob for each folder of variants' files; those at the root by name."""
    found: dict[str, None] = {}
    for each in variants:
        folder, slash, _ = each.pyproject.rpartition("/")
        found[f"{folder}/*.toml" if slash else each.pyproject] = None
    return tuple(found)
